// What the colours and shapes mean. Entries of a run switch it off and on.

import { css } from "../graph/colour";
import { isPictured } from "../graph/thumbnails";
import type { Legend } from "../types";
import type { Actions } from "./actions";
import { h } from "./dom";
import type { Part } from "./part";
import { remember } from "./store";

const SVG = "http://www.w3.org/2000/svg";
/** Entries that stand in one column. */
const MANY = 6;

type Entry = Legend["entries"][number];

export function createLegend(actions: Actions): Part {
  const element = h("section", { class: "legend", "aria-label": "Legend" });
  const draw = remember((text: string) => {
    const given = text === "" ? null : (JSON.parse(text) as Given);
    element.hidden = given === null;
    element.classList.toggle("wide", (given?.legend.entries.length ?? 0) > MANY || Boolean(given?.legend.note) || Boolean(given?.legend.pictures));
    const focused = element.querySelector<HTMLElement>(":focus")?.dataset["model"];
    if (given) element.replaceChildren(...contents(given, actions));
    if (focused !== undefined) element.querySelector<HTMLElement>(`[data-model="${focused}"]`)?.focus();
  });
  return {
    element,
    update({ legend, appearance, state, model: { zoom } }) {
      const small = Boolean(legend?.pictures?.scale) && (appearance?.radius.some((radius) => radius > 0 && !isPictured(radius * zoom)) ?? false);
      draw(legend ? JSON.stringify({ legend, hidden: state.hidden, zoom, small } satisfies Given) : "");
    },
  };
}

interface Given {
  legend: Legend;
  hidden: readonly number[];
  zoom: number;
  /** Whether some units are too small for a picture. */
  small: boolean;
}

function contents({ legend, hidden, zoom, small }: Given, actions: Actions): Node[] {
  const entries = h("ul", {}, ...legend.entries.map((entry) => h("li", {}, entryOf(entry, hidden, actions))));
  const sizes = legend.sizes && legend.sizes.marks.length > 0 ? [sizesOf(legend.sizes, zoom)] : [];
  const note = legend.note ? [h("p", { class: "name wrapped" }, legend.note)] : [];
  entries.classList.toggle("many", legend.entries.length > MANY);
  return [h("h2", {}, legend.title), ...(legend.scale ? [scaleOf(legend.scale)] : []), ...(legend.entries.length > 0 ? [entries] : []), ...note, ...sizes, ...(legend.pictures ? picturesOf(legend.pictures, small) : [])];
}

function entryOf(entry: Entry, hidden: readonly number[], actions: Actions): HTMLElement {
  const { model } = entry;
  if (model === undefined) return h("span", { class: "entry" }, markOf(entry), entry.label);
  return h("button", {
    type: "button", class: "entry", "data-model": model, title: "Show or hide the units of this run",
    "aria-pressed": !hidden.includes(model) ? "true" : "false", onclick: () => actions.toggleModel(model),
  }, markOf(entry), entry.label);
}

/** What the pictures show, or why there are none. */
function picturesOf({ title, when, scale, note }: NonNullable<Legend["pictures"]>, small: boolean): Node[] {
  const zoom = small ? " Units too small for a picture are circles: zoom in." : "";
  const colours = scale && h("div", { class: "scale" }, h("span", {}, scale.low), blocksOf(scale), h("span", {}, scale.high));
  return [h("div", { class: "shades" }, h("h2", {}, when === "" ? title : `${title}, ${when}`), colours), h("p", { class: "name wrapped" }, note + zoom)];
}

/** Marks of some norms, as large as the graph draws them now. */
function sizesOf({ title, marks }: NonNullable<Legend["sizes"]>, zoom: number): HTMLElement {
  const sizes = marks.map(({ label, radius }) => {
    const drawn = Math.max(radius * zoom, 1);
    const mark = document.createElementNS(SVG, "circle");
    const places = { cx: drawn + 1, cy: drawn + 1, r: drawn, fill: "none", stroke: "currentColor" };
    for (const [name, value] of Object.entries(places)) mark.setAttribute(name, String(value));
    return h("li", {}, picture(2 * drawn + 2, 2 * drawn + 2, mark), label);
  });
  return h("div", { class: "sizes" }, h("p", { class: "name" }, title), h("ul", {}, ...sizes));
}

/** The mark as the graph draws it: circle, square or ring. */
function markOf({ colour, shape }: Entry): SVGElement {
  const square = shape === 1;
  const mark = document.createElementNS(SVG, square ? "rect" : "circle");
  const places = square ? { x: 2.5, y: 2.5, width: 9, height: 9 } : { cx: 7, cy: 7, r: shape === 2 ? 4 : 5 };
  const paint = shape === 2 ? { fill: "none", stroke: css(colour), "stroke-width": 2 } : { fill: css(colour) };
  for (const [name, value] of Object.entries({ ...places, ...paint })) mark.setAttribute(name, String(value));
  return picture(14, 14, mark);
}

function scaleOf(scale: NonNullable<Legend["scale"]>): HTMLElement {
  return h("div", { class: "scale" }, blocksOf(scale), h("p", {}, h("span", {}, scale.low), h("span", {}, scale.high)));
}

function blocksOf(scale: NonNullable<Legend["scale"]>): SVGElement {
  const width = 140;
  const each = width / scale.colours.length;
  const blocks = scale.colours.map((colour, at) => {
    const block = document.createElementNS(SVG, "rect");
    const places = { x: at * each, y: 0, width: each + 0.5, height: 10, fill: css(colour) };
    for (const [name, value] of Object.entries(places)) block.setAttribute(name, String(value));
    return block;
  });
  return picture(width, 10, ...blocks);
}

function picture(width: number, height: number, ...children: Element[]): SVGElement {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" })) {
    drawing.setAttribute(name, String(value));
  }
  drawing.append(...children);
  return drawing;
}
