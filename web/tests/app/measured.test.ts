// One scale over time: widened by what is seen, never while time plays, and taken over where it is sent.
import { describe, expect, it } from "vitest";

import { measuredWith } from "../../src/app/measured";
import type { GraphFrame, Query } from "../../src/types";
import { frame } from "./planted";

const QUERY: Query = { timeline: "one", layer: "fc1", source: "weights", at: 0, merged: null };

function grown(by: number): GraphFrame {
  const picture = frame();
  return { ...picture, scales: null, norm: picture.norm.map((norm) => by * norm) };
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

  it("is what the server says, where it says so", () => {
    const scales = { norm: { low: 0, high: 50, q99: 40 }, angle: null };
    const told = measuredWith(null, QUERY, { ...grown(1), scales }, true);
    expect(told.scales).toBe(scales);
    expect(measuredWith(told, QUERY, { ...grown(1), scales: { ...scales } }, true)).toBe(told);
  });
});
