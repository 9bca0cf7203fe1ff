// The similarity matrix as a picture: the order of its rows, its colours, and what these mean.
import type { Legend, Matrix } from "../types.ts";
import { mixed } from "./colour.ts";
import { byGroup, groupColour, type Grouping } from "./groups.ts";

/** On white paper, and on a dark page, where the deep ones would not be seen. */
const LIGHT = { paper: 0xffffff, alike: 0x542788, opposite: 0xb35806 };
const DARK = { paper: 0x17191c, alike: 0xc9b1ff, opposite: 0xffa24a };
const NOWHERE = { light: 0xbbbbbb, dark: 0x4a4f57 };
/** No direction: a unit's row that has no numbers. */
export const NONE = -128;
export const STEPS = 127;
const SCALE = 21; // colours in the legend

/** Units by group, and within a group by number; without groups by number. */
export function orderOf(units: number, labels: Uint8Array | null): number[] {
  const order = Array.from({ length: units }, (_, unit) => unit);
  return labels ? order.sort((a, b) => labels[a]! - labels[b]! || a - b) : order;
}

/** The colour of an inner product, in steps of 1/127: that of the page at 0, full where two units are the same. */
export function matrixColour(product: number, dark: boolean): number {
  if (product === NONE) return dark ? NOWHERE.dark : NOWHERE.light;
  const { paper, alike, opposite } = dark ? DARK : LIGHT;
  return mixed(paper, product < 0 ? opposite : alike, Math.min(Math.abs(product) / STEPS, 1) ** 0.7);
}

/** The matrix with a pixel for each pair, in this order. */
export function matrixImage({ products, units }: Matrix, order: readonly number[], dark: boolean): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: units, height: units });
  const pen = canvas.getContext("2d");
  if (!pen) return canvas;
  const colours = Uint32Array.from({ length: 256 }, (_, step) => {
    const colour = matrixColour(step - 128, dark);
    return (255 << 24) | ((colour & 255) << 16) | (colour & 0xff00) | (colour >> 16);
  });
  const image = pen.createImageData(units, units);
  const pixels = new Uint32Array(image.data.buffer);
  order.forEach((a, row) => order.forEach((b, column) => (pixels[row * units + column] = colours[products[a * units + b]! + 128]!)));
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** Stretches of one group along the order: where each begins, how long it is, and its colour. */
export function groupBars(order: readonly number[], labels: Uint8Array | null, dark: boolean): { start: number; length: number; colour: number }[] {
  const bars: { start: number; length: number; colour: number }[] = [];
  let last = -1;
  for (const [place, unit] of (labels ? order : []).entries()) {
    const label = labels![unit]!;
    if (label === last) bars[bars.length - 1]!.length += 1;
    else bars.push({ start: place, length: 1, colour: groupColour(label, dark) });
    last = label;
  }
  return bars;
}

/** What the colours of cells and bars mean. */
export function matrixLegend(units: number, grouping: Grouping | string | null, measure: string, dark: boolean): Legend {
  const { legend } = byGroup(units, new Uint8Array(units).fill(1), grouping, dark);
  const colours = Array.from({ length: SCALE }, (_, step) => matrixColour(Math.round(((2 * step) / (SCALE - 1) - 1) * STEPS), dark));
  const title = `${measure[0]!.toUpperCase()}${measure.slice(1)} of two units`;
  const bars = legend.entries.length > 0 ? `Bars: ${legend.title[0]!.toLowerCase()}${legend.title.slice(1)}. ` : "";
  return { title, entries: legend.entries, scale: { colours, low: "−1", high: "1" }, note: grouping === null ? "" : `${bars}${legend.note ?? ""}` };
}
