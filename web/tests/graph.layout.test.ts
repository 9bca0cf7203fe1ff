// The layout's forces against brute force, and what must hold of every layout.
import { describe, expect, it } from "vitest";

import { createBarnesHut } from "../src/graph/barnes.ts";
import { type Bodies, createBodies, resizeBodies } from "../src/graph/bodies.ts";
import { createD3Crowd, createTypedCrowd } from "../src/graph/crowd.ts";
import { DEFAULT_FORCES, RANGES } from "../src/graph/forces.ts";
import { COLD, createLayout, type Layout } from "../src/graph/layout.ts";
import { makeRoom } from "../src/graph/room.ts";
import { createSprings, NO_SPRINGS, type Springs } from "../src/graph/springs.ts";
import { frameOf, random } from "./graph.fixtures.ts";

function scattered(units: number, seed = 1, width = 400): Bodies {
  const draw = random(seed);
  const bodies = createBodies(units);
  for (let unit = 0; unit < units; unit++) {
    bodies.x[unit] = (draw() - 0.5) * width;
    bodies.y[unit] = (draw() - 0.5) * width;
  }
  return bodies;
}

/** Repulsion of each pair, one by one. */
function bruteForce(bodies: Bodies, charge: number): { fx: Float64Array; fy: Float64Array } {
  const fx = new Float64Array(bodies.units);
  const fy = new Float64Array(bodies.units);
  for (const a of bodies.active) {
    for (const b of bodies.active) {
      if (a === b) continue;
      const dx = bodies.x[b] - bodies.x[a];
      const dy = bodies.y[b] - bodies.y[a];
      const square = dx * dx + dy * dy;
      const by = charge / (square < 1 ? Math.sqrt(square) : square);
      fx[a] += dx * by;
      fy[a] += dy * by;
    }
  }
  return { fx, fy };
}

function rest(layout: Layout, springs: Springs): void {
  for (let step = 0; layout.heat > COLD; step++) {
    if (step > 400) throw new Error("The layout does not cool down.");
    layout.step(springs, DEFAULT_FORCES);
  }
}

function laidOut(units: number, links: number, crowd: ReturnType<typeof createTypedCrowd>): [Bodies, Springs] {
  const bodies = createBodies(units);
  const layout = createLayout(bodies, crowd);
  const springs = createSprings(frameOf(units, links), bodies.radius, { maxApart: 30000, sigma: 0.5 });
  layout.begin(springs, DEFAULT_FORCES);
  rest(layout, springs);
  return [bodies, springs];
}

describe("Barnes and Hut's repulsion", () => {
  it("is exact where no group counts as one", () => {
    const bodies = scattered(80);
    const { fx, fy } = bruteForce(bodies, -30);
    createBarnesHut(0)(bodies, -30);
    bodies.vx.forEach((value, unit) => expect(value).toBeCloseTo(fx[unit], 9));
    bodies.vy.forEach((value, unit) => expect(value).toBeCloseTo(fy[unit], 9));
  });

  it("is near brute force at its usual coarseness, as D3's is", () => {
    for (const crowd of [createTypedCrowd(), createD3Crowd()]) {
      const bodies = scattered(600, 3);
      const { fx, fy } = bruteForce(bodies, -30);
      crowd.repel(bodies, -30);
      let [error, size] = [0, 0];
      for (let unit = 0; unit < 600; unit++) {
        error += (bodies.vx[unit] - fx[unit]) ** 2 + (bodies.vy[unit] - fy[unit]) ** 2;
        size += fx[unit] ** 2 + fy[unit] ** 2;
      }
      expect(Math.sqrt(error / size)).toBeLessThan(0.05);
    }
  });

  it("parts units on one spot and stays finite", () => {
    const bodies = createBodies(50);
    const repel = createBarnesHut();
    repel(bodies, -30);
    expect(bodies.vx.every(Number.isFinite)).toBe(true);
    expect(new Set(bodies.vx).size).toBeGreaterThan(25);
  });

  it("leaves hidden units out on both sides", () => {
    const bodies = scattered(40, 5);
    const radius = new Float32Array(40).fill(5);
    radius[7] = 0;
    resizeBodies(bodies, radius);
    const { fx } = bruteForce(bodies, -30);
    createBarnesHut(0)(bodies, -30);
    expect(bodies.vx[7]).toBe(0);
    bodies.vx.forEach((value, unit) => expect(value).toBeCloseTo(fx[unit], 9));
  });
});

