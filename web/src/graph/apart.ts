// How far two units are apart, quantised to 16 bits, and what it means: an inner product, the
// weight of a link.

/** The greatest `apart`: opposite weight vectors. */
export const FARTHEST = 65535;

/** The inner product of two unit vectors that are `apart`: 1 - 2 apart / 65535. */
export function innerProductOf(apart: number): number {
  return 1 - (2 * apart) / FARTHEST;
}

/** The nearest `apart` of an inner product; those out of [-1, 1] count as the nearest within. */
export function apartOf(innerProduct: number): number {
  return Math.round(((1 - clamp(innerProduct, -1, 1)) / 2) * FARTHEST);
}

/** The weight of a link in (0, 1]: exp(-(1 - inner product) / sigma^2) or, `squared`, exp(-d^2 / sigma^2)
 * with d = (1 - inner product) / 2. */
export function weightOf(apart: number, sigma: number, squared = false): number {
  const share = apart / FARTHEST;
  return Math.exp(-(squared ? share * share : 2 * share) / (sigma * sigma));
}

/** The greatest `apart` whose weight is still at least `cut`. */
export function maxApartOf(cut: number, sigma: number, squared = false): number {
  if (!(cut > 0)) return FARTHEST;
  const most = -Math.log(Math.min(cut, 1)) * sigma * sigma;
  const exact = FARTHEST * (squared ? Math.sqrt(most) : most / 2);
  // A cut that was itself computed from an apart must give that apart again.
  return clamp(Math.floor(exact + 1e-6), 0, FARTHEST);
}

/** The least weight of a link that the report's program kept. */
export const REPORT_CUT = 0.37;

/** Its sigma: the mean of d = (1 - inner product) / 2 over all pairs. */
export function reportSigma(mean: number): number {
  return (1 - mean) / 2;
}

/** How many of the links, sorted by `apart`, are at most `maxApart` apart. */
export function countWithin(apart: Uint16Array, maxApart: number): number {
  let low = 0;
  let high = apart.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (apart[middle] <= maxApart) low = middle + 1;
    else high = middle;
  }
  return low;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
