// Play: from moment to moment at the chosen speed, and never past one that has not yet come.

import { isScene } from "./derive";
import type { Model } from "./model";
import { sceneOf } from "./scene";
import type { Store } from "./store";

/** The moment after this one; null at the end, unless it begins anew. */
export function following(index: number, count: number, loop: boolean): number | null {
  if (index + 1 < count) return index + 1;
  return loop && count > 1 ? 0 : null;
}

/** Moves on while the model says that it plays. Returns what ends it. */
export function createPlayer(store: Store<Model>, goToIndex: (index: number) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let due = false;

  function advance(): void {
    due = false;
    const { catalog, state, gone } = store.get();
    const scene = catalog ? sceneOf(catalog, state) : null;
    if (!isScene(scene) || gone) return store.set({ playing: false });
    const next = following(scene.index, scene.timeline.moments.length, state.loop);
    if (next === null) store.set({ playing: false });
    else goToIndex(next);
  }

  function follow(model: Model): void {
    if (!model.playing) {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      due = false;
      return;
    }
    if (due && !model.waiting && !model.spanning) advance();
    if (timer === null && store.get().playing && !due) timer = setTimeout(tick, 1000 / model.state.speed);
  }

  function tick(): void {
    timer = null;
    due = true;
    follow(store.get());
  }

  const unsubscribe = store.subscribe(follow);
  return () => {
    unsubscribe();
    if (timer !== null) clearTimeout(timer);
  };
}
