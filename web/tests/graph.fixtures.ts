// Pictures for the graph's tests: random links, sorted, from a generator with a seed.
import type { Choices, GraphFrame } from "../src/types.ts";

export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function frameOf(units: number, links: number, seed = 1): GraphFrame {
  const draw = random(seed);
  const pick = (): number => Math.min(Math.floor(draw() * units), units - 1);
  const pairs = Array.from({ length: links }, () => {
    const source = pick();
    return [source, (source + 1 + Math.floor(draw() * (units - 1))) % units];
  });
  const apart = pairs.map(() => Math.floor(draw() * 30000)).sort((a, b) => a - b);
  return {
    units,
    own: units,
    norm: Float32Array.from({ length: units }, () => 0.5 + draw()),
    moved: Float32Array.from({ length: units }, () => draw()),
    angle: Float32Array.from({ length: units }, () => draw()),
    kept: new Float32Array(units).fill(1),
    source: Uint16Array.from(pairs, ([source]) => source),
    target: Uint16Array.from(pairs, ([, target]) => target),
    apart: Uint16Array.from(apart),
    floor: -1,
    nearest: null,
    nearestApart: null,
    neighbours: 0,
    note: null,
  };
}

export function stateOf(changes: Partial<Choices> = {}): Choices {
  return {
    ...{ run: "first", merged: null, layer: "fc1", source: "weights", at: null, cut: null, sigma: 0.5 },
    ...{ colour: "cluster", size: "norm", marks: "discs", criterion: "magnitude", selected: [], pinned: [], twins: false, frozen: false },
    ...{ nearest: 0, trails: false, slider: "moment", layout: "force", mapping: "cosine" },
    forces: { charge: -30, gravity: 0.05, length: 30, strength: 1, collision: 1 },
    ...{ hidden: [], speed: 5, loop: true },
    ...changes,
  };
}
