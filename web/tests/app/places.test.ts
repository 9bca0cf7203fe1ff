// Moments on the slider: evenly, by step, or by the logarithm of their step.
import { describe, expect, it } from "vitest";

import { FINEST, momentAtPlace, sliderPlaces } from "../../src/app/places";
import { parseState, formatState } from "../../src/app/state";
import type { Moment } from "../../src/types";

const at = (...steps: number[]): Moment[] => steps.map((step) => ({ at: step, epoch: null, run: "r" }));

describe("places on the slider", () => {
  const moments = at(0, 1, 10, 100, 1000, 10_000);

  it("are the moments' numbers, or shares of the way by step", () => {
    expect(sliderPlaces(moments, "moment")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(sliderPlaces(moments, "step")).toEqual([0, 1, 10, 100, 1000, FINEST]);
  });

  it("give each tenfold step the same room on a logarithmic slider", () => {
    const places = sliderPlaces(moments, "log");
    expect([places[0], places[5]]).toEqual([0, FINEST]);
    const gaps = places.slice(2).map((place, index) => place - places[index + 1]!);
    // From the first step on; log(1 + step) begins a little narrower.
    for (const gap of gaps.slice(1)) expect(Math.abs(gap / (FINEST / 4) - 1)).toBeLessThan(0.05);
    expect(Math.max(...places.slice(1).map((place, index) => place - places[index]!))).toBeLessThan(FINEST / 3);
  });

  it("count from the first step of a training that begins late, and stand a single moment", () => {
    expect(sliderPlaces(at(500, 501, 600), "log")[1]).toBeCloseTo((FINEST * Math.log(2)) / Math.log(101), 0);
    for (const by of ["moment", "step", "log"] as const) {
      expect(sliderPlaces(at(7), by)).toEqual([0]);
      expect(sliderPlaces([], by)).toEqual([]);
    }
  });

  it("lead back to the nearest moment", () => {
    const places = sliderPlaces(moments, "log");
    places.forEach((place, index) => expect(momentAtPlace(places, place)).toBe(index));
    expect(momentAtPlace(places, places[3]! + 1)).toBe(3);
    expect(momentAtPlace(places, FINEST - 1)).toBe(5);
    expect(momentAtPlace([], 4)).toBe(0);
  });
});

describe("the address", () => {
  it("keeps the slider, trails and the number of nearest units", () => {
    const state = parseState("#v=2&slider=log&trails=1&k=3");
    expect([state.slider, state.trails, state.nearest]).toEqual(["log", true, 3]);
    expect(formatState(state)).toBe("#v=2&k=3&trails=1&slider=log");
    expect(parseState("#slider=round&k=99&trails=yes")).toMatchObject({ slider: "moment", nearest: 10, trails: false });
  });
});
