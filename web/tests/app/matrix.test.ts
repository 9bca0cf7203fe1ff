// The order of the matrix's rows, and what its colours mean.
import { expect, it } from "vitest";

import { matrixColour, orderOf } from "../../src/app/matrix";

it("orders units by group, those of none last", () => {
  expect(orderOf(6, Uint8Array.of(1, 255, 0, 1, 0, 2))).toEqual([2, 4, 0, 3, 5, 1]);
  expect(orderOf(3, null)).toEqual([0, 1, 2]);
});

it("grows lighter on a dark page, towards both ends", () => {
  const light = (colour: number): number => (colour >> 16) + ((colour >> 8) & 255) + (colour & 255);
  expect(matrixColour(0, true)).toBe(0x17191c);
  for (const sign of [1, -1]) {
    const lights = [0, 30, 60, 90, 127].map((step) => light(matrixColour(sign * step, true)));
    expect(lights).toEqual([...lights].sort((a, b) => a - b));
    expect(lights[4]! - lights[0]!).toBeGreaterThan(300);
  }
});

it("is white at 0 and strongest at both ends, in two hues", () => {
  expect(matrixColour(0, false)).toBe(0xffffff);
  expect(matrixColour(127, false)).toBe(0x542788);
  expect(matrixColour(-127, false)).toBe(0xb35806);
  expect(matrixColour(-128, false)).toBe(0xbbbbbb);
  const light = (colour: number): number => (colour >> 16) + ((colour >> 8) & 255) + (colour & 255);
  for (const sign of [1, -1]) {
    const lights = [0, 30, 60, 90, 127].map((step) => light(matrixColour(sign * step, false)));
    expect(lights).toEqual([...lights].sort((a, b) => b - a));
  }
});
