// The units as bodies that move in the plane, in typed arrays, and where they start.
import { components } from "./components.ts";
import type { Springs } from "./springs.ts";

export interface Bodies {
  units: number;
  /** Units that take part, ascending; hidden ones have no force and feel none. */
  active: Uint16Array;
  x: Float64Array;
  y: Float64Array;
  vx: Float64Array;
  vy: Float64Array;
  /** Pixels at zoom 1. */
  radius: Float32Array;
  /** 1: stays where it is, because it is pinned or dragged. */
  held: Uint8Array;
}

/** Units without places yet, all of one radius. */
export function createBodies(units: number): Bodies {
  return {
    units,
    active: Uint16Array.from({ length: units }, (_, unit) => unit),
    x: new Float64Array(units),
    y: new Float64Array(units),
    vx: new Float64Array(units),
    vy: new Float64Array(units),
    radius: new Float32Array(units).fill(5),
    held: new Uint8Array(units),
  };
}

/** Gives the units new radii; those of radius 0 leave. */
export function resizeBodies(bodies: Bodies, radius: Float32Array): void {
  bodies.radius = radius;
  const shown: number[] = [];
  for (let unit = 0; unit < bodies.units; unit++) if (radius[unit] > 0) shown.push(unit);
  bodies.active = Uint16Array.from(shown);
}

/** Places all units on a sunflower's spiral: the largest component within, isolated units outside. */
export function placeFresh(bodies: Bodies, springs: Springs, spacing: number): void {
  const everyone = new Uint8Array(bodies.units).fill(1);
  const { of } = components(springs, springs.count, everyone);
  const order = Array.from(of, (_, unit) => unit).sort((a, b) => of[a] - of[b] || a - b);
  order.forEach((unit, rank) => {
    const radius = spacing * Math.sqrt(rank + 0.5);
    const angle = rank * Math.PI * (3 - Math.sqrt(5));
    bodies.x[unit] = radius * Math.cos(angle);
    bodies.y[unit] = radius * Math.sin(angle);
  });
  bodies.vx.fill(0);
  bodies.vy.fill(0);
}
