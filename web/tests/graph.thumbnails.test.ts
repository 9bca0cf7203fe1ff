// Units as pictures: their colours, the sheet that they lie on, and when they are drawn.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createEngine } from "../src/graph/engine.ts";
import type { Canvas } from "../src/graph/painter.ts";
import { cornerOf, isPictured, sheetOf, sidesOf, thumbnailOf, weightColour } from "../src/graph/thumbnails.ts";
import type { Thumbnails } from "../src/types.ts";
import { frameOf } from "./graph.fixtures.ts";

const WHITE = [255, 255, 255, 255];

/** Five pictures of 2 x 3 pixels with numbers of their own. */
const FIVE: Thumbnails = { shape: [1, 2, 3], pixels: Int8Array.from({ length: 30 }, (_, place) => place * 4 - 60) };

function pixel({ rgba, width }: { rgba: Uint8ClampedArray; width: number }, x: number, y: number): number[] {
  return [...rgba.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
}

describe("colours", () => {
  it("are the paper's at 0 and grow apart on both sides", () => {
    expect([weightColour(0, false), weightColour(0, true)]).toEqual([0xffffff, 0x111418]);
    expect([weightColour(127, false), weightColour(-127, false)]).toEqual([0xd55e00, 0x0072b2]);
    const light = (colour: number): number => (colour >> 16) + ((colour >> 8) & 255) + (colour & 255);
    for (const sign of [-1, 1]) {
      for (let value = 0; value < 120; value += 10) {
        expect(light(weightColour(sign * (value + 10), false))).toBeLessThan(light(weightColour(sign * value, false)));
        expect(light(weightColour(sign * (value + 10), true))).toBeGreaterThan(light(weightColour(sign * value, true)));
      }
    }
  });

  it("of three channels are what they are, with 0 grey", () => {
    const image = thumbnailOf({ shape: [3, 1, 2], pixels: Int8Array.of(0, 127, 0, -127, 0, 5) }, 0, true);
    expect([pixel(image, 0, 0), pixel(image, 1, 0)]).toEqual([[128, 128, 128, 255], [255, 1, 133, 255]]);
  });
});

describe("the sheet", () => {
  const sheet = sheetOf(FIVE, false);

  it("holds every picture as it is alone", () => {
    for (let unit = 0; unit < 5; unit += 1) {
      const alone = thumbnailOf(FIVE, unit, false);
      const [left, top] = cornerOf(sheet.columns, FIVE, unit);
      for (const x of [0, 1, 2]) for (const y of [0, 1]) expect(pixel(sheet, left + x, top + y)).toEqual(pixel(alone, x, y));
    }
    expect(pixel(thumbnailOf({ shape: [1, 1, 1], pixels: Int8Array.of(0) }, 0, false), 0, 0)).toEqual(WHITE);
  });

  it("repeats each picture's edge around it", () => {
    const [left, top] = cornerOf(sheet.columns, FIVE, 3);
    const near = (x: number): number => Math.min(Math.max(x, 0), 2);
    for (let x = -1; x <= 3; x += 1) {
      for (let y = -1; y <= 2; y += 1) expect(pixel(sheet, left + x, top + y)).toEqual(pixel(sheet, left + near(x), top + Math.min(Math.max(y, 0), 1)));
    }
  });
});

describe("a mark", () => {
  it("has the area of the circle that it stands for, and the picture's shape", () => {
    for (const shape of [[1, 28, 28], [3, 4, 9], [1, 5, 1]] as const) {
      const [wide, high] = sidesOf({ shape, pixels: new Int8Array() }, 7);
      expect(wide * high).toBeCloseTo(Math.PI * 49);
      expect(wide / high).toBeCloseTo(shape[2] / shape[1]);
    }
  });

  it("is a picture from 8 pixels on", () => {
    expect([isPictured(4.5), isPictured(4.52)]).toEqual([false, true]);
  });
});

describe("the engine", () => {
  let frames: ((now: number) => void)[] = [];
  let drawn: number[] = [];
  let sheets = 0;

  function fakeCanvas(): Canvas {
    const does: Record<string, (...given: number[]) => void> = {
      drawImage: (...given) => given.length === 9 && drawn.push(given[7]),
      putImageData: () => (sheets += 1),
    };
    const context = new Proxy({} as Record<string, unknown>, { get: (_, name: string) => does[name] ?? (() => undefined), set: () => true });
    return { width: 0, height: 0, getContext: () => context } as unknown as Canvas;
  }

  beforeEach(() => {
    [frames, drawn, sheets] = [[], [], 0];
    vi.stubGlobal("ImageData", class {});
    vi.stubGlobal("requestAnimationFrame", (frame: (now: number) => void) => frames.push(frame));
    vi.stubGlobal("cancelAnimationFrame", () => (frames = []));
  });
  afterEach(() => vi.unstubAllGlobals());

  function opened(radii: number[]) {
    const engine = createEngine(fakeCanvas(), fakeCanvas, () => undefined);
    const units = radii.length;
    engine.command({ kind: "size", width: 800, height: 600, ratio: 1 });
    engine.command({ kind: "reduced", reduced: true });
    engine.command({ kind: "frame", frame: frameOf(units, 2 * units), fresh: true });
    engine.command({ kind: "appearance", appearance: { colour: new Uint32Array(units), radius: Float32Array.from(radii), opacity: new Float32Array(units).fill(1), shape: new Uint8Array(units) } });
    /** Until it rests: what the last frame draws is told. */
    const pass = (): void => {
      for (let round = 0; round < 400 && frames.length > 0; round += 1) {
        drawn = [];
        frames.splice(0).forEach((frame) => frame(16 * round));
      }
    };
    return { engine, pass };
  }

  it("draws discs until it is given pictures, then those of units that are large enough", () => {
    const { engine, pass } = opened([9, 9, 9, 9, 0.01]);
    pass();
    expect([drawn, sheets]).toEqual([[], 0]);
    engine.command({ kind: "thumbnails", thumbnails: FIVE });
    pass();
    expect([drawn.length, sheets]).toEqual([4, 1]);
    engine.command({ kind: "hovered", unit: 1 });
    pass();
    expect([drawn.length, sheets]).toEqual([4, 1]); // the sheet is painted once
    engine.command({ kind: "dark", dark: true });
    pass();
    expect([drawn.length, sheets]).toEqual([4, 2]);
    engine.command({ kind: "thumbnails", thumbnails: null });
    pass();
    expect(drawn).toEqual([]);
  });

  it("passes over pictures of other units", () => {
    const { engine, pass } = opened([9, 9, 9]);
    engine.command({ kind: "thumbnails", thumbnails: FIVE });
    pass();
    expect([drawn, sheets]).toEqual([[], 0]);
  });

  it("tells by size how large the norm is", () => {
    const { engine, pass } = opened([9, 4.5, 9, 9, 9]);
    engine.command({ kind: "thumbnails", thumbnails: FIVE });
    pass();
    const sizes = [...drawn].sort((a, b) => a - b);
    expect(sizes[4] / sizes[0]).toBeCloseTo(2);
  });
});
