// The forces of the layout, live.

import { RANGES } from "../graph/forces";
import type { Forces } from "../types";
import type { Actions } from "./actions";
import { h } from "./dom";
import { foldable } from "./fold";
import { within } from "./limits";
import { createNumberField } from "./numberfield";
import type { Part } from "./part";

const FORCES: readonly { name: keyof Forces; label: string; title: string; places: number }[] = [
  { name: "charge", label: "charge", title: "How strongly all units push each other apart", places: 0 },
  { name: "gravity", label: "gravity", title: "How strongly all units are drawn to the middle", places: 3 },
  { name: "length", label: "link length", title: "The distance that a link wants, in pixels", places: 0 },
  { name: "strength", label: "link strength", title: "How strongly links pull", places: 2 },
  { name: "collision", label: "collision", title: "The room around each unit, in radii", places: 1 },
];

export interface ForceActions {
  /** Lays out from fresh places. */
  again(): void;
}

export function createForces(actions: Actions, graph: ForceActions): Part {
  const fields = FORCES.map(({ name, ...rest }) => ({
    name,
    field: createNumberField({ ...rest, range: RANGES[name], changed: (value) => actions.setForce(name, within(value, RANGES[name])) }),
  }));
  const frozen = h("button", { type: "button", onclick: () => actions.setFrozen(frozen.getAttribute("aria-pressed") !== "true") }, "Freeze");
  const release = h("button", { type: "button", onclick: actions.releasePins }, "Release pins");
  const element = foldable("Forces", false,
    ...fields.map(({ field }) => field.element),
    h("div", { class: "buttons" },
      frozen, release,
      h("button", { type: "button", onclick: graph.again }, "Lay out anew"),
      h("button", { type: "button", onclick: actions.resetForces }, "Reset forces")));
  return {
    element,
    update({ state }) {
      for (const { name, field } of fields) field.show(state.forces[name]);
      frozen.setAttribute("aria-pressed", String(state.frozen));
      release.disabled = state.pinned.length === 0;
      release.textContent = state.pinned.length === 0 ? "Release pins" : `Release ${state.pinned.length} pinned`;
    },
  };
}
