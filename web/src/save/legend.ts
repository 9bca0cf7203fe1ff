// The legend of a saved picture, in rows beneath it.

import { css } from "../graph/colour";
import type { Legend } from "../types";
import { markAt, paintOf } from "./marks";
import type { Shape } from "./shapes";

const ROW = 18;
const SIZE = 11;
const LETTER = 6.6; // pixels a letter of that size takes, about
const SCALE_WIDTH = 160;

interface Placed {
  x: number;
  row: number;
}

/** The height that the legend takes within this width. */
export function legendHeight(legend: Legend, width: number): number {
  const rows = placesOf(legend, width).reduce((most, { row }) => Math.max(most, row + 1), 1);
  return ROW * (rows + (legend.scale && legend.entries.length > 0 ? 1 : 0));
}

/** Title and entries from left to right in rows; a scale in the first. */
export function legendShapes(legend: Legend, width: number, left: number, top: number): Shape[] {
  const shapes: Shape[] = [text(legend.title, left, top + 12, true)];
  const first = left + begin(legend);
  const down = legend.scale && legend.entries.length > 0 ? ROW : 0;
  if (legend.scale) shapes.push(...scaleShapes(legend.scale, first, top));
  placesOf(legend, width).forEach(({ x, row }, index) => {
    const { label, colour, shape } = legend.entries[index];
    const [cx, cy] = [first + x + 6, top + down + ROW * row + 8];
    shapes.push(markAt(cx, cy, shape, { ...paintOf(shape, colour, 5.5), opacity: 1 }));
    shapes.push(text(label, cx + 10, cy + 4));
  });
  return shapes;
}

function begin({ title }: Legend): number {
  return title.length * LETTER * 1.1 + 14;
}

/** Where each entry lies, relative to the first. */
function placesOf(legend: Legend, width: number): Placed[] {
  let [x, row] = [0, 0];
  return legend.entries.map(({ label }) => {
    const wide = 16 + label.length * LETTER + 14;
    if (x > 0 && begin(legend) + x + wide > width) [x, row] = [0, row + 1];
    const place = { x, row };
    x += wide;
    return place;
  });
}

function scaleShapes({ colours, low, high }: NonNullable<Legend["scale"]>, left: number, top: number): Shape[] {
  const start = left + low.length * LETTER + 6;
  const step = SCALE_WIDTH / Math.max(colours.length, 1);
  const boxes: Shape[] = colours.map((colour, index) => {
    const paint = { fill: css(colour), stroke: "none", strokeWidth: 0, opacity: 1 };
    return { kind: "rect", x: start + step * index, y: top + 3, width: step + 0.3, height: 10, ...paint };
  });
  return [text(low, left, top + 12), ...boxes, text(high, start + SCALE_WIDTH + 6, top + 12)];
}

function text(words: string, x: number, y: number, bold = false): Shape {
  return { kind: "text", x, y, text: words, size: SIZE, bold, anchor: "start" };
}
