// @vitest-environment happy-dom
// Units drawn as pictures of their weights: when they are offered, on which scale, and what is said.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { mountViewer, type Mounted } from "../../src/app/app";
import { parseState } from "../../src/app/state";
import { onOneScale, reachOf } from "../../src/app/thumbnails";
import { noAddress } from "../../src/app/address";
import { nodeShapes } from "../../src/save/marks";
import { pictureOf } from "../../src/save/picture";
import type { Query, Thumbnails, UnitPictures, WeightPictures } from "../../src/types";
import { SAVING } from "../save.fixtures";
import { planted, SCALES, settle, standIn, timeline, type StandIn } from "./planted";

let graph: StandIn;
vi.mock("../../src/graph/view", () => ({ createGraphView: () => graph }));

const KEY = "6f0cab05b9c64032b342c5b4a90b3621";

/** Six units of 2 x 2 weights; the largest of unit 5 is 2. */
const WEIGHTS: WeightPictures = {
  ...{ shape: [1, 2, 2], pooled: 1, why: null },
  weight: Int8Array.from({ length: 24 }, (_, place) => (place % 4 === 0 ? 127 : -place)),
  weightLargest: Float32Array.of(0.5, 1, 1, 1, 1, 2),
  update: Int8Array.from({ length: 24 }, (_, place) => (place % 4 === 0 ? -127 : place)),
  updateLargest: new Float32Array(6).fill(0.1),
};

let mounted: Mounted | null = null;
beforeEach(() => {
  vi.useFakeTimers();
  graph = standIn();
});
afterEach(() => {
  mounted?.destroy();
  mounted = null;
  document.body.replaceChildren();
  vi.useRealTimers();
});

async function opened(hash: string, change: Partial<UnitPictures> = {}, runs = [timeline(KEY, 5, { withoutUpdates: null })]) {
  const asked: Query[] = [];
  const source = planted(runs);
  source.pictures = { driving: null, weights: async (query) => (asked.push(query), WEIGHTS), why: async () => null, ...change };
  const host = document.createElement("div");
  document.body.append(host);
  const address = { ...noAddress(), read: () => hash };
  mounted = mountViewer(host, source, { address });
  await vi.advanceTimersByTimeAsync(1000);
  await settle();
  const root = host.shadowRoot!;
  const field = [...root.querySelectorAll<HTMLLabelElement>(".toolbar .field")].find((one) => one.textContent!.startsWith("pictures"))!;
  return { asked, root, field, select: field.querySelector("select")!, legend: root.querySelector(".legend")!.textContent! };
}

const given = (): Thumbnails | null | undefined => graph.calls.filter(([name]) => name === "thumbnails").at(-1)?.[1] as Thumbnails | null | undefined;
const radii = (): number[] => [...(graph.calls.filter(([name]) => name === "appearance").at(-1)![1] as { radius: Float32Array }).radius];

describe("one scale", () => {
  it("is three root mean squares of a unit with a large norm, and cuts off what is beyond", () => {
    expect(reachOf({ low: 0, high: 9, q99: 4 }, 16)).toBe(3);
    const { pixels, shape } = onOneScale(WEIGHTS, "weights", 1);
    expect(shape).toEqual([1, 2, 2]);
    expect([pixels[0], pixels[4], pixels[20]]).toEqual([64, 127, 127]);
    expect([pixels[5], pixels[21]]).toEqual([-5, -42]);
    expect([...onOneScale(WEIGHTS, "updates", 0.25).pixels.subarray(0, 4)]).toEqual([-51, 0, 1, 1]);
  });
});

