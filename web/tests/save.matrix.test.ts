// @vitest-environment happy-dom
// A saved matrix: one image with its bars, words that are text, and JSON as Python reads it.

import { expect, it, vi } from "vitest";

import { groupBars, matrixLegend } from "../src/graph/matrix";
import { toSvg, toView, type SavingMatrix } from "../src/save";
import { paintPicture } from "../src/save/canvas";
import { pictureOf, wrapped } from "../src/save/picture";
import { STATE } from "./save.fixtures";

const LABELS = Uint8Array.of(1, 0, 255, 0);
const GROUPING = { labels: LABELS, classes: null, groups: 2, source: "updates" as const, own: 0.8, random: 0.3 };
const ORDER = [1, 3, 0, 2];

export const MATRIX: SavingMatrix = {
  matrix: { units: 4, products: Int8Array.of(127, -40, -128, 9, -40, 127, -128, 64, -128, -128, -128, -128, 9, 64, -128, 127) },
  order: ORDER,
  labels: LABELS,
  legend: matrixLegend(4, GROUPING, "cosine", false),
  title: `a "run" & its <twin>'s matrix`,
  selected: [3, 1, 9],
  subtitle: "Rows and columns are the units of fc1, ordered by group; colour is the cosine of their weight vectors: violet where they are alike, orange where they are opposite.",
};

it("is the same file that Python is tested against", async () => {
  await expect(toView(MATRIX, { ...STATE, layout: "matrix" }, "#layout=matrix")).toMatchFileSnapshot("../../tests/viewer/saved_matrix.json");
});

it("joins units of one group to one bar, those of none in grey", () => {
  expect(groupBars(ORDER, LABELS, false)).toEqual([
    { start: 0, length: 2, colour: 0x332288 },
    { start: 2, length: 1, colour: 0xcc6677 },
    { start: 3, length: 1, colour: 0x999999 },
  ]);
  expect(groupBars([0, 1], null, false)).toEqual([]);
});

it("says what cells and bars are", () => {
  const { title, scale, entries, note } = MATRIX.legend;
  expect([title, scale!.low, scale!.high, scale!.colours.length]).toEqual(["Cosine of two units", "−1", "1", 21]);
  expect([scale!.colours[0], scale!.colours[10], scale!.colours[20]]).toEqual([0xb35806, 0xffffff, 0x542788]);
  expect(entries.map(({ label }) => label)).toEqual(["1: 2", "2: 1", "none: 1"]);
  expect(note).toMatch(/^Bars: groups of units by what training added\. A way to follow units/);
  expect(matrixLegend(4, null, "correlation", true).note).toBe("");
});

it("is one image with bars along two sides, and its words are text", () => {
  const picture = pictureOf(MATRIX);
  const [image] = picture.graph.filter((shape) => shape.kind === "image");
  expect(picture.graph.filter((shape) => shape.kind === "rect").length).toBe(6);
  expect([image!.width, image!.height]).toEqual([600, 600]);
  expect(image!.x + image!.width).toBeLessThanOrEqual(picture.plot.width);
  expect(image!.y + image!.height).toBeLessThanOrEqual(picture.plot.height);
  vi.spyOn(HTMLCanvasElement.prototype, "toDataURL").mockReturnValue("data:image/png;base64,AAAA");
  const text = toSvg(MATRIX);
  const root = new DOMParser().parseFromString(text.replace(/^<\?xml.*\?>\n/, ""), "image/svg+xml").documentElement;
  expect([...root.querySelectorAll("image")].map((one) => one.getAttribute("href"))).toEqual(["data:image/png;base64,AAAA"]);
  const words = [...root.querySelectorAll("#words text")].map((one) => one.textContent);
  expect(words[0]).toBe(MATRIX.title);
  expect(words.slice(1, 3).join(" ")).toBe(MATRIX.subtitle);
  expect(words).toEqual(expect.arrayContaining(["Cosine of two units", "−1", "1", "1: 2", "none: 1"]));
});

it("is painted without smoothing", () => {
  const drawn: unknown[][] = [];
  const pen = new Proxy({ imageSmoothingEnabled: true } as Record<string, unknown>, {
    get: (target, name: string) => (name === "drawImage" ? (...given: unknown[]) => drawn.push([target["imageSmoothingEnabled"], ...given.slice(1)]) : (target[name] ?? (() => undefined))),
  });
  paintPicture(pen as never, pictureOf(MATRIX));
  expect(drawn).toEqual([[false, 24, 10, 600, 600]]);
});

it("wraps words at their blanks", () => {
  expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
  expect(wrapped("unbreakable word", 4)).toEqual(["unbreakable", "word"]);
  expect(wrapped("", 10)).toEqual([]);
});
