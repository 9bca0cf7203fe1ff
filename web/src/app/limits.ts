// What the numbers of a view may be, and what they are by default.

export interface Range {
  min: number;
  max: number;
  step: number;
}

export const SIGMA: Range = { min: 0.1, max: 2, step: 0.05 };
export const SPEED: Range = { min: 0.5, max: 30, step: 0.5 };
/** Nearest units that each is joined with; 0: the cutoff says who is joined. */
export const NEAREST: Range = { min: 0, max: 10, step: 1 };
export const DEFAULT_SIGMA = 0.5;
export const DEFAULT_SPEED = 4;
/** The speeds offered, in steps of the slider a second. */
export const SPEEDS: readonly number[] = [1, 2, 4, 8, 16, 30];
/** Units are numbered in sixteen bits. */
export const MOST_UNITS = 65_536;

export function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

export function within(value: number, range: Range): number {
  return clamp(value, range.min, range.max);
}
