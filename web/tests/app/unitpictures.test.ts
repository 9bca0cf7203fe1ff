// @vitest-environment happy-dom
// What a unit is: what is asked for, and what is shown of it.
import { describe, expect, it, vi } from "vitest";

import { imageOf, weightImageOf } from "../../src/app/pixels";
import { createUnitPictures } from "../../src/app/unitpictures";
import type { Activity, Examples, Query, UnitPictures, WeightPictures } from "../../src/types";
import { viewOf } from "./planted";

const ACTIVITY: Activity = {
  units: 6,
  examples: 20,
  classes: 2,
  columns: 2,
  driving: Uint16Array.from({ length: 12 }, (_, place) => place % 3),
  answers: Float32Array.from({ length: 12 }, (_, place) => (place < 2 ? NaN : 12 - place)),
  byClass: Float32Array.of(0, 0, 1, -2, 3, NaN, 0, 1, 0, 1, 0, 1),
  note: null,
};
const EXAMPLES: Examples = { count: 3, shape: [1, 2, 2], pixels: Uint8Array.from({ length: 12 }, (_, place) => place), labels: Uint16Array.of(7, 8, 9) };
const WEIGHTS: WeightPictures = {
  ...{ shape: [1, 2, 2], pooled: 1, why: null },
  ...{ weight: new Int8Array(24), weightLargest: new Float32Array(6), update: new Int8Array(24), updateLargest: new Float32Array(6) },
};

function pictured(change: Partial<UnitPictures> = {}) {
  const asked: Query[] = [];
  const source: UnitPictures = {
    driving: { activity: async (query) => (asked.push(query), ACTIVITY), examples: async () => EXAMPLES },
    weights: async () => WEIGHTS,
    why: async () => null,
    ...change,
  };
  const part = createUnitPictures(source);
  const show = async (hash: string, own?: number): Promise<string> => {
    vi.useFakeTimers();
    part.update(viewOf(hash, own));
    await vi.advanceTimersByTimeAsync(200);
    vi.useRealTimers();
    return part.element.querySelector(".unit-pictures")!.textContent ?? "";
  };
  const labels = (): (string | null)[] => [...part.element.querySelectorAll("canvas")].map((one) => one.getAttribute("aria-label"));
  return { part, asked, show, labels };
}

describe("what a unit is", () => {
  it("is told of the unit that was selected last", async () => {
    const { show, labels, asked } = pictured();
    const text = await show("#sel=4,1");
    expect(text).toContain("what training added");
    expect(labels()).toEqual([
      "weights of unit 1",
      "what training added to unit 1",
      "image 1 that drives unit 1: class 9, answer 10.00",
      "image 2 that drives unit 1: class 7, answer 9.00",
    ]);
    expect(text).toContain("Mean answer by class01.001-2.00");
    expect(asked).toHaveLength(1);
    await show("#sel=4,2");
    expect(asked).toHaveLength(1);
    await show("#sel=2&t=0");
    expect(asked).toHaveLength(2);
  });

  it("says that nothing drives a silent unit, and which class has no examples", async () => {
    expect(await pictured().show("#sel=0")).toContain("Nothing drives it: its answer to all 20 validation examples is the same.");
    expect(await pictured().show("#sel=2")).toContain("no examples");
  });

  it("asks for the second run's own unit", async () => {
    const { show, labels, asked } = pictured();
    await show("#sel=4&with=two", 3);
    expect(asked.map(({ timeline: id, merged }) => [id, merged])).toEqual([["one", "two"]]);
    expect(labels()[0]).toBe("weights of unit 1 of run two");
  });

  it("says why there is no picture, and why nothing is known", async () => {
    const bare = pictured({ weights: async () => ({ ...WEIGHTS, shape: null, why: "a filter of 64 channels is no picture" }) });
    expect(await bare.show("#sel=1")).toContain("No picture of its weights: a filter of 64 channels is no picture.");
    const failing = pictured({ driving: { activity: () => Promise.reject(new Error("the data are not given")), examples: async () => EXAMPLES } });
    expect(await failing.show("#sel=1")).toBe("The data are not given.");
  });

  it("is absent without a selection and without a server", async () => {
    const { part, show } = pictured();
    await show("#");
    expect(part.element.hidden).toBe(true);
    const alone = createUnitPictures(null);
    alone.update(viewOf("#sel=1"));
    expect(alone.element.hidden).toBe(true);
  });
});

describe("pixels", () => {
  it("are grey of one channel and coloured of three", () => {
    const { width, height, rgba } = imageOf(EXAMPLES.pixels, [1, 1, 2], 2);
    expect([width, height]).toEqual([2, 1]);
    expect([...rgba]).toEqual([4, 4, 4, 255, 5, 5, 5, 255]);
    expect([...imageOf(EXAMPLES.pixels, [3, 1, 2], 1).rgba]).toEqual([6, 8, 10, 255, 7, 9, 11, 255]);
  });

  it("of weights go from blue over white to orange, or around grey", () => {
    expect([...weightImageOf(Int8Array.of(9, 9, 0, 127, -127), [1, 1, 1], 2).rgba]).toEqual([255, 255, 255, 255]);
    expect([...weightImageOf(Int8Array.of(127, -127), [1, 1, 2], 0).rgba]).toEqual([0xd5, 0x5e, 0, 255, 0, 0x72, 0xb2, 255]);
    expect([...weightImageOf(Int8Array.of(0, 127, -127), [3, 1, 1], 0).rgba]).toEqual([128, 255, 1, 255]);
  });
});
