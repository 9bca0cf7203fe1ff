// From moment to moment, taking something at each once its picture stands: for films and the like.

import type { GraphView } from "../types";
import type { Actions } from "./actions";
import { isScene, type View } from "./derive";

/** Milliseconds that units have to find their places at a moment. */
const SETTLING = 300;
const PATIENCE = 30_000;

export interface Walk {
  update(view: View): void;
  /** Goes to moments by their index and back again, and takes each view. False: it was called off. */
  through(indices: readonly number[], take: (view: View, place: number) => Promise<void>): Promise<boolean>;
  /** Calls a walk off; whether there was one. */
  stop(): boolean;
  readonly walking: boolean;
}

export function createWalk(actions: Pick<Actions, "goToIndex" | "play">, graph: Pick<GraphView, "on">): Walk {
  let view: View | null = null;
  let settled = true;
  let walking = false;
  let called = false;
  graph.on({ status: (status) => void (settled = status.settled) });

  const stands = (index: number): boolean =>
    view !== null && view.current && isScene(view.scene) && view.scene.index === index;

  async function reach(index: number): Promise<View> {
    actions.goToIndex(index);
    const end = performance.now() + PATIENCE;
    while (!stands(index)) {
      if (called) throw new Error("called off");
      if (view?.model.failure) throw new Error(view.model.failure);
      if (performance.now() > end) throw new Error("A picture did not come within half a minute.");
      await pause(20);
    }
    settled = false;
    for (let waited = 0; waited < SETTLING && !settled; waited += 50) await pause(50);
    return view!;
  }

  return {
    update: (next) => void (view = next),
    async through(indices, take) {
      if (walking || !view || !isScene(view.scene)) return false;
      [walking, called] = [true, false];
      const before = view.scene.index;
      actions.play(false);
      try {
        for (const [place, index] of indices.entries()) await take(await reach(index), place);
        return true;
      } catch (problem) {
        if (called) return false;
        throw problem;
      } finally {
        walking = false;
        actions.goToIndex(before);
      }
    },
    stop() {
      called = walking;
      return walking;
    },
    get walking() {
      return walking;
    },
  };
}

/** At most so many of the moments, evenly spaced, the first and the last among them. */
export function evenly(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: most }, (_, place) => Math.round((place * (count - 1)) / (most - 1)));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
