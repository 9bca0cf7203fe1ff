// Looks again every little while: at a run that is being written, and for a server that had gone.

import type { Source, Timeline } from "../types";
import { isGone } from "./failures";
import type { Loader } from "./loader";
import type { Model } from "./model";
import { sceneOf } from "./scene";
import type { Store } from "./store";

const EVERY = 2000;

/** Follows what is written until it is told to stop. */
export function follow(store: Store<Model>, source: Source, loader: Loader): () => void {
  if (!source.live) return () => undefined;
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    const look = store.get().gone ? loader.open() : renew(store, source);
    void look.finally(() => {
      busy = false;
    });
  }, EVERY);
  return () => clearInterval(timer);
}

/** Reads again those shown timelines that are still written. */
export async function renew(store: Store<Model>, source: Source): Promise<void> {
  for (const id of runningIds(store.get())) {
    try {
      const fresh = await source.timeline(id);
      const { catalog } = store.get();
      if (!catalog) return;
      // The name stays the one that tells it apart from others here.
      const timelines = catalog.timelines.map((old) => (old.id === id ? newer(old, { ...fresh, name: old.name }) : old));
      const changed = timelines.some((timeline, at) => timeline !== catalog.timelines[at]);
      if (changed) store.set({ catalog: { ...catalog, timelines } });
    } catch (problem) {
      if (isGone(problem)) store.set({ gone: true });
    }
  }
}

function newer(old: Timeline, fresh: Timeline): Timeline {
  return JSON.stringify(old) === JSON.stringify(fresh) ? old : fresh;
}

function runningIds({ catalog, state }: Model): string[] {
  if (!catalog) return [];
  const scene = sceneOf(catalog, state);
  if (typeof scene !== "string") {
    return [scene.timeline, scene.merged].flatMap((one) => (one?.status === "running" ? [one.id] : []));
  }
  return catalog.timelines.filter(({ status }) => status === "running").map(({ id }) => id);
}
