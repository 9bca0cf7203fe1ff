// Each unit's nearest neighbours as links, beside all links that reach a level.
import type { GraphFrame } from "../types.ts";
import { countWithin } from "./apart.ts";

/** A picture whose links join each unit with its nearest, and for how many units not all are known. */
export interface Nearest {
  frame: GraphFrame;
  /** Units of which fewer neighbours are carried than were asked for. */
  lacking: number;
}

/**
 * The picture with the links up to `level`, and one wherever one of two units is among the other's
 * `k` nearest.
 *
 * A link is carried from the nearest pair on, so it is among the `k` nearest of an end that fewer
 * than `k` carried links have reached before. What is carried of each unit's neighbours fills in
 * below that.
 */
export function nearestLinks(frame: GraphFrame, k: number, level: number): Nearest {
  const { source, target, apart } = frame;
  const reached = new Uint16Array(frame.units);
  const strong = countWithin(apart, level);
  const chosen: number[] = [];
  for (let link = 0; link < apart.length; link++) {
    const [a, b] = [source[link], target[link]];
    if (link < strong || reached[a] < k || reached[b] < k) chosen.push(link);
    if (reached[a] < MOST) reached[a] += 1;
    if (reached[b] < MOST) reached[b] += 1;
  }
  const below = belowCarried(frame, reached, k);
  below.sort((one, other) => one[2] - other[2]);
  const column = (of: Uint16Array, at: 0 | 1 | 2): Uint16Array => {
    const values = new Uint16Array(chosen.length + below.length);
    chosen.forEach((link, place) => (values[place] = of[link]));
    below.forEach((pair, place) => (values[chosen.length + place] = pair[at]));
    return values;
  };
  const links = { source: column(source, 0), target: column(target, 1), apart: column(apart, 2) };
  return { frame: { ...frame, ...links }, lacking: lackingOf(frame, reached, k) };
}

/** A unit may have more links than sixteen bits count. */
const MOST = 1000;

type Pair = [source: number, target: number, apart: number];

/** Neighbours that no carried link leads to: farther than all of these. `reached` counts them too. */
function belowCarried({ units, neighbours, nearest, nearestApart, apart }: GraphFrame, reached: Uint16Array, k: number): Pair[] {
  if (nearest === null || nearestApart === null) return [];
  const farthest = apart.length > 0 ? apart[apart.length - 1] : -1;
  const carried = reached.slice();
  const found = new Map<number, Pair>();
  for (let unit = 0; unit < units; unit++) {
    // Among the nearest, the first ones are those that links have reached.
    for (let place = carried[unit]; place < Math.min(k, neighbours); place++) {
      const other = nearest[unit * neighbours + place];
      const far = nearestApart[unit * neighbours + place];
      if (other === unit || other >= units || far < farthest) continue;
      reached[unit] += 1;
      found.set(Math.min(unit, other) * units + Math.max(unit, other), [Math.min(unit, other), Math.max(unit, other), far]);
    }
  }
  return [...found.values()];
}

/** How many units have fewer neighbours than there are others with a direction, and than asked for. */
function lackingOf({ units, nearest, neighbours, ...frame }: GraphFrame, reached: Uint16Array, k: number): number {
  // Where neighbours are carried, one without any has no direction; its own number may stand there.
  const nowhere = (unit: number): boolean => neighbours > 0 && reached[unit] === 0 && (nearest === null || nearest[unit * neighbours] === unit);
  const alive = Uint8Array.from({ length: units }, (_, unit) => (frame.kept[unit] > 0 && frame.norm[unit] > 0 && !nowhere(unit) ? 1 : 0));
  const others = alive.reduce((sum, one) => sum + one, 0) - 1;
  return alive.reduce((sum, one, unit) => sum + (one && reached[unit] < Math.min(k, others) ? 1 : 0), 0);
}
