// How large and how strong units and links stand on the page: the graph's own rules of drawing.

import { DIMMED, FAINT, strengthOf } from "../graph/emphasis";
import type { Drawn, Saving } from "./shapes";

/** Radii and opacities as drawn. */
export function drawnOf({ snapshot, selected }: Pick<Saving, "snapshot" | "selected">): Drawn {
  const { places, appearance, zoom } = snapshot;
  const chosen = new Set(selected);
  const dimmed = (unit: number): number => (chosen.size > 0 && !chosen.has(unit) ? DIMMED : 1);
  const radius = Array.from(appearance.radius, (own, unit) =>
    own > 0 && Number.isFinite(places[2 * unit]) && Number.isFinite(places[2 * unit + 1]) ? own * zoom : 0,
  );
  const opacity = Array.from(appearance.opacity, (own, unit) => own * dimmed(unit));
  return { radius, opacity, links: linkOpacity({ snapshot, selected }, chosen) };
}

/** Links of selected units stand out, the fewer of them the more. */
function linkOpacity({ snapshot }: Pick<Saving, "snapshot" | "selected">, chosen: Set<number>): number[] {
  const { links, opacity } = snapshot;
  if (chosen.size === 0) return Array.from(opacity);
  const own = Array.from(opacity, (_, link) => chosen.has(links[2 * link]) || chosen.has(links[2 * link + 1]));
  const count = own.filter(Boolean).length;
  const strong = strengthOf(count);
  return Array.from(opacity, (value, link) => (own[link] ? Math.max(value, strong) : FAINT * value));
}
