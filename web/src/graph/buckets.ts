// Links in a few buckets of one opacity each: sorted by weight they are contiguous, and each bucket
// is drawn as one path.
import { countWithin, maxApartOf, weightOf } from "./apart.ts";

export const BUCKETS = 8;

export interface Buckets {
  /** Where each bucket ends among the links; the last entry is their number. */
  ends: number[];
  /** Opacity of each bucket, the strongest links first. */
  opacity: number[];
}

const MOST = 0.6;
const LEAST = 0.025;
const STRONG = 0.85;

/** Buckets of equal width in weight, between the strongest and the weakest link. */
export function bucketsOf(apart: Uint16Array, sigma: number, squared = false): Buckets {
  const count = apart.length;
  const strongest = count > 0 ? weightOf(apart[0], sigma, squared) : 1;
  const weakest = count > 0 ? weightOf(apart[count - 1], sigma, squared) : 0;
  const ink = inkOf(count);
  const ends: number[] = [];
  const opacity: number[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const last = bucket === BUCKETS - 1;
    const edge = strongest + ((weakest - strongest) * (bucket + 1)) / BUCKETS;
    ends.push(last ? count : countWithin(apart, maxApartOf(edge, sigma, squared)));
    opacity.push(ink * (1 - (0.65 * bucket) / (BUCKETS - 1)));
  }
  return { ends, opacity };
}

/** Many links lie over one another: each gets less, so that they stay faint beneath the units. */
function inkOf(links: number): number {
  return Math.min(Math.max(MOST * (1200 / Math.max(links, 1)) ** 0.75, LEAST), MOST);
}

/** The opacity of links that are drawn apart from the others; of thousands each gets less. */
export function strongInk(links: number): number {
  return Math.min(Math.max(STRONG * Math.sqrt(400 / Math.max(links, 1)), 0.12), STRONG);
}

/** The opacity of each link. */
export function opacityOf(buckets: Buckets): Float32Array {
  const opacity = new Float32Array(buckets.ends[buckets.ends.length - 1]);
  let start = 0;
  buckets.ends.forEach((end, bucket) => {
    opacity.fill(buckets.opacity[bucket], start, end);
    start = end;
  });
  return opacity;
}
