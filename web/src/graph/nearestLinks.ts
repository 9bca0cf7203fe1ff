// The strongest links of each unit in place of those above a cutoff, from what a picture carries.
import type { GraphFrame } from "../types.ts";

/** A picture whose links join each unit with its nearest, and for how many units not all are known. */
export interface Nearest {
  frame: GraphFrame;
  /** Units of which fewer neighbours are carried than were asked for. */
  lacking: number;
}

/**
 * The picture with a link wherever one of two units is among the other's `k` nearest.
 *
 * A link is carried from the nearest pair on, so it is among the `k` nearest of an end that fewer
 * than `k` carried links have reached before. What is carried of each unit's neighbours fills in
 * below that.
 */
export function nearestLinks(frame: GraphFrame, k: number): Nearest {
  const reached = new Uint16Array(frame.units);
  const chosen: number[] = [];
  for (let link = 0; link < frame.apart.length; link++) {
    const [a, b] = [frame.source[link], frame.target[link]];
    if (reached[a] < k || reached[b] < k) chosen.push(link);
    reached[a] += 1;
    reached[b] += 1;
  }
  const pairs = chosen.map((link): Pair => [frame.source[link], frame.target[link], frame.apart[link]]);
  pairs.push(...belowCarried(frame, reached, k));
  pairs.sort((one, other) => one[2] - other[2]);
  let alive = 0;
  let lacking = 0;
  for (let unit = 0; unit < frame.units; unit++) if (isAlive(frame, unit)) alive += 1;
  for (let unit = 0; unit < frame.units; unit++) if (isAlive(frame, unit) && reached[unit] < Math.min(k, alive - 1)) lacking += 1;
  const column = (at: 0 | 1 | 2): Uint16Array => Uint16Array.from(pairs, (pair) => pair[at]);
  return { frame: { ...frame, source: column(0), target: column(1), apart: column(2) }, lacking };
}

type Pair = [source: number, target: number, apart: number];

/** Neighbours that no carried link leads to; `reached` counts them too. */
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

function isAlive({ kept, norm }: GraphFrame, unit: number): boolean {
  return kept[unit] > 0 && norm[unit] > 0;
}
