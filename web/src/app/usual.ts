// What is usual for what is shown, in place of what was not chosen: the picture that a training
// opens with.

import type { Choices, ViewState } from "../types";
import type { Scene } from "./scene";

/** Nearest units that each is joined with where few pairs pass their level. */
export const USUAL_NEAREST = 3;

/** Units up to which groups are followed unasked: of more it takes many seconds. */
const FOLLOWED = 1024;

/** The state with all that is usual filled in: what training added, where that is known. */
export function choicesOf(state: ViewState, scene: Scene | null): Choices {
  const known = scene !== null && withoutUpdates(scene) === null;
  const source = state.source ?? (known ? "updates" : "weights");
  const added = source === "updates";
  return {
    ...state,
    source,
    nearest: state.nearest ?? (added ? USUAL_NEAREST : 0),
    size: state.size ?? (added ? "moved" : "norm"),
    colour: state.colour ?? (scene?.merged ? "model" : known && scene.layer.units <= FOLLOWED ? "group" : "cluster"),
  };
}

/** Why it is not known what training added, a clause; null where it is. */
export function withoutUpdates({ timeline, merged }: Scene): string | null {
  for (const one of [timeline, merged]) if (one?.withoutUpdates != null) return one.withoutUpdates;
  // Of a timeline that says nothing, nothing is known.
  return timeline.withoutUpdates === undefined ? "nothing says how training began" : null;
}
