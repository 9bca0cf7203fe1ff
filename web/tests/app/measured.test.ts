// One scale over time: widened by what is seen until that of all moments is there, never while time plays.
import { describe, expect, it } from "vitest";

import { measuredWith, subjectOf } from "../../src/app/measured";
import type { GraphFrame, Query } from "../../src/types";
import { frame, SCALES } from "./planted";

const QUERY: Query = { timeline: "one", layer: "fc1", source: "weights", at: 0, merged: null };

function grown(by: number): GraphFrame {
  const picture = frame();
  return { ...picture, norm: picture.norm.map((norm) => by * norm) };
}

describe("the scale over time", () => {
  it("is widened by each moment and not while it plays", () => {
    const first = measuredWith(null, QUERY, grown(1), false);
    expect(first.scales.norm).toMatchObject({ low: 0.25, high: 4 });
    const played = measuredWith(first, { ...QUERY, at: 100 }, grown(2), true);
    expect(played).toBe(first);
    const wider = measuredWith(first, { ...QUERY, at: 100 }, grown(2), false);
    expect(wider.scales.norm).toMatchObject({ low: 0.25, high: 8 });
    expect(measuredWith(wider, { ...QUERY, source: "outputs" }, grown(1), false)).toBe(wider);
  });

  it("begins anew with another layer, run or pair of runs", () => {
    const first = measuredWith(null, QUERY, grown(9), false);
    for (const other of [{ layer: "fc2" }, { timeline: "two" }, { merged: "two" }]) {
      expect(measuredWith(first, { ...QUERY, ...other }, grown(1), true).scales.norm?.high).toBe(4);
    }
  });

  it("stays what it is once it is that of all moments", () => {
    const whole = { subject: subjectOf(QUERY), scales: SCALES, whole: true };
    expect(measuredWith(whole, QUERY, grown(9), false)).toBe(whole);
    expect(measuredWith(whole, { ...QUERY, layer: "fc2" }, grown(9), false).scales.norm?.high).toBe(36);
  });
});
