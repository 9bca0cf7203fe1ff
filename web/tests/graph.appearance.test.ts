// Colours, sizes, shapes and legends.
import { describe, expect, it } from "vitest";

import type { GraphFrame } from "../src/types.ts";
import { appearanceOf } from "../src/graph/appearance.ts";
import { scalesOf, spreadOf, widened } from "../src/graph/scales.ts";
import { css, GREY, mixed, OKABE_ITO, shade, viridis } from "../src/graph/colour.ts";
import { frameOf, stateOf } from "./graph.fixtures.ts";

const ALL = { level: 65535, order: null, dark: false };

/** Units 0-4 in a chain, 5-7 in another, 8 and 9 a pair, 10 and 11 alone. */
function planted(changes: Partial<GraphFrame> = {}): GraphFrame {
  return {
    ...frameOf(12, 7),
    source: Uint16Array.of(0, 1, 2, 3, 5, 6, 8),
    target: Uint16Array.of(1, 2, 3, 4, 6, 7, 9),
    apart: Uint16Array.of(1, 2, 3, 4, 5, 6, 7),
    ...changes,
  };
}

describe("colours", () => {
  it("run through viridis from violet to yellow, and no further", () => {
    expect([viridis(-1), viridis(0), viridis(1), viridis(2)]).toEqual([0x440154, 0x440154, 0xfde725, 0xfde725]);
    expect(mixed(0x000000, 0xffffff, 0.5)).toBe(0x808080);
    expect([shade(0, false), shade(1, true)]).toEqual([viridis(0), viridis(1)]);
    expect(shade(0, true)).toBe(viridis(0.22));
    expect([css(0x00ff), css(0x123456), css(0xffffff)]).toEqual(["#0000ff", "#123456", "#ffffff"]);
  });
});

describe("by component", () => {
  it("gives the largest blue, the isolated orange rings, and counts them", () => {
    const { appearance, legend } = appearanceOf(planted(), stateOf(), ALL);
    expect(appearance.colour[0]).toBe(OKABE_ITO.blue);
    expect(appearance.colour[6]).toBe(OKABE_ITO.green);
    expect(appearance.colour[8]).toBe(GREY);
    expect([appearance.colour[11], appearance.shape[11]]).toEqual([OKABE_ITO.orange, 2]);
    expect(appearance.shape[0]).toBe(0);
    expect(legend.entries.map((entry) => entry.label)).toEqual([
      "largest component: 5 units",
      "component 2: 3 units",
      "1 small component: 2 units",
      "isolated: 2 units",
    ]);
  });

  it("follows the cutoff", () => {
    const { legend } = appearanceOf(planted(), stateOf(), { ...ALL, level: 0 });
    expect(legend.entries.map((entry) => entry.label)).toEqual(["isolated: 12 units"]);
  });
});

describe("by a quantity", () => {
  it("colours norms from the least to the greatest and sizes units by them", () => {
    const norm = Float32Array.from({ length: 12 }, (_, unit) => unit);
    const { appearance, legend } = appearanceOf(planted({ norm }), stateOf({ colour: "norm" }), ALL);
    expect([appearance.colour[0], appearance.colour[11]]).toEqual([viridis(0), viridis(1)]);
    expect([legend.scale?.low, legend.scale?.high]).toEqual(["0", "11"]);
    expect(appearance.radius[0]).toBe(2);
    expect((appearance.radius[8] / appearance.radius[2]) ** 2).toBeCloseTo(4, 5);
  });

  it("says where movement is unknown", () => {
    const angle = new Float32Array(12).fill(NaN);
    const unknown = appearanceOf(planted({ angle }), stateOf({ colour: "movement" }), ALL);
    expect(unknown.legend.scale).toBeNull();
    expect(unknown.legend.entries[0].label).toBe("not known here");
    angle[3] = Math.PI / 2;
    const known = appearanceOf(planted({ angle }), stateOf({ colour: "movement" }), ALL);
    expect(known.legend.scale?.high).toBe("90°");
    expect(known.appearance.colour[0]).toBe(GREY);
    expect(known.legend.entries).toEqual([{ label: "not known here", colour: GREY, shape: 0 }]);
    expect(appearanceOf(planted({ angle: angle.fill(1) }), stateOf({ colour: "movement" }), ALL).legend.entries).toEqual([]);
  });

  it("shows removal from the first to go, light, to the last, dark", () => {
    const order = Uint16Array.from({ length: 12 }, (_, place) => 11 - place);
    const { appearance, legend } = appearanceOf(planted(), stateOf({ colour: "removal" }), { ...ALL, order });
    expect([appearance.colour[11], appearance.colour[0]]).toEqual([viridis(1), viridis(0)]);
    expect(legend.scale?.colours[0]).toBe(viridis(1));
    expect(legend.title).toBe("Removal order by magnitude");
  });

  it("fades what a mask took, and hides what it took whole", () => {
    const kept = new Float32Array(12).fill(1);
    kept[2] = 0.1;
    kept[3] = 0;
    const { appearance, legend } = appearanceOf(planted({ kept }), stateOf({ colour: "kept" }), ALL);
    expect(appearance.opacity[2]).toBeLessThan(appearance.opacity[0]);
    expect([legend.scale?.colours[15], legend.scale?.colours[0]]).toEqual([viridis(1), mixed(0xffffff, viridis(0), 0.3)]);
    expect([appearance.radius[3], appearance.radius[2] > 0]).toEqual([0, true]);
    expect(legend.scale?.high).toBe("100 %");
    const parts = appearanceOf(planted({ kept }), stateOf(), ALL).legend.entries;
    expect(parts[0].label).toBe("largest component: 3 units");
  });

  it("stays finite on norms that are not", () => {
    const norm = new Float32Array(12).fill(NaN);
    for (const colour of ["cluster", "norm", "movement", "removal", "model", "kept"] as const) {
      const { appearance } = appearanceOf(planted({ norm }), stateOf({ colour }), ALL);
      expect(appearance.radius.every(Number.isFinite)).toBe(true);
    }
  });
});

