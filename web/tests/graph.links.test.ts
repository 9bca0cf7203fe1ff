// Distances, components and buckets of links.
import { describe, expect, it } from "vitest";

import { apartOf, countWithin, FARTHEST, innerProductOf, maxApartOf, reportSigma, weightOf } from "../src/graph/apart.ts";
import { BUCKETS, bucketsOf, opacityOf } from "../src/graph/buckets.ts";
import { components } from "../src/graph/components.ts";
import { createSprings } from "../src/graph/springs.ts";
import { frameOf } from "./graph.fixtures.ts";

describe("the report's mapping", () => {
  it("weighs by the squared half distance, and its cutoff gives that distance back", () => {
    for (const sigma of [0.2, 0.48, 0.7]) {
      for (const apart of [0, 1000, 20000, 60000]) {
        const d = (1 - innerProductOf(apart)) / 2;
        expect(weightOf(apart, sigma, true)).toBeCloseTo(Math.exp(-(d * d) / (sigma * sigma)), 12);
        expect(maxApartOf(weightOf(apart, sigma, true), sigma, true)).toBe(apart);
      }
    }
    expect(reportSigma(0.1)).toBeCloseTo(0.45);
  });
});

describe("apart", () => {
  it("goes to an inner product and back", () => {
    for (let apart = 0; apart <= FARTHEST; apart += 17) expect(apartOf(innerProductOf(apart))).toBe(apart);
    expect([apartOf(1), apartOf(0), apartOf(-1)]).toEqual([0, 32768, FARTHEST]);
    expect([apartOf(1.1), apartOf(-7)]).toEqual([0, FARTHEST]);
  });

  it("keeps exactly the links whose weight reaches the cut", () => {
    for (const sigma of [0.1, 0.5, 1, 3]) {
      for (const cut of [0.001, 0.25, 0.5, 0.99, 1]) {
        const most = maxApartOf(cut, sigma);
        expect(weightOf(most, sigma)).toBeGreaterThanOrEqual(cut * (1 - 1e-9));
        if (most < FARTHEST) expect(weightOf(most + 1, sigma)).toBeLessThan(cut);
      }
    }
  });

  it("gives back the apart that a cut was made of", () => {
    for (const apart of [0, 1, 77, 12345, 60000]) expect(maxApartOf(weightOf(apart, 0.5), 0.5)).toBe(apart);
    expect(maxApartOf(0, 1)).toBe(FARTHEST);
    expect(maxApartOf(2, 1)).toBe(0);
  });

  it("counts links by bisection as by looking at each", () => {
    const { apart } = frameOf(20, 300);
    for (const most of [0, apart[0], 9999, apart[150], apart[299], FARTHEST]) {
      expect(countWithin(apart, most)).toBe(Array.from(apart).filter((value) => value <= most).length);
    }
    expect(countWithin(new Uint16Array(0), 5)).toBe(0);
  });
});

/** Components by spreading labels until nothing changes. */
function spread(units: number, pairs: [number, number][], shown: Uint8Array): number[] {
  const label = Array.from({ length: units }, (_, unit) => unit);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [a, b] of pairs) {
      if (!shown[a] || !shown[b] || label[a] === label[b]) continue;
      label[a] = label[b] = Math.min(label[a], label[b]);
      changed = true;
    }
  }
  return label;
}

describe("components", () => {
  it("are those of a brute-force search", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const units = 5 + seed;
      const frame = frameOf(units, Math.floor(seed * 0.9), seed);
      const shown = Uint8Array.from({ length: units }, (_, unit) => ((unit * seed) % 7 === 3 ? 0 : 1));
      const count = frame.apart.length - 1;
      const pairs = Array.from({ length: count }, (_, link) => [frame.source[link], frame.target[link]] as [number, number]);
      const expected = spread(units, pairs, shown);
      const { of, sizes } = components(frame, count, shown);
      for (let a = 0; a < units; a++) {
        expect(of[a] === -1).toBe(shown[a] === 0);
        for (let b = 0; b < a; b++) {
          if (shown[a] && shown[b]) expect(of[a] === of[b]).toBe(expected[a] === expected[b]);
        }
      }
      expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
      sizes.forEach((size, component) => expect(of.filter((value) => value === component).length).toBe(size));
    }
  });
});

describe("buckets", () => {
  it("hold all links in order, the strongest most opaque", () => {
    const { apart } = frameOf(50, 400);
    const buckets = bucketsOf(apart, 0.5);
    expect(buckets.ends).toHaveLength(BUCKETS);
    expect(buckets.ends[BUCKETS - 1]).toBe(400);
    expect(buckets.ends).toEqual([...buckets.ends].sort((a, b) => a - b));
    const opacity = opacityOf(buckets);
    expect(opacity).toHaveLength(400);
    for (let link = 1; link < 400; link++) expect(opacity[link]).toBeLessThanOrEqual(opacity[link - 1]);
    expect(opacity[0]).toBeGreaterThan(2 * opacity[399]);
  });

  it("part the links at equal steps of weight", () => {
    const { apart } = frameOf(50, 400);
    const [strongest, weakest] = [weightOf(apart[0], 0.5), weightOf(apart[399], 0.5)];
    const { ends } = bucketsOf(apart, 0.5);
    const edge = strongest + (weakest - strongest) / BUCKETS;
    expect(ends[0]).toBe(Array.from(apart).filter((value) => weightOf(value, 0.5) >= edge).length);
  });

  it("do with no link, and with links all alike", () => {
    expect(opacityOf(bucketsOf(new Uint16Array(0), 0.5))).toHaveLength(0);
    const alike = opacityOf(bucketsOf(new Uint16Array(9).fill(500), 0.5));
    expect(alike.every((value) => value > 0)).toBe(true);
  });
});

describe("springs", () => {
  it("leave out links beyond the cutoff and of hidden units", () => {
    const frame = frameOf(30, 200);
    const radius = new Float32Array(30).fill(4);
    radius[3] = 0;
    const springs = createSprings(frame, radius, { maxApart: 15000, sigma: 0.5 });
    const expected = Array.from(frame.apart).filter(
      (apart, link) => apart <= 15000 && frame.source[link] !== 3 && frame.target[link] !== 3,
    );
    expect(Array.from(springs.apart)).toEqual(expected);
    expect(springs.degree[3]).toBe(0);
    expect(springs.degree.reduce((sum, degree) => sum + degree, 0)).toBe(2 * springs.count);
  });

  it("pull by weight over the lesser load of the ends, shared by degree", () => {
    // A star: unit 0 with 1, 2 and 3.
    const frame = { ...frameOf(4, 3), source: Uint16Array.of(0, 0, 0), target: Uint16Array.of(1, 2, 3) };
    const springs = createSprings(frame, new Float32Array(4).fill(1), { maxApart: FARTHEST, sigma: 1 });
    springs.stiffness.forEach((stiffness) => expect(stiffness).toBeCloseTo(1, 6));
    springs.share.forEach((share) => expect(share).toBeCloseTo(3 / 4, 6));
  });
});
