// What a unit is called and what is said of it.

import { degrees } from "./facts";
import { isScene, type View } from "./derive";
import { criterionName, plural, short } from "./words";

/** "unit 17", or "unit 17 of lenet, seed 1". */
export function unitName(view: View, unit: number): string {
  const own = view.facts?.own ?? Infinity;
  if (unit < own) return `unit ${unit}`;
  const other = isScene(view.scene) ? view.scene.merged?.name : null;
  return `unit ${unit - own} of ${other ?? "the other run"}`;
}

/** The unit's number alone; those of the second run with a dash. */
export function unitMark(view: View, unit: number): string {
  const own = view.facts?.own ?? Infinity;
  return unit < own ? String(unit) : `${unit - own}′`;
}

/** Pairs of a name and a value. */
export function unitFacts(view: View, unit: number): [string, string][] {
  const { facts, places, state } = view;
  if (!facts || unit >= facts.units) return [];
  const told: [string, string][] = [["norm", short(facts.norm[unit]!)]];
  const update = facts.moved[unit]!;
  if (Number.isFinite(update)) told.push(["update", short(update)]);
  const angle = facts.angle[unit]!;
  if (Number.isFinite(angle)) told.push(["angle moved", `${degrees(angle).toFixed(1)}°`]);
  if (places?.[unit]) told.push([`removal by ${criterionName(state.criterion)}`, `${places[unit]} of ${view.order?.length ?? 0}`]);
  if (facts.kept[unit]! < 1) told.push(["weights kept", `${(100 * facts.kept[unit]!).toFixed(1)} %`]);
  const alone = state.nearest > 0 ? "no dark link" : "isolated";
  told.push(["component", clusterWords(facts.cluster[unit]!, facts.sizes, facts.links[unit]!, alone)]);
  return told;
}

function clusterWords(cluster: number, sizes: number[], links: number, alone: string): string {
  if (cluster === 0) return "not drawn";
  if (links === 0) return alone;
  return `${cluster} (${plural(sizes[cluster - 1] ?? 0, "unit")}), ${plural(links, "link")}`;
}
