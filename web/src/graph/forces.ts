// The forces of the layout: what they are by default and how far a slider may move them.
import type { Forces } from "../types.ts";

/** In pixels at zoom 1; negative charge repels. `collision` is the room around a unit, in radii. */
export const DEFAULT_FORCES: Forces = {
  charge: -30,
  gravity: 0.05,
  length: 30,
  strength: 1,
  collision: 1,
};

export const RANGES: Record<keyof Forces, { min: number; max: number; step: number }> = {
  charge: { min: -200, max: 0, step: 1 },
  gravity: { min: 0, max: 0.5, step: 0.005 },
  length: { min: 5, max: 150, step: 1 },
  strength: { min: 0, max: 2, step: 0.05 },
  collision: { min: 0, max: 3, step: 0.1 },
};
