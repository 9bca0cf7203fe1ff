// Places that units go to, in place of where forces bring them.
import type { Places } from "../types.ts";
import type { Bodies } from "./bodies.ts";
import type { Bounds } from "./camera.ts";

export interface Goal {
  x: Float64Array;
  y: Float64Array;
  /** What is to be in sight: the same at all moments. */
  bounds: Bounds;
}

/** Pixels at zoom 1 that the wider side of the bounds takes. */
const WIDE = 600;
/** Of the way that is left, a step goes so much; nearer than this it is over. */
const SHARE = 0.2;
const NEAR = 0.05;

/** Places in the picture's plane, the first axis to the right and the second one up. */
export function goalFor({ places, bounds }: Places): Goal {
  const { left, right, top, bottom } = bounds;
  const scale = WIDE / Math.max(right - left, bottom - top, 1e-30);
  const units = places.length / 2;
  return {
    x: Float64Array.from({ length: units }, (_, unit) => places[2 * unit] * scale),
    y: Float64Array.from({ length: units }, (_, unit) => -places[2 * unit + 1] * scale),
    bounds: { left: left * scale, right: right * scale, top: -bottom * scale, bottom: -top * scale },
  };
}

/** Brings units nearer to their places; whether they are still on their way. */
export function approach(bodies: Bodies, goal: Goal, dragged: number | null): boolean {
  let farthest = 0;
  for (let unit = 0; unit < bodies.units; unit++) {
    if (unit === dragged) continue;
    const [dx, dy] = [goal.x[unit] - bodies.x[unit], goal.y[unit] - bodies.y[unit]];
    farthest = Math.max(farthest, Math.abs(dx), Math.abs(dy));
    bodies.x[unit] += SHARE * dx;
    bodies.y[unit] += SHARE * dy;
  }
  if (farthest > NEAR) return true;
  settle(bodies, goal);
  return dragged !== null;
}

/** Puts units where they go. */
export function settle(bodies: Bodies, goal: Goal): void {
  bodies.x.set(goal.x);
  bodies.y.set(goal.y);
  bodies.vx.fill(0);
  bodies.vy.fill(0);
}
