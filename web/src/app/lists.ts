// The selection as a list of units by layer, which `surfeit.prune.unit_mask` takes, and the table as CSV.

import type { View } from "./derive";
import { isScene } from "./derive";
import type { Row } from "./rows";

/** Units of one run, ascending; `beside` says that it is the run that is shown beside the first. */
export interface UnitList {
  beside: boolean;
  units: number[];
  /** {"fc1": [0, 7]}: JSON and Python alike. */
  text: string;
}

/** The selected units of each run that has some, numbered as in their own run. */
export function listsOf({ scene, state, facts }: View): UnitList[] {
  if (!isScene(scene) || !facts) return [];
  const { own } = facts;
  const known = state.selected.filter((unit) => unit < facts.units).sort((one, other) => one - other);
  return [false, true].flatMap((beside) => {
    const units = known.filter((unit) => unit >= own === beside).map((unit) => (beside ? unit - own : unit));
    return units.length > 0 ? [{ beside, units, text: `{${JSON.stringify(scene.layer.name)}: [${units.join(", ")}]}` }] : [];
  });
}

const HEADINGS = ["run", "unit", "norm", "update_norm", "angle_moved_degrees", "links", "component", "weights_kept", "removal_place", "selected"];

/** The rows as comma-separated values, RFC 4180; empty where a value is not known. */
export function csvOf(view: View, rows: readonly Row[]): string {
  const scene = isScene(view.scene) ? view.scene : null;
  const own = view.facts?.own ?? Infinity;
  const selected = new Set(view.state.selected);
  const lines = rows.map((row) => {
    const second = row.unit >= own;
    const run = (second ? scene?.merged?.id : scene?.timeline.id) ?? "";
    const component = row.links === 0 ? NaN : row.cluster;
    const numbers = [second ? row.unit - own : row.unit, row.norm, row.update, row.angle, row.links, component, row.kept / 100, row.place, selected.has(row.unit) ? 1 : 0];
    return [run, ...numbers.map((value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : ""))].join(",");
  });
  return [HEADINGS.join(","), ...lines, ""].join("\r\n");
}
