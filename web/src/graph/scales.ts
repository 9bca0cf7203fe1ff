// The scale that sizes, colours and axes are drawn to. It is one for all moments of a training, so
// that what grows is seen to grow.
import type { GraphFrame, Scales, Spread } from "../types.ts";

/** The share of all units that the largest ordinary mark stands for. */
const QUANTILE = 0.99;
/** Pixels at zoom 1: of a unit whose norm is the 99th percentile, and of the least that is drawn. */
export const MOST_RADIUS = 9;
export const LEAST_RADIUS = 2;

/** The scale of one moment alone; units without weights take no part. */
export function scalesOf(frame: Pick<GraphFrame, "norm" | "moved" | "angle" | "kept">): Scales {
  const alive = (values: Float32Array): Float32Array => values.filter((value, unit) => Number.isFinite(value) && frame.kept[unit] > 0);
  return { norm: spreadOf(alive(frame.norm)), moved: spreadOf(alive(frame.moved)), angle: spreadOf(alive(frame.angle)) };
}

/** Least, greatest and 99th percentile (linear between two values); null without values. */
export function spreadOf(values: Float32Array): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.slice().sort();
  const place = QUANTILE * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const q99 = below + (sorted[Math.ceil(place)] - below) * (place - Math.floor(place));
  return { low: sorted[0], high: sorted[sorted.length - 1], q99 };
}

/** A scale that holds two: it never becomes narrower. */
export function widened(one: Scales, other: Scales): Scales {
  return { norm: both(one.norm, other.norm), moved: both(one.moved, other.moved), angle: both(one.angle, other.angle) };
}

function both(one: Spread | null, other: Spread | null): Spread | null {
  if (one === null || other === null) return one ?? other;
  return { low: Math.min(one.low, other.low), high: Math.max(one.high, other.high), q99: Math.max(one.q99, other.q99) };
}

/** The radius of a unit in pixels at zoom 1: its area is proportional to its size. */
export function radiusOf(size: number, spread: Spread | null): number {
  if (spread === null || !(spread.q99 > 0) || !Number.isFinite(size)) return LEAST_RADIUS;
  return Math.max(LEAST_RADIUS, MOST_RADIUS * Math.sqrt(Math.max(size, 0) / spread.q99));
}

/** Two or three sizes for a legend of sizes, the largest first: far enough apart to be told apart. */
export function sizeMarks(spread: Spread | null): { label: string; radius: number }[] {
  if (spread === null || !(spread.q99 > 0)) return [];
  const least = Math.max(spread.low, spread.q99 * (LEAST_RADIUS / MOST_RADIUS) ** 2);
  // A mark of a quarter of the area is half as wide: what differs less needs no third one.
  const small = Math.min(least, spread.q99 / 4);
  const middle = ((Math.sqrt(spread.q99) + Math.sqrt(small)) / 2) ** 2;
  return [spread.q99, middle, small].map((norm) => {
    const label = String(Number(norm.toPrecision(2)));
    return { label, radius: radiusOf(Number(label), spread) };
  });
}