describe("room", () => {
  it("moves the pairs that overlap, and only those", () => {
    const bodies = scattered(200, 9, 300);
    makeRoom(bodies, 1);
    for (let a = 0; a < 200; a++) {
      const crowded = Array.from(bodies.active).some(
        (b) => b !== a && Math.hypot(bodies.x[a] - bodies.x[b], bodies.y[a] - bodies.y[b]) < 9.99,
      );
      if (crowded) expect(Math.hypot(bodies.vx[a], bodies.vy[a])).toBeGreaterThan(0);
    }
    const lonely = createBodies(2);
    lonely.x[1] = 10.5;
    makeRoom(lonely, 1);
    expect(Array.from(lonely.vx)).toEqual([0, 0]);
  });

  it("moves the smaller of two units more, and both by what they overlap", () => {
    const bodies = createBodies(2);
    resizeBodies(bodies, Float32Array.of(6, 3));
    bodies.x[1] = 5;
    makeRoom(bodies, 1);
    expect(bodies.vx[1] - bodies.vx[0]).toBeCloseTo(4, 9);
    expect(bodies.vx[0]).toBeCloseTo((-4 * 9) / 45, 9);
  });

  it("ends overlap when repeated", () => {
    const bodies = scattered(150, 2, 120);
    for (let round = 0; round < 200; round++) {
      makeRoom(bodies, 1);
      for (let unit = 0; unit < 150; unit++) {
        bodies.x[unit] += bodies.vx[unit];
        bodies.y[unit] += bodies.vy[unit];
        bodies.vx[unit] = bodies.vy[unit] = 0;
      }
    }
    for (let a = 0; a < 150; a++) {
      for (let b = 0; b < a; b++) {
        expect(Math.hypot(bodies.x[a] - bodies.x[b], bodies.y[a] - bodies.y[b])).toBeGreaterThan(9);
      }
    }
  });
});

describe.each([
  ["D3", createD3Crowd],
  ["typed arrays", createTypedCrowd],
])("a layout by %s", (_, createCrowd) => {
  it("is the same each time, finite, and comes to rest", () => {
    const [first] = laidOut(120, 300, createCrowd());
    const [second] = laidOut(120, 300, createCrowd());
    expect(first.x).toEqual(second.x);
    expect(first.y).toEqual(second.y);
    expect([...first.x, ...first.y].every(Number.isFinite)).toBe(true);
  });

  it("puts isolated units around the others", () => {
    const [bodies, springs] = laidOut(120, 70, createCrowd());
    const mean = (alone: boolean): number => {
      const units = Array.from(bodies.active).filter((unit) => (springs.degree[unit] === 0) === alone);
      return units.reduce((sum, unit) => sum + Math.hypot(bodies.x[unit], bodies.y[unit]), 0) / units.length;
    };
    expect(mean(true)).toBeGreaterThan(1.2 * mean(false));
  });

  it("brings linked units nearer than others", () => {
    const [bodies, springs] = laidOut(100, 100, createCrowd());
    const distance = (a: number, b: number): number => Math.hypot(bodies.x[a] - bodies.x[b], bodies.y[a] - bodies.y[b]);
    let [linked, all, pairs] = [0, 0, 0];
    for (let link = 0; link < springs.count; link++) linked += distance(springs.source[link], springs.target[link]);
    for (let a = 0; a < 100; a++) for (let b = 0; b < a; b++, pairs++) all += distance(a, b);
    expect(linked / springs.count).toBeLessThan(0.6 * (all / pairs));
  });

  it("stays finite and within bounds at the ends of all sliders", () => {
    for (const strength of ["min", "max"] as const) {
      for (const other of ["min", "max"] as const) {
        const forces = Object.fromEntries(Object.entries(RANGES).map(([name, range]) => [name, range[other]]));
        const bodies = createBodies(60);
        const layout = createLayout(bodies, createCrowd());
        const springs = createSprings(frameOf(60, 500), bodies.radius, { maxApart: 30000, sigma: 0.5 });
        const all = { ...DEFAULT_FORCES, ...forces, strength: RANGES.strength[strength] };
        layout.begin(springs, all);
        while (layout.heat > COLD) layout.step(springs, all);
        for (const value of [...bodies.x, ...bodies.y]) expect(Math.abs(value)).toBeLessThan(20_000);
      }
    }
  });

  it("leaves held units where they are", () => {
    const bodies = scattered(50);
    bodies.held[4] = 1;
    const [x, y] = [bodies.x[4], bodies.y[4]];
    const layout = createLayout(bodies, createCrowd());
    layout.heat = 1;
    rest(layout, { ...NO_SPRINGS, degree: new Uint32Array(50) });
    expect([bodies.x[4], bodies.y[4]]).toEqual([x, y]);
  });
});
