// Looks again every little while: at a run that is being written, for runs that were not there yet,
// and for a server that had gone.

import type { Catalog, Source, Timeline } from "../types";
import { isScene } from "./derive";
import { isGone } from "./failures";
import type { Loader } from "./loader";
import type { Model } from "./model";
import { distinct, meantBy, sceneOf } from "./scene";
import type { Store } from "./store";

const EVERY = 2000;
const CATALOG_EVERY = 10_000;
// The server reads every run for its catalog: at most so much of its time goes into that.
const CATALOG_SHARE = 0.05;

/** Follows what is written until it is told to stop. */
export function follow(store: Store<Model>, source: Source, loader: Loader): () => void {
  if (!source.live) return () => undefined;
  let busy = false;
  let searchAt = Date.now() + CATALOG_EVERY;
  const look = async (): Promise<void> => {
    if (store.get().gone) return loader.open();
    await renew(store, source);
    const begun = Date.now();
    if (begun < searchAt) return;
    await search(store, source);
    searchAt = Date.now() + Math.max(CATALOG_EVERY, (Date.now() - begun) / CATALOG_SHARE);
  };
  const timer = setInterval(() => {
    if (busy || document.hidden) return;
    busy = true;
    void look().finally(() => {
      busy = false;
    });
  }, EVERY);
  return () => clearInterval(timer);
}

/** Reads again those shown timelines that are still written. */
export async function renew(store: Store<Model>, source: Source): Promise<void> {
  for (const id of runningIds(store.get())) {
    await trying(store, async () => {
      const fresh = await source.timeline(id);
      const { catalog } = store.get();
      if (!catalog) return;
      // The name stays the one that tells it apart from others here.
      const timelines = catalog.timelines.map((old) => (old.id === id ? { ...fresh, name: old.name } : old));
      take(store, { ...catalog, timelines });
    });
  }
}

/** Looks for new runs. The one that is shown stays, though by default another might come first now. */
export async function search(store: Store<Model>, source: Source): Promise<void> {
  await trying(store, async () => {
    const fresh = distinct(await source.catalog());
    const { catalog, state } = store.get();
    const before = catalog && sceneOf(catalog, state);
    const after = meantBy(fresh, state);
    take(store, fresh);
    if (state.run !== null || !isScene(before) || !after) return;
    if (before.timeline.id !== after.id) store.set({ state: { ...state, run: before.timeline.id } });
  });
}

async function trying(store: Store<Model>, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (problem) {
    if (isGone(problem)) store.set({ gone: true });
  }
}

/** Exchanges what is another in the catalog, and nothing else. */
function take(store: Store<Model>, fresh: Catalog): void {
  const { catalog } = store.get();
  const known = new Map(catalog?.timelines.map((timeline) => [timeline.id, timeline]));
  const timelines = fresh.timelines.map((timeline) => newer(known.get(timeline.id), timeline));
  const next = { ...fresh, timelines };
  if (JSON.stringify(next) !== JSON.stringify(catalog)) store.set({ catalog: next });
}

/** What is known of a timeline: a list that only names it takes nothing away that was read. */
function newer(old: Timeline | undefined, fresh: Timeline): Timeline {
  if (old && fresh.unread !== undefined && old.unread === undefined) {
    const { name, status } = fresh;
    // One that is written is read again in its turn.
    if (status === "running" || old.moments.length === fresh.unread) return newer(old, { ...old, name, status });
  }
  return old && JSON.stringify(old) === JSON.stringify(fresh) ? old : fresh;
}

function runningIds({ catalog, state }: Model): string[] {
  if (!catalog) return [];
  const scene = sceneOf(catalog, state);
  if (scene === null) return [];
  if (isScene(scene)) {
    return [scene.timeline, scene.merged].flatMap((one) => (one?.status === "running" ? [one.id] : []));
  }
  return catalog.timelines.filter(({ status }) => status === "running").map(({ id }) => id);
}
