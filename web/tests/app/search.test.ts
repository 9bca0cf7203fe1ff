import { describe, expect, it } from "vitest";

import { factsOf, placesOf } from "../../src/app/facts";
import { columnsOf, rowsOf, sorted } from "../../src/app/rows";
import { search, unitsOf } from "../../src/app/search";
import { neighboursOf } from "../../src/app/neighbours";
import { apartOf } from "../../src/graph/apart";
import { frame, random } from "./planted";

const facts = factsOf(frame(), apartOf(0.25), []);
const places = placesOf(Uint16Array.of(4, 2, 0, 1, 5, 3), 6);
const searched = { ...facts, places, selected: [1], pinned: [2] };

describe("facts", () => {
  it("count links, components and lonely units", () => {
    expect([...facts.links]).toEqual([1, 2, 1, 1, 1, 0]);
    expect([...facts.cluster]).toEqual([1, 1, 1, 2, 2, 3]);
    expect(facts).toMatchObject({ drawn: 3, linked: 5, isolated: 1, capped: false, sizes: [3, 2, 1] });
  });

  it("leave out units whose run is switched off", () => {
    const half = factsOf(frame(false, 3), apartOf(0.25), [1]);
    expect(half).toMatchObject({ drawn: 2, linked: 3, isolated: 0 });
    expect([...half.cluster]).toEqual([1, 1, 1, 0, 0, 0]);
  });

  it("say when links are left out of the picture", () => {
    expect(factsOf({ ...frame(), floor: 0.05 }, apartOf(0.01), []).capped).toBe(true);
    expect(factsOf({ ...frame(), floor: 0.05 }, apartOf(0.06), []).capped).toBe(false);
  });

  it("agree with counting by hand on any graph", () => {
    const draw = random(11);
    for (let trial = 0; trial < 30; trial += 1) {
      const pairs = Array.from({ length: 20 }, () => [Math.floor(draw() * 12), Math.floor(draw() * 12)] as const).filter(([a, b]) => a !== b);
      const apart = Uint16Array.from(pairs, () => Math.floor(draw() * 65535)).sort();
      const some = { ...frame(), units: 12, own: 12, norm: new Float32Array(12), angle: new Float32Array(12), kept: new Float32Array(12).fill(1), source: Uint16Array.from(pairs, ([a]) => a), target: Uint16Array.from(pairs, ([, b]) => b), apart };
      const most = Math.floor(draw() * 65535);
      const drawn = pairs.filter((_, link) => apart[link]! <= most);
      const linked = new Set(drawn.flat());
      expect(factsOf(some, most, [])).toMatchObject({ drawn: drawn.length, linked: linked.size, isolated: 12 - linked.size });
    }
  });
});

describe("the search", () => {
  it.each<[string, number[]]>([
    ["3", [3]],
    ["#3", [3]],
    ["3 5", [3, 5]],
    ["1-3", [1, 2, 3]],
    ["1 - 3, 5", [1, 2, 3, 5]],
    ["3-1", [1, 2, 3]],
    ["unit 4", [4]],
    ["norm<0.6", [2, 4]],
    ["norm < .6", [2, 4]],
    ["norm≥3", [3, 5]],
    ["isolated", [5]],
    ["linked", [0, 1, 2, 3, 4]],
    ["!linked", [5]],
    ["cluster 1", [0, 1, 2]],
    ["component 2", [3, 4]],
    ["cluster 1 and norm<0.6", [2]],
    ["moved>25", [4]],
    ["angle>20°", [3, 4]],
    ["links>=2", [1]],
    ["place<=2", [2, 4]],
    ["kept<50%", []],
    ["kept=100%", [0, 1, 2, 3, 4, 5]],
    ["selected", [1]],
    ["PINNED", [2]],
    ["1-3 norm<1", [2]],
  ])("%s", (text, units) => {
    const found = search(text, searched);
    expect(found).toBeInstanceOf(Uint8Array);
    expect(unitsOf(found as Uint8Array)).toEqual(units);
  });

  it("finds a number in both of two runs", () => {
    const two = { ...searched, own: 3 };
    const units = (text: string): number[] => unitsOf(search(text, two) as Uint8Array);
    expect([units("1"), units("0-1"), units("unit=2"), units("1 run 2")]).toEqual([[1, 4], [0, 1, 3, 4], [2, 5], [4]]);
  });

  it("means nothing where nothing is written", () => {
    expect(search("  , ", searched)).toBeNull();
  });

  it.each(["nrom<3", "norm<", "cluster", "constructor", "norm<x", "toString=1"])("does not understand %s", (text) => {
    const found = search(text, searched);
    expect(found).toMatch(/is not understood\. Write a number \(17\)/);
  });
});

describe("the table", () => {
  it("sorts by any column, those without a value last", () => {
    const rows = rowsOf(facts, places);
    const order = (column: Parameters<typeof sorted>[1]["column"], descending: boolean): number[] => sorted(rows, { column, descending }).map(({ unit }) => unit);
    expect(order("norm", false)).toEqual([4, 2, 0, 1, 5, 3]);
    expect(order("norm", true)).toEqual([3, 5, 1, 0, 2, 4]);
    expect(order("angle", false)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(order("angle", true)).toEqual([4, 3, 2, 1, 0, 5]);
    expect(order("cluster", false)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(order("place", false)).toEqual([4, 2, 0, 1, 5, 3]);
    const partly = rowsOf({ ...facts, angle: Float32Array.of(NaN, 3, NaN, 1, 2, 0) }, null);
    const moved = (descending: boolean): number[] => sorted(partly, { column: "angle", descending }).map(({ unit }) => unit);
    expect(moved(false)).toEqual([5, 3, 4, 1, 0, 2]);
    expect(moved(true)).toEqual([1, 4, 3, 5, 0, 2]);
  });

  it("lists what the search means before the rest, and the columns that say something", () => {
    const found = Uint8Array.of(0, 1, 0, 0, 1, 0);
    expect(sorted(rowsOf(facts, null), { column: "norm", descending: true }, found).map(({ unit }) => unit)).toEqual([1, 4, 3, 5, 0, 2]);
    expect(columnsOf(facts, null)).toEqual(["unit", "norm", "update", "angle", "links", "cluster"]);
    expect(columnsOf({ ...facts, kept: Float32Array.of(0.5), angle: Float32Array.of(NaN), moved: Float32Array.of(NaN) }, places)).toEqual(["unit", "norm", "links", "cluster", "kept", "place"]);
  });
});

describe("neighbours", () => {
  it("are the carried ones, without empty places", () => {
    const near = { ...frame(), neighbours: 2, nearest: new Uint16Array(12).fill(65535), nearestApart: new Uint16Array(12) };
    near.nearest.set([1, 65535], 0);
    near.nearestApart.set([apartOf(0.5), 0], 0);
    const [first, ...rest] = neighboursOf(near, 0);
    expect(rest).toEqual([]);
    expect(first!.unit).toBe(1);
    expect(first!.angle).toBeCloseTo(60, 1);
  });

  it("are else the ends of the nearest links", () => {
    expect(neighboursOf(frame(), 2).map(({ unit }) => unit)).toEqual([1, 3]);
  });
});
