import { describe, expect, it } from "vitest";

import { COLOURS, DEFAULT_STATE, formatState, leastCut, parseState, unknownIn } from "../../src/app/state";
import { formatNumbers, parseNumbers } from "../../src/app/numbers";
import { RANGES } from "../../src/graph/forces";
import type { Forces, ViewState } from "../../src/types";
import { random } from "./planted";

function someState(draw: () => number): ViewState {
  const maybe = <T>(value: T, other: T): T => (draw() < 0.5 ? value : other);
  const whole = (end: number): number => Math.floor(draw() * end);
  const round = (value: number): number => Number(value.toPrecision(5));
  const forces = Object.fromEntries(
    Object.entries(RANGES).map(([name, { min, max }]) => [name, round(min + draw() * (max - min))]),
  ) as unknown as Forces;
  const sigma = round(0.1 + draw() * 1.9);
  return {
    run: maybe("6f0cab05b9c6", null as never),
    merged: maybe("886d152f10ee", null as never),
    layer: maybe("block1.conv/2 & more=100%", null as never),
    source: (["weights", "updates", "outputs", null] as const)[whole(4)]!,
    at: maybe(whole(100_000), null as never),
    cut: maybe(Math.max(leastCut(sigma), round(draw())), null as never),
    sigma,
    colour: COLOURS[whole(COLOURS.length)]!,
    size: maybe("moved", null as never),
    marks: (["discs", "weights", "updates"] as const)[whole(3)]!,
    criterion: maybe("magnitude", "frame_potential"),
    forces: maybe(forces, DEFAULT_STATE.forces),
    selected: parseNumbers(formatNumbers([...new Set(Array.from({ length: whole(40) }, () => whole(60)))]), 4096),
    pinned: [...new Set(Array.from({ length: whole(4) }, () => whole(60)))],
    twins: draw() < 0.5,
    nearest: maybe(whole(11), null as never),
    trails: false,
    layout: (["plane", "force", "matrix", "tsne", "umap"] as const)[whole(5)]!,
    mapping: maybe("report", "cosine"),
    slider: "moment",
    frozen: draw() < 0.5,
    hidden: maybe([1], []),
    speed: 0.5 + whole(50) / 2,
    loop: draw() < 0.5,
  };
}

describe("the address", () => {
  it("tells what it asks for and nobody knows, and nothing else", () => {
    expect(unknownIn("#v=2&source=weight&layout=spiral&colour=group&sel=3")).toEqual([
      "The address asks for source=weight, which is not known: it can be weights, updates, outputs.",
      "The address asks for layout=spiral, which is not known: it can be force, plane, tsne, umap, matrix.",
    ]);
    const draw = random(8);
    for (let trial = 0; trial < 100; trial += 1) expect(unknownIn(formatState(someState(draw)))).toEqual([]);
    expect(unknownIn("")).toEqual([]);
  });

  it("holds every state and gives it back", () => {
    const draw = random(7);
    for (let trial = 0; trial < 300; trial += 1) {
      const state = someState(draw);
      const hash = formatState(state);
      const back = parseState(hash);
      const cut = state.cut === null ? null : Number(state.cut.toPrecision(5));
      expect(back, hash).toEqual({ ...state, cut: cut === null ? null : expect.closeTo(cut, 4) });
      expect(formatState(back)).toBe(hash);
    }
  });

  it("holds a layer of any name, also of none", () => {
    for (const layer of ["", "block1/unit_1", "a b.c/d&e=#%+é", "layer1.0.conv2"]) {
      expect(parseState(formatState({ ...DEFAULT_STATE, layer })).layer).toBe(layer);
    }
    expect(formatState({ ...DEFAULT_STATE, layer: "" })).toBe("#v=2&layer=");
    expect(parseState("#v=1&t=3").layer).toBeNull();
  });

  it("says nothing of defaults", () => {
    expect(formatState(DEFAULT_STATE)).toBe("");
    expect(parseState("")).toEqual(DEFAULT_STATE);
    expect(parseState("#")).toEqual(DEFAULT_STATE);
  });

  it("reads as it is written down", () => {
    const state = parseState("#v=1&layer=fc1&t=42&cut=.25&sigma=.5&charge=-60&sel=3,17");
    expect(state).toMatchObject({ layer: "fc1", at: 42, cut: 0.25, sigma: 0.5, selected: [3, 17] });
    expect(state.forces.charge).toBe(-60);
    expect(formatState(state)).toBe("#v=2&layer=fc1&source=weights&t=42&cut=.25&colour=cluster&size=norm&charge=-60&sel=3,17&k=0");
  });

  it("of the first version still means what it meant: weight vectors, joined above the cutoff", () => {
    expect(parseState("#v=1")).toMatchObject({ source: "weights", colour: "cluster", size: "norm", nearest: 0 });
    expect(parseState("#v=1&source=updates&k=4&colour=norm")).toMatchObject({ source: "updates", colour: "norm", nearest: 4 });
    expect(parseState("#v=2&t=3")).toMatchObject({ source: null, colour: null, size: null, nearest: null });
  });

  it.each([
    ["#cut=7", { cut: 1 }],
    ["#cut=-3&sigma=1", { cut: Math.exp(-2) }],
    ["#cut=nonsense", { cut: null }],
    ["#sigma=0", { sigma: 0.1 }],
    ["#sigma=1e9", { sigma: 2 }],
    ["#sigma=Infinity", { sigma: 0.5 }],
    ["#t=-5", { at: 0 }],
    ["#t=", { at: null }],
    ["#speed=999", { speed: 30 }],
    ["#colour=pink", { colour: null }],
    ["#source=dreams", { source: null }],
    ["#size=huge", { size: null }],
    ["#k=99", { nearest: 10 }],
    ["#sel=1,x,-3,2,2,70000", { selected: [1, 2] }],
    ["#hide=0,1,2", { hidden: [0, 1] }],
    ["#unknown=1&=2&&layer=fc2&novalue", { layer: "fc2" }],
    ["#layer=%E0%A4%A", { layer: "%E0%A4%A" }],
  ])("brings %s into range", (hash, expected) => {
    expect(parseState(hash)).toMatchObject(expected);
  });

  it("brings every force into its range", () => {
    for (const name of Object.keys(RANGES) as (keyof Forces)[]) {
      expect(parseState(`#${name}=-1e9`).forces[name]).toBe(RANGES[name].min);
      expect(parseState(`#${name}=1e9`).forces[name]).toBe(RANGES[name].max);
    }
  });

  it("never fails, whatever it is given", () => {
    const draw = random(3);
    const letters = "#&=,.%-+ v1catselrunlyx0123456789∞é";
    for (let trial = 0; trial < 500; trial += 1) {
      const text = Array.from({ length: 40 }, () => letters[Math.floor(draw() * letters.length)]).join("");
      const state = parseState(text);
      expect(parseState(formatState(state))).toEqual(state.cut === null ? state : expect.anything());
    }
  });
});

describe("sets of units", () => {
  it("are written short", () => {
    expect(formatNumbers([3, 17])).toBe("3,17");
    expect(formatNumbers([1, 2, 3, 4, 9, 10])).toBe("1-4,9,10");
    expect(parseNumbers("1-4,9,10", 100)).toEqual([1, 2, 3, 4, 9, 10]);
  });

  it("keep their order and end at the end", () => {
    expect(parseNumbers("9,3,9", 100)).toEqual([9, 3]);
    expect(parseNumbers("97-999999", 100)).toEqual([97, 98, 99]);
    expect(parseNumbers("5-3", 100)).toEqual([]);
  });
});