describe("one scale for all moments", () => {
  const scales = { norm: { low: 1, high: 16, q99: 8 }, moved: { low: 0, high: 2, q99: 1 }, angle: { low: 0, high: Math.PI / 2, q99: 1 } };

  it("makes areas proportional to norms, down to the least that can be seen", () => {
    const norm = Float32Array.of(8, 2, 16, 0.1, 0, NaN, 1, 1, 1, 1, 1, 1);
    const { radius } = appearanceOf(planted({ norm }), stateOf(), { ...ALL, scales }).appearance;
    expect(radius[0]).toBe(9);
    expect(radius[1]).toBeCloseTo(4.5, 5);
    expect(radius[2]).toBeCloseTo(9 * Math.SQRT2, 5);
    expect([radius[3], radius[4], radius[5]]).toEqual([2, 2, 2]);
  });

  it("colours by the run's ends, not by the moment's", () => {
    const norm = new Float32Array(12).fill(1);
    norm[1] = 8.5;
    const { appearance, legend } = appearanceOf(planted({ norm }), stateOf({ colour: "norm" }), { ...ALL, scales });
    expect([appearance.colour[0], appearance.colour[1]]).toEqual([viridis(0), viridis(0.5)]);
    expect([legend.scale?.low, legend.scale?.high]).toEqual(["1", "16"]);
  });

  it("is told in two or three sizes", () => {
    const { sizes } = appearanceOf(planted(), stateOf(), { ...ALL, scales }).legend;
    expect(sizes?.title).toBe("area: norm of the weight vector, on one scale for all moments");
    expect(sizes?.marks.map(({ label }) => label)).toEqual(["8", "3.7", "1"]);
    for (const { label, radius } of sizes?.marks ?? []) expect(radius).toBeCloseTo(Math.max(9 * Math.sqrt(Number(label) / 8), 2), 5);
  });

  it("takes the 99th percentile of live units, and widens without ever narrowing", () => {
    const norm = Float32Array.from({ length: 101 }, (_, unit) => unit);
    const kept = new Float32Array(101).fill(1);
    const one = scalesOf({ norm, moved: norm.map(() => NaN), angle: norm.map(() => NaN), kept });
    expect(one).toEqual({ norm: { low: 0, high: 100, q99: 99 }, moved: null, angle: null });
    const other = scalesOf({ norm: norm.map((value) => 2 * value), moved: norm, angle: norm, kept: kept.map((_, unit) => (unit > 50 ? 0 : 1)) });
    expect(other.norm).toEqual({ low: 0, high: 100, q99: 99 });
    expect(widened(one, { norm: { low: -1, high: 50, q99: 49 }, moved: null, angle: null }).norm).toEqual({ low: -1, high: 100, q99: 99 });
    expect(spreadOf(new Float32Array(0))).toBeNull();
  });
});

describe("two models", () => {
  const merged = planted({ own: 5 });

  it("always differ in shape, and the legend can switch them", () => {
    for (const colour of ["cluster", "norm", "model"] as const) {
      const { appearance, legend } = appearanceOf(merged, stateOf({ colour, merged: "second" }), ALL);
      expect([appearance.shape[0], appearance.shape[11]]).toEqual([0, 1]);
      const models = legend.entries.filter((entry) => entry.model !== undefined);
      expect(models.map((entry) => [entry.model, entry.label])).toEqual([
        [0, "first: 5 units"],
        [1, "second: 7 units"],
      ]);
    }
  });

  it("have a legend of the shapes that are drawn, and of units whose order nobody knows", () => {
    const { appearance, legend } = appearanceOf(merged, stateOf({ merged: "second" }), ALL);
    expect([...appearance.shape]).not.toContain(2);
    expect(legend.entries.find(({ label }) => label.startsWith("isolated"))).toMatchObject({ shape: 0, colour: OKABE_ITO.orange });
    const order = Uint16Array.of(4, 3, 2, 1, 0);
    const removal = appearanceOf(merged, stateOf({ colour: "removal", merged: "second" }), { ...ALL, order });
    expect(removal.appearance.colour[5]).toBe(GREY);
    expect(removal.legend.entries[0].label).toBe("not known here");
  });

  it("are blue and vermillion by model, and vanish when switched off", () => {
    const state = stateOf({ colour: "model", merged: "second", hidden: [1] });
    const { appearance } = appearanceOf(merged, state, ALL);
    expect([appearance.colour[0], appearance.colour[5]]).toEqual([OKABE_ITO.blue, OKABE_ITO.vermillion]);
    expect([appearance.radius[0] > 0, appearance.radius[5]]).toEqual([true, 0]);
  });
});
