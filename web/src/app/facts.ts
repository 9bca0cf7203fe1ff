// What is known of each unit in the picture at the present cutoff: for the table, the search, the
// selection and the words above the graph.

import { countWithin, FARTHEST, innerProductOf } from "../graph/apart";
import { shownUnits } from "../graph/appearance";
import { components } from "../graph/components";
import type { GraphFrame } from "../types";

export interface Facts {
  units: number;
  own: number;
  norm: Float32Array;
  /** Length of what training added; NaN where unknown. */
  moved: Float32Array;
  /** Radians from the initial weight vector; NaN where unknown. */
  angle: Float32Array;
  kept: Float32Array;
  /** Links of each unit that reach the level. */
  links: Uint16Array;
  /** The component of each unit, 1 the largest; 0 for units that are not drawn. */
  cluster: Int32Array;
  /** Units in each component, the largest first. */
  sizes: number[];
  /** Links that are drawn, and how many of them reach the level; units with one of these at least, and units without. */
  drawn: number;
  strong: number;
  linked: number;
  isolated: number;
  /** Whether links are left out of the picture at this cutoff. */
  capped: boolean;
}

/** Counts links and components; units of models that are switched off take no part. Links beyond the
 * level, to units that are merely the nearest, join no component. */
export function factsOf(frame: GraphFrame, maxApart: number, hidden: readonly number[], level = maxApart): Facts {
  const seen = shownUnits(frame, hidden);
  const count = countWithin(frame.apart, maxApart);
  const { of, sizes } = components(frame, countWithin(frame.apart, Math.min(level, maxApart)), seen);
  const links = new Uint16Array(frame.units);
  let drawn = 0;
  let strong = 0;
  for (let link = 0; link < count; link += 1) {
    const source = frame.source[link]!;
    const target = frame.target[link]!;
    if (!seen[source] || !seen[target]) continue;
    drawn += 1;
    if (frame.apart[link]! > level) continue;
    links[source]! += 1;
    links[target]! += 1;
    strong += 1;
  }
  const isolated = sizes.filter((size) => size === 1).length;
  return {
    units: frame.units,
    own: frame.own,
    norm: frame.norm,
    moved: frame.moved,
    angle: frame.angle,
    kept: frame.kept,
    links,
    cluster: of.map((component) => component + 1),
    sizes,
    drawn,
    strong,
    linked: sizes.reduce((sum, size) => sum + size, 0) - isolated,
    isolated,
    capped: maxApart < FARTHEST && count === frame.apart.length && innerProductOf(maxApart) < frame.floor,
  };
}

/** The place of each unit in an order, from 1; 0 for units that are not in it. */
export function placesOf(order: Uint16Array, units: number): Uint16Array {
  const places = new Uint16Array(units);
  order.forEach((unit, place) => {
    if (unit < units) places[unit] = place + 1;
  });
  return places;
}

export function degrees(radians: number): number {
  return (radians * 180) / Math.PI;
}
