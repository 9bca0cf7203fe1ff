// @vitest-environment happy-dom
// Saved pictures hold what is drawn, in valid XML, and JSON as Python reads it.

import { afterEach, describe, expect, it, vi } from "vitest";

import { toPng, toSvg, toView } from "../src/save";
import { legendHeight } from "../src/save/legend";
import { HALF_SIDE } from "../src/graph/emphasis";
import { pictureOf } from "../src/save/picture";
import { paintPicture } from "../src/save/canvas";
import { escaped } from "../src/save/svg";
import { SAVING, STATE } from "./save.fixtures";

const FIXTURES = "../../tests/viewer";

function parsed(text: string): Element {
  const document = new DOMParser().parseFromString(text.replace(/^<\?xml.*\?>\n/, ""), "image/svg+xml");
  return document.documentElement;
}

/** Fails on text whose tags do not nest or that holds a bare & or <. */
function checkNesting(text: string): void {
  const open: string[] = [];
  for (const [whole, closing, name] of text.replace(/^<\?.*\?>/, "").matchAll(/<(\/?)([a-z]+)(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!whole.endsWith("/>")) open.push(name);
  }
  expect(open).toEqual([]);
  const between = text.replace(/^<\?.*\?>/, "").replace(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, "");
  expect(between).not.toMatch(/[<>]|&(?!(amp|lt|gt|quot|apos);)/);
}

describe("the SVG", () => {
  const root = parsed(toSvg(SAVING));
  const graph = root.querySelector("#graph") as Element;

  it("is the same file that Python is tested against", async () => {
    await expect(toSvg(SAVING)).toMatchFileSnapshot(`${FIXTURES}/saved_view.svg`);
  });

  it("is well nested and escapes every text", () => {
    checkNesting(toSvg(SAVING));
    expect(root.querySelector("title")?.textContent).toBe(SAVING.title);
    expect(toSvg(SAVING)).toContain("largest &lt;C1&gt; &amp; “friends”");
  });

  it("draws each unit where and as large as the view does, and no hidden one", () => {
    const { places, appearance, zoom } = SAVING.snapshot;
    for (const unit of [0, 1, 3]) {
      const circle = graph.querySelector(`circle#unit-${unit}`) as Element;
      expect(Number(circle.getAttribute("cx"))).toBeCloseTo(places[2 * unit], 3);
      expect(Number(circle.getAttribute("cy"))).toBeCloseTo(places[2 * unit + 1], 3);
      expect(Number(circle.getAttribute("r"))).toBeCloseTo(zoom * appearance.radius[unit], 3);
    }
    for (const unit of [4, 5]) {
      const square = graph.querySelector(`rect#unit-${unit}`) as Element;
      const side = Number(square.getAttribute("width"));
      expect(side).toBeCloseTo(2 * HALF_SIDE * zoom * appearance.radius[unit], 2);
      expect(Number(square.getAttribute("x")) + side / 2).toBeCloseTo(places[2 * unit], 2);
    }
    expect(graph.querySelector("#unit-6")).toBeNull();
  });

  it("draws rings hollow, and a ring around each selected unit that is drawn", () => {
    expect(graph.querySelector("#unit-2")?.getAttribute("fill")).toBe("#ffffff");
    expect(graph.querySelector("#unit-2")?.getAttribute("stroke")).toBe("#e69f00");
    expect(graph.querySelector("#unit-2")?.getAttribute("r")).toBe("8");
    expect(graph.querySelectorAll('circle[fill="none"]')).toHaveLength(2);
  });

  it("draws every link once, the faintest beneath, and dashes twins", () => {
    const paths = [...graph.querySelectorAll("path")];
    const links = paths.filter((path) => !path.hasAttribute("stroke-dasharray"));
    const opacities = links.map((path) => Number(path.getAttribute("stroke-opacity")));
    expect(opacities).toEqual([0.1, 0.2, 0.7, 0.9]);
    expect(links.map((path) => path.getAttribute("d")?.split("M").length)).toEqual([2, 2, 2, 3]);
    expect(links[3].getAttribute("d")).toBe("M100 80L220.25 160.5M220.25 160.5L340 90");
    const twins = paths.filter((path) => path.hasAttribute("stroke-dasharray"));
    expect(twins.map((path) => path.getAttribute("d"))).toEqual(["M100 80L300 280"]);
  });

  it("dims what is not selected, as the page does, and nothing without a selection", () => {
    const opacity = (unit: number): string | null => graph.querySelector(`#unit-${unit}`)?.getAttribute("opacity") ?? null;
    expect([0, 1, 2, 5].map(opacity)).toEqual(["0.3", null, "0.15", "0.75"]);
    const plain = parsed(toSvg({ ...SAVING, selected: [] }));
    expect(plain.querySelector("#unit-0")?.hasAttribute("opacity")).toBe(false);
    expect(plain.querySelectorAll('#graph circle[fill="none"]')).toHaveLength(0);
  });

  it("leaves out the rims of units that are drawn small, as the page does", () => {
    const rim = (zoom: number): string | null | undefined =>
      parsed(toSvg({ ...SAVING, snapshot: { ...SAVING.snapshot, zoom } })).querySelector("#unit-1")?.getAttribute("stroke-width");
    expect([rim(0.6), rim(0.5)]).toEqual(["0.75", null]);
  });

  it("breaks many links of one opacity into paths that are drawn fast", () => {
    const count = 5000;
    const snapshot = { ...SAVING.snapshot, links: new Uint16Array(2 * count).fill(1, 0, 1), opacity: new Float32Array(count).fill(0.1) };
    const paths = [...parsed(toSvg({ ...SAVING, snapshot, selected: [] })).querySelectorAll("#graph path:not([stroke-dasharray])")];
    expect(paths.map((path) => (path.getAttribute("d")?.split("M").length ?? 0) - 1)).toEqual([2048, 2048, 904]);
  });

  it("needs nothing from anywhere and carries no script or style", () => {
    expect(toSvg(SAVING)).not.toMatch(/href|url\(|<style|<script|style=/);
  });

  it("draws the legend with every entry and the whole scale beneath the graph", () => {
    const legend = root.querySelector("#words") as Element;
    const words = [...legend.querySelectorAll("text")].map((text) => text.textContent);
    for (const { label } of SAVING.legend.entries) expect(words).toContain(label);
    for (const fill of ["#440154", "#21918c", "#fde725"]) expect(legend.querySelector(`rect[fill="${fill}"]`)).not.toBeNull();
    const lowest = [...legend.querySelectorAll("text")].map((text) => Number(text.getAttribute("y")));
    expect(Math.max(...lowest)).toBeLessThan(Number(root.getAttribute("height")));
  });
});

it("tells sizes as large as they are drawn", () => {
  const sizes = { title: "area: norm", marks: [{ label: "8", radius: 9 }, { label: "2", radius: 4.5 }] };
  const picture = pictureOf({ ...SAVING, legend: { ...SAVING.legend, sizes } });
  const marks = picture.around.filter((shape) => shape.kind === "circle" && shape.fill === "none");
  expect(marks.map((mark) => (mark as { radius: number }).radius)).toEqual([13.5, 6.75]);
  expect(picture.around.filter((shape) => shape.kind === "text").map((shape) => (shape as { text: string }).text)).toContain("area: norm");
  expect(picture.height).toBe(pictureOf(SAVING).height + 2 * 13.5 + 6);
});

it("wraps a long legend into rows", () => {
  const entries = Array.from({ length: 9 }, (_, index) => ({ label: `component ${index}: 12 units`, colour: 0, shape: 0 }));
  const legend = { title: "Components", entries, scale: null };
  expect(legendHeight(legend, 2000)).toBe(18);
  expect(legendHeight(legend, 400)).toBeGreaterThan(36);
});

it("leaves out what XML forbids", () => {
  expect(escaped("a\u0000b\ud800c<\u0007")).toBe("abc&lt;");
});

describe("the JSON", () => {
  const text = toView(SAVING, STATE, "#v=1&layer=fc1");
  const view = JSON.parse(text);

  it("is the same file that Python is tested against", async () => {
    await expect(`${text}\n`).toMatchFileSnapshot(`${FIXTURES}/saved_view.json`);
  });

  it("holds the view to a thousandth of a pixel", () => {
    expect([view.format, view.version]).toEqual(["surfeit-view", 1]);
    expect(view.state).toEqual(STATE);
    expect(view.address).toBe("#v=1&layer=fc1");
    expect(view.nodes.x).toEqual([100, 220.25, 340, 60, 500, 300, 0]);
    expect(view.nodes.colour[2]).toBe("#e69f00");
    expect(view.links.source).toEqual([0, 1, 0, 2, 1]);
    expect(view.nodes.radius).toEqual([13.5, 6.75, 9, 7.5, 10.5, 12, 0]);
    expect(view.nodes.opacity).toEqual([0.3, 1, 0.15, 0.3, 0.3, 0.75, 1]);
    expect(view.links.opacity).toEqual([0.9, 0.9, 0.2, 0.1, 0.7]);
    expect(view.links.target).toEqual([1, 2, 3, 4, 5]);
    expect(view.twins).toEqual([[0, 5], [1, 6]]);
    expect(view.legend).toEqual(SAVING.legend);
    expect(view.selected).toEqual([1, 5, 6]);
  });

  it("hides a unit without a place instead of writing no number", () => {
    const places = SAVING.snapshot.places.slice();
    places[0] = NaN;
    const lost = JSON.parse(toView({ ...SAVING, snapshot: { ...SAVING.snapshot, places } }, STATE, ""));
    expect([lost.nodes.x[0], lost.nodes.radius[0]]).toEqual([0, 0]);
  });
});

describe("the PNG", () => {
  afterEach(() => vi.restoreAllMocks());

  it("draws the same shapes as the SVG", () => {
    const calls: [string, ...number[]][] = [];
    const pen = new Proxy({} as Record<string, unknown>, {
      get: (own, name: string) => own[name] ?? ((...values: number[]) => calls.push([name, ...values])),
    }) as unknown as CanvasRenderingContext2D;
    paintPicture(pen, pictureOf(SAVING));
    const svg = parsed(toSvg(SAVING));
    expect(calls.filter(([name]) => name === "arc")).toHaveLength(svg.querySelectorAll("circle").length);
    expect(calls.filter(([name]) => name === "fillText")).toHaveLength(svg.querySelectorAll("text").length);
    expect(calls.find(([name]) => name === "arc")?.slice(1, 4)).toEqual([100, 80, 13.5]);
  });

  it("says so where the browser has no canvas", async () => {
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
    await expect(toPng(SAVING)).rejects.toThrow("save the view as SVG instead");
  });
});
