// What units do to all others: they repel, and take room. D3's forces for layers that the report's
// page could show; typed arrays beyond (barnes.ts, room.ts).
import { forceCollide, forceManyBody, type SimulationNodeDatum } from "d3-force";

import { createBarnesHut } from "./barnes.ts";
import type { Bodies } from "./bodies.ts";
import { makeRoom } from "./room.ts";

export interface Crowd {
  /** Adds a velocity of `charge / distance` from each unit to each other; negative repels. */
  repel(bodies: Bodies, charge: number): void;
  /** Parts units that are nearer than their radii times `room`. */
  part(bodies: Bodies, room: number): void;
}

type Node = SimulationNodeDatum & { x: number; y: number; vx: number; vy: number; room: number };

const D3_UNITS = 1000;

/** The crowd for so many units. */
export function createCrowd(units: number): Crowd {
  return units <= D3_UNITS ? createD3Crowd() : createTypedCrowd();
}

/** Typed arrays: several times faster than D3 on thousands of units. */
export function createTypedCrowd(): Crowd {
  return { repel: createBarnesHut(), part: makeRoom };
}

/** D3's many-body force and collision, with a random source of its own. */
export function createD3Crowd(): Crowd {
  let nodes: Node[] = [];
  const charge = forceManyBody<Node>();
  const collision = forceCollide<Node>();
  const random = steadyRandom(1);
  const read = (bodies: Bodies): void => {
    if (nodes.length !== bodies.active.length) {
      nodes = Array.from(bodies.active, () => ({ x: 0, y: 0, vx: 0, vy: 0, room: 0 }));
    }
    nodes.forEach((node, place) => copyIn(node, place, bodies));
  };
  return {
    repel(bodies, strength) {
      read(bodies);
      charge.strength(strength).initialize?.(nodes, random);
      charge(1);
      copyOut(nodes, bodies);
    },
    part(bodies, room) {
      read(bodies);
      for (const node of nodes) node.room *= room;
      collision.radius((node) => node.room).initialize?.(nodes, random);
      collision(1);
      copyOut(nodes, bodies);
    },
  };
}

function copyIn(node: Node, place: number, bodies: Bodies): void {
  const unit = bodies.active[place];
  node.index = place;
  node.x = bodies.x[unit];
  node.y = bodies.y[unit];
  node.vx = bodies.vx[unit];
  node.vy = bodies.vy[unit];
  node.room = bodies.radius[unit];
}

function copyOut(nodes: Node[], bodies: Bodies): void {
  nodes.forEach((node, place) => {
    const unit = bodies.active[place];
    bodies.vx[unit] = node.vx;
    bodies.vy[unit] = node.vy;
  });
}

/** A linear congruential generator (Numerical Recipes' constants): the same numbers everywhere. */
function steadyRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
