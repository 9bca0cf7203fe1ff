// The layout: springs, repulsion, gravity and room move the units, ever more slowly, until they
// rest. The same steps from the same places give the same picture.
import type { Forces } from "../types.ts";
import { type Bodies, placeFresh } from "./bodies.ts";
import { createCrowd, type Crowd } from "./crowd.ts";
import { pull, type Springs } from "./springs.ts";

export interface Layout {
  readonly bodies: Bodies;
  /** 1 at a fresh start; at rest below COLD. */
  heat: number;
  /** One step; heat falls by a fraction. */
  step(springs: Springs, forces: Forces): void;
  /** Puts all units in their first places and heats them. */
  begin(springs: Springs, forces: Forces): void;
}

export const COLD = 0.002;
/** Heat after a small change: units find new places without shuffling. */
export const WARM = 0.3;
// From 1 to COLD in about 250 steps.
const COOLING = 0.0245;
const FRICTION = 0.4;
// Isolated units begin outside and are pushed out by the others; what pulls them in a little more
// keeps their ring near the component, which is then drawn larger.
const ISOLATED_GRAVITY = 1.15;

export function createLayout(bodies: Bodies, crowd: Crowd = createCrowd(bodies.units)): Layout {
  return {
    bodies,
    heat: 0,
    step(springs, forces) {
      this.heat *= 1 - COOLING;
      pull(bodies, springs, forces.length, forces.strength * this.heat);
      if (forces.charge !== 0) crowd.repel(bodies, forces.charge * this.heat);
      fall(bodies, springs, forces.gravity * this.heat);
      if (forces.collision > 0) crowd.part(bodies, forces.collision);
      move(bodies);
    },
    begin(springs, forces) {
      placeFresh(bodies, springs, Math.max(forces.length / 2, 12));
      this.heat = 1;
    },
  };
}

function fall(bodies: Bodies, springs: Springs, gravity: number): void {
  const { active, x, y, vx, vy } = bodies;
  for (const unit of active) {
    const weight = springs.degree[unit] > 0 ? gravity : gravity * ISOLATED_GRAVITY;
    vx[unit] -= x[unit] * weight;
    vy[unit] -= y[unit] * weight;
  }
}

function move(bodies: Bodies): void {
  const { active, x, y, vx, vy, held } = bodies;
  for (const unit of active) {
    vx[unit] = held[unit] ? 0 : vx[unit] * (1 - FRICTION);
    vy[unit] = held[unit] ? 0 : vy[unit] * (1 - FRICTION);
    x[unit] += vx[unit];
    y[unit] += vy[unit];
  }
}
