// The way of units over the last moments: where the layout had them when each of these was left.
import type { Bodies } from "./bodies.ts";

/** Moments that a trail goes back. */
export const TRAIL = 8;

/** Places of all units when a moment was left, in the picture's plane. */
export interface Footprint {
  x: Float64Array;
  y: Float64Array;
}

/** The footprints with one more, the oldest beyond `TRAIL` forgotten. */
export function withFootprint(trail: readonly Footprint[], { x, y }: Bodies): Footprint[] {
  return [...trail, { x: Float64Array.from(x), y: Float64Array.from(y) }].slice(-TRAIL);
}

/** A unit's way, x and y by turns, oldest first and ending where it is now. */
export function wayOf(trail: readonly Footprint[], bodies: Bodies, unit: number): number[] {
  return [...trail, bodies].flatMap(({ x, y }) => [x[unit], y[unit]]);
}

/** The opacity of a trail's piece, of so many: the last is the strongest. */
export function fading(piece: number, pieces: number): number {
  return 0.15 + 0.65 * ((piece + 1) / pieces);
}
