// Runs among many: filtered, grouped with controls beside their ticket, and compared.
import { describe, expect, it } from "vitest";

import { densityOf, differences, differenceWords, grouped, matches, roleOf } from "../../src/app/runs";
import { opened } from "../../src/data/rows";
import type { About, Timeline } from "../../src/types";
import { timeline } from "./planted";

const PLAIN: About = { model: "lenet", data: "mnist", seed: 0, arm: "", level: null, density: null, tags: [] };

function run(id: string, about: Partial<About> = {}, more: Partial<Timeline> = {}): Timeline {
  return timeline(id, 2, { name: `run ${id}`, about: { ...PLAIN, ...about }, ...more });
}

const SEARCH = [
  run("c1", { arm: "reinit", level: 1, density: 0.8 }),
  run("t2", { arm: "ticket", level: 2, density: 0.64 }),
  run("d", { arm: "ticket", level: 0 }),
  run("t1", { arm: "ticket", level: 1, density: 0.8 }),
  run("u1", { arm: "ticket", level: 1, density: 0.8, seed: 1 }),
  run("p", { tags: ["paper", "wide"] }),
];

describe("roles", () => {
  it("say what a run is for", () => {
    expect(SEARCH.map(roleOf)).toEqual(["reinit 1", "ticket 2", "dense", "ticket 1", "ticket 1", ""]);
    expect(roleOf(run("x", { density: 0.3 }))).toBe("masked");
    expect(roleOf(run("x", { arm: "tickets" }))).toBe("ticket search");
    expect(roleOf(timeline("x"))).toBe("");
    expect(densityOf(SEARCH[1]!)).toBe("64 %");
  });
});

describe("the filter", () => {
  it.each([
    ["", 6],
    ["ticket", 3],
    ["reinit 80", 1],
    ["SEED 1 ticket", 1],
    ["paper", 1],
    ["t2 mnist-not-there", 0],
  ])("finds by %s", (text, count) => {
    expect(SEARCH.filter((one) => matches(one, text))).toHaveLength(count);
  });
});

describe("groups", () => {
  const titles = (by: Parameters<typeof grouped>[1]): string[] => grouped(SEARCH, by).map(({ title, runs }) => `${title}: ${runs.map(({ id }) => id).join(" ")}`);

  it("put controls beside their ticket", () => {
    expect(titles("ticket")).toEqual([
      "lenet on mnist, seed 0: the dense network: d",
      "lenet on mnist, seed 0: level 1, 80 % of the weights: t1 c1",
      "lenet on mnist, seed 0: level 2, 64 % of the weights: t2",
      "lenet on mnist, seed 1: level 1, 80 % of the weights: u1",
      "not of a search for tickets: p",
    ]);
  });

  it("are by model and data, role, density, seed and tag", () => {
    expect(titles("network")).toEqual(["lenet on mnist: p d t1 c1 t2 u1"]);
    expect(titles("role").map((title) => title.split(": ").slice(0, -1).join(": "))).toEqual(["control: reinit", "tickets", "dense", "no role"]);
    expect(titles("density")).toEqual(["80 % of the weights: t1 c1 u1", "64 % of the weights: t2", "all weights: p d"]);
    expect(titles("seed")[1]).toBe("seed 1: u1");
    expect(titles("tag").slice(1)).toEqual(["paper: p", "wide: p"]);
  });

  it("hold runs of which nothing is known", () => {
    expect(grouped([timeline("x")], "seed")[0]!.title).toBe("nothing is known of these");
  });
});

describe("what differs", () => {
  const one = run("a", {}, { settings: { "recipe.lr": "0.1", seed: "0", initial: "a".repeat(64) } });
  const other = run("b", {}, { settings: { "recipe.lr": "0.03", seed: "0", initial: "b".repeat(64), mask: "c" } });

  it("is said by name, digests by their beginning", () => {
    expect(differences(one, other)?.map(({ name }) => name)).toEqual(["initial", "mask", "recipe.lr"]);
    expect(differenceWords(one, other)).toBe("The two runs differ in initial (aaaaaaaa, bbbbbbbb), mask (–, c) and recipe.lr (0.1, 0.03).");
  });

  it("may be nothing, may be much, and may be unknown", () => {
    expect(differenceWords(one, one)).toBe("The two runs have the same settings.");
    expect(differenceWords(one, run("c"))).toBe("");
    const many = run("m", {}, { settings: Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`k${at}`, "x"])) });
    expect(differenceWords(run("e", {}, { settings: {} }), many)).toMatch(/k5 \(–, x\) and 3 more\.$/);
  });
});

it("reads what a long catalog tells of each run", () => {
  const { timelines } = opened({
    timelines: [],
    problems: [],
    rows: {
      networks: [[]], id: ["a", "b"], name: ["A", "B"], axis: ["step", "step"], status: ["done", "done"], moments: [1, 1], objective: [null, null], network: [0, 0],
      about: { model: ["m", "n"], data: ["d", "d"], seed: [0, null], arm: ["", "ticket"], level: [null, 3], density: [null, 0.5], tags: [[], ["t"]] },
    },
  });
  expect(timelines[1]!.about).toEqual({ model: "n", data: "d", seed: null, arm: "ticket", level: 3, density: 0.5, tags: ["t"] });
});