describe("the page", () => {
  it("draws discs and asks for no pictures unless they are wanted", async () => {
    const { asked, select, legend } = await opened("");
    expect([asked, given(), select.value, select.options.length]).toEqual([[], null, "discs", 3]);
    expect([...select.options].map(({ disabled }) => disabled)).toEqual([false, false, false]);
    expect(legend).not.toContain("ictures");
  });

  it("draws them larger on the scale of the run, and says so", async () => {
    await opened("");
    const before = radii();
    mounted!.destroy();
    const { asked, legend } = await opened("#marks=weights");
    expect(asked.map(({ at, merged }) => [at, merged])).toEqual([[400, null]]);
    expect(given()).toEqual(onOneScale(WEIGHTS, "weights", reachOf(SCALES.norm!, 4)));
    radii().forEach((radius, unit) => expect(radius).toBeCloseTo(1.5 * before[unit]!, 5));
    expect(legend).toContain("Pictures: weights, epoch 4≤ −6.00≥ 6.00");
    expect(legend).toContain("One scale for all units and moments, so faint is small.");
  });

  it("shows what training added, of means where there are many, and of which moment", async () => {
    const { legend } = await opened("#marks=updates&t=200", { weights: async () => ({ ...WEIGHTS, pooled: 2, at: 100 }) });
    expect(given()).toEqual(onOneScale(WEIGHTS, "updates", reachOf(SCALES.moved!, 4)));
    expect(legend).toContain("Pictures: what training added, epoch 1");
    expect(legend).toContain("A pixel is the mean of 2 × 2 weights.");
  });

  it("follows time", async () => {
    const { asked, root } = await opened("#marks=weights&t=0");
    root.querySelector<HTMLElement>(".viewer")!.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, composed: true }));
    await vi.advanceTimersByTimeAsync(500);
    await settle();
    expect(asked.map(({ at }) => at)).toEqual([0, 100]);
    expect(root.querySelector(".legend")!.textContent).toContain("Pictures: weights, epoch 1");
  });

  it("says why a layer has none, and offers none", async () => {
    const why = "the layer does not read the image itself";
    const { legend, select, field } = await opened("#marks=weights", { weights: async () => ({ ...WEIGHTS, shape: null, why }), why: async () => why });
    expect(given()).toBe(null);
    expect(legend).toContain("No pictures of unitsThe layer does not read the image itself.");
    expect([...select.options].map(({ disabled }) => disabled)).toEqual([false, true, true]);
    expect(field.title).toBe(`No pictures of units: ${why}.`);
  });

  it("says why where they cannot be had, beside another run, and of updates that are not known", async () => {
    const failed = await opened("#marks=weights", { weights: () => Promise.reject(new Error("The data are not given.")) });
    expect(failed.legend).toContain("No pictures of unitsThe data are not given.");
    mounted!.destroy();
    const two = [timeline(KEY), timeline("886d152f10ee")];
    const beside = await opened("#marks=weights&with=886d", {}, two);
    expect([beside.asked, given()]).toEqual([[], null]);
    expect(beside.legend).toContain("Beside another run circles and squares tell the runs apart.");
    expect(beside.select.options[1]!.disabled).toBe(true);
    mounted!.destroy();
    const none = await opened("#marks=updates", { weights: async () => ({ ...WEIGHTS, update: new Int8Array(0), updateLargest: new Float32Array(0) }) }, two);
    expect(none.legend).toContain("What training added is not known.");
    expect([...none.select.options].map(({ disabled }) => disabled)).toEqual([false, false, true]);
  });

  it("has no pictures in the matrix, and asks for none", async () => {
    const { asked, legend, field } = await opened("#marks=weights&layout=matrix");
    expect([asked, given() ?? null, field.hidden]).toEqual([[], null, true]);
    expect(legend).not.toContain("ictures");
  });

  it("offers nothing where nobody knows of pictures", async () => {
    const source = planted([timeline(KEY)]);
    const host = document.createElement("div");
    document.body.append(host);
    mounted = mountViewer(host, source, {});
    await vi.advanceTimersByTimeAsync(1000);
    const field = [...host.shadowRoot!.querySelectorAll<HTMLElement>(".toolbar .field")].find((one) => one.textContent!.startsWith("pictures"))!;
    expect(field.hidden).toBe(true);
  });

  it("keeps them in the address", () => {
    expect(parseState("#v=2&marks=updates").marks).toBe("updates");
    expect([parseState("#v=2&marks=stars").marks, parseState("#v=1").marks]).toEqual(["discs", "discs"]);
  });
});

describe("a saved picture", () => {
  const thumbnails: Thumbnails = { shape: [1, 2, 2], pixels: new Int8Array(28) };
  const drawn = { radius: [13.5, 6.75, 9, 7.5, 10.5, 3, 0], opacity: [1, 1, 1, 1, 1, 1, 1], links: [] };

  it("holds pictures in frames, discs for small units, and square rings", () => {
    const shapes = nodeShapes({ ...SAVING, selected: [1], thumbnails }, drawn);
    const images = shapes.filter((shape) => shape.kind === "thumbnail");
    expect(images.map(({ unit }) => unit)).toEqual([0, 1, 2, 3, 4]);
    expect(images[0]!.width * images[0]!.height).toBeCloseTo(Math.PI * 13.5 ** 2);
    const frames = shapes.filter((shape) => shape.kind === "rect" && shape.fill === "none");
    expect(frames.map((frame) => (frame as { stroke: string }).stroke)).toEqual(["#0072b2", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#000000"]);
    expect(shapes.filter((shape) => shape.kind === "circle")).toEqual([]);
    expect(nodeShapes({ ...SAVING, thumbnails: null }, drawn).every(({ kind }) => kind !== "thumbnail")).toBe(true);
  });

  it("says in its legend what they show, and has room for it", () => {
    const scale = { colours: [1, 2, 3], low: "≤ −0.20", high: "≥ 0.20" };
    const legend = { ...SAVING.legend, pictures: { title: "Pictures: weights", when: "epoch 4", scale, note: "word ".repeat(40).trim() } };
    const picture = pictureOf({ ...SAVING, legend, thumbnails });
    const words = picture.around.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
    for (const part of ["Pictures: weights, epoch 4", "≤ −0.20", "≥ 0.20"]) expect(words).toContain(part);
    expect(words.filter((line) => line.startsWith("word")).join(" ")).toBe(legend.pictures.note);
    const lowest = Math.max(...picture.around.map((shape) => ("y" in shape ? shape.y : 0)));
    expect(lowest).toBeLessThan(picture.height);
  });
});
