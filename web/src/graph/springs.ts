// The links as springs: which pull, how stiff they are, how each pull is shared by its two ends.
import type { GraphFrame } from "../types.ts";
import { countWithin, weightOf } from "./apart.ts";
import type { Bodies } from "./bodies.ts";

/** The links that are drawn and pull, nearest first: within the cutoff, both ends shown. */
export interface Springs {
  count: number;
  source: Uint16Array;
  target: Uint16Array;
  apart: Uint16Array;
  /** Pull of each link, before the forces' strength: its weight over the lesser load of its ends. */
  stiffness: Float32Array;
  /** What of the pull moves the target, in (0, 1). */
  share: Float32Array;
  /** Links of each unit. */
  degree: Uint32Array;
}

export const NO_SPRINGS: Springs = {
  count: 0,
  source: new Uint16Array(0),
  target: new Uint16Array(0),
  apart: new Uint16Array(0),
  stiffness: new Float32Array(0),
  share: new Float32Array(0),
  degree: new Uint32Array(0),
};

/** The springs of a picture's links up to `maxApart`; `radius` 0 hides a unit. */
export function createSprings(
  frame: GraphFrame,
  radius: Float32Array,
  options: { maxApart: number; sigma: number; squared?: boolean },
): Springs {
  const links = shownLinks(frame, radius, options.maxApart);
  const weight = weights(links.apart, options.sigma, options.squared);
  const degree = new Uint32Array(frame.units);
  const load = new Float64Array(frame.units);
  for (let link = 0; link < links.count; link++) {
    const source = links.source[link];
    const target = links.target[link];
    degree[source] += 1;
    degree[target] += 1;
    load[source] += weight[link];
    load[target] += weight[link];
  }
  // As in D3: over the lesser load, and the freer end moves more.
  const stiffness = new Float32Array(links.count);
  const share = new Float32Array(links.count);
  for (let link = 0; link < links.count; link++) {
    const source = links.source[link];
    const target = links.target[link];
    stiffness[link] = weight[link] / Math.max(Math.min(load[source], load[target]), 1e-12);
    share[link] = degree[source] / (degree[source] + degree[target]);
  }
  return { ...links, stiffness, share, degree };
}

/** The weight of each link; links are sorted, so equal ones follow each other. */
function weights(apart: Uint16Array, sigma: number, squared = false): Float32Array {
  const weight = new Float32Array(apart.length);
  for (let link = 0; link < apart.length; link++) {
    const same = link > 0 && apart[link] === apart[link - 1];
    weight[link] = same ? weight[link - 1] : weightOf(apart[link], sigma, squared);
  }
  return weight;
}

function shownLinks(
  frame: GraphFrame,
  radius: Float32Array,
  maxApart: number,
): { count: number; source: Uint16Array; target: Uint16Array; apart: Uint16Array } {
  const within = countWithin(frame.apart, maxApart);
  const source = new Uint16Array(within);
  const target = new Uint16Array(within);
  const apart = new Uint16Array(within);
  let count = 0;
  for (let link = 0; link < within; link++) {
    if (!(radius[frame.source[link]] > 0 && radius[frame.target[link]] > 0)) continue;
    source[count] = frame.source[link];
    target[count] = frame.target[link];
    apart[count] = frame.apart[link];
    count += 1;
  }
  return {
    count,
    source: source.subarray(0, count),
    target: target.subarray(0, count),
    apart: apart.subarray(0, count),
  };
}

/** Adds to the velocities what pulls (or pushes) linked units to `length` from each other. */
export function pull(bodies: Bodies, springs: Springs, length: number, strength: number): void {
  const { x, y, vx, vy } = bodies;
  const { count, source, target, stiffness, share } = springs;
  for (let link = 0; link < count; link++) {
    const a = source[link];
    const b = target[link];
    const dx = x[b] + vx[b] - x[a] - vx[a];
    const dy = y[b] + vy[b] - y[a] - vy[a];
    const distance = Math.max(Math.sqrt(dx * dx + dy * dy), 1e-6);
    const amount = (1 - length / distance) * strength * stiffness[link];
    const toTarget = amount * share[link];
    const toSource = amount - toTarget;
    vx[b] -= dx * toTarget;
    vy[b] -= dy * toTarget;
    vx[a] += dx * toSource;
    vy[a] += dy * toSource;
  }
}
