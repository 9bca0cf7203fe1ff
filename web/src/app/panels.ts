// Brings in what the charts show, of the run and of the one beside it.

import type { Learning, Query, RemovalFrame, Source, SpectrumFrame, Timeline } from "../types";
import { isGone, sentenceOf } from "./failures";
import { createLatest } from "./latest";
import type { Model, Second } from "./model";
import { momentBeside, queryOf, type Scene } from "./scene";
import type { Store } from "./store";

const KEPT = 48;

/** Follows the scene with the charts of one run or of two. */
export function createBeside(store: Store<Model>, source: Source) {
  const first = createPanels(store, source, (patch) => store.set(patch));
  const second = createPanels(store, source, (patch) => store.set({ second: { ...store.get().second, ...patch } }));
  return {
    want(scene: Scene): void {
      // Charts are of the runs' own weights, whatever the graph rests on.
      const query: Query = { ...queryOf(scene, store.get().state), source: "weights", merged: null };
      first.want(query, scene.timeline);
      const { merged, moment } = scene;
      if (merged) second.want({ ...query, timeline: merged.id, at: momentBeside(merged, moment.at).at }, merged);
    },
    again() {
      first.again();
      second.again();
    },
    destroy() {
      first.destroy();
      second.destroy();
    },
  };
}

/** Fetches what the charts show of one run. */
function createPanels(store: Store<Model>, source: Source, tell: (patch: Partial<Second>) => void) {
  const sameLayer = (old: Query, next: Query): boolean =>
    old.timeline === next.timeline && old.layer === next.layer;
  const failed = (problem: unknown): string => {
    if (isGone(problem)) store.set({ gone: true });
    return sentenceOf(problem);
  };
  // While time goes on the graph comes first.
  const pause = (): number => (store.get().playing ? 800 : 120);
  const common = { keyOf: (query: Query) => JSON.stringify(query), alike: sameLayer, failed, pause, room: KEPT };
  const spectrum = createLatest<Query, SpectrumFrame>({
    ...common,
    load: async (query, signal) => ({ ...(await source.spectrum(query, signal)), of: query.at }),
    tell: (value) => tell({ spectrum: value }),
  });
  const removal = createLatest<Query, RemovalFrame>({
    ...common,
    load: async (query, signal) => ({ ...(await source.removal(query, signal)), of: query.at }),
    tell: (value) => tell({ removal: value }),
  });
  const learning = createLatest<{ id: string; moments: number }, Learning>({
    load: (wish) => source.learning(wish.id),
    keyOf: (wish) => JSON.stringify(wish),
    alike: (old, next) => old.id === next.id,
    tell: (value) => tell({ learning: value }),
    failed,
    pause: () => 0,
    room: 4,
  });
  const all = [spectrum, removal, learning];
  return {
    want(query: Query, { id, moments }: Timeline): void {
      spectrum.want(query);
      removal.want(query);
      learning.want({ id, moments: moments.length });
    },
    again: () => all.forEach((one) => one.again()),
    destroy: () => all.forEach((one) => one.destroy()),
  };
}
