// The legend of a saved picture, in rows beneath it.

import { css } from "../graph/colour";
import type { Legend } from "../types";
import { markAt, paintOf } from "./marks";
import { INK, type Shape } from "./shapes";

const ROW = 18;
const SIZE = 11;
const LETTER = 6.6; // pixels a letter of that size takes, about
const SCALE_WIDTH = 160;

interface Placed {
  x: number;
  row: number;
}

/** The height that the legend takes within this width. */
export function legendHeight(legend: Legend, width: number, zoom = 1): number {
  const rows = placesOf(legend, width).reduce((most, { row }) => Math.max(most, row + 1), 1);
  return ROW * (rows + (legend.scale && legend.entries.length > 0 ? 1 : 0)) + sizesHeight(legend, zoom) + picturesHeight(legend, width);
}

/** Title and entries from left to right in rows; a scale in the first. */
export function legendShapes(legend: Legend, width: number, left: number, top: number, zoom = 1): Shape[] {
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
  const last = top + legendHeight(legend, width, zoom) - picturesHeight(legend, width);
  const under = last - sizesHeight(legend, zoom);
  return [...shapes, ...sizeShapes(legend, left, under, zoom), ...pictureShapes(legend, width, left, last)];
}

/** The row of sizes is as high as its largest mark. */
function sizesHeight({ sizes }: Legend, zoom: number): number {
  const most = Math.max(0, ...(sizes?.marks ?? []).map(({ radius }) => radius * zoom));
  return most > 0 ? Math.max(ROW, 2 * most + 6) : 0;
}

/** Marks of some norms as large as they are drawn, after what their area means. */
function sizeShapes(legend: Legend, left: number, top: number, zoom: number): Shape[] {
  const { sizes } = legend;
  if (!sizes || sizes.marks.length === 0) return [];
  const middle = top + sizesHeight(legend, zoom) / 2;
  const shapes: Shape[] = [text(sizes.title, left, middle + 4)];
  let x = left + sizes.title.length * LETTER + 14;
  for (const { label, radius } of sizes.marks) {
    const drawn = radius * zoom;
    shapes.push({ kind: "circle", x: x + drawn, y: middle, radius: drawn, fill: "none", stroke: INK, strokeWidth: 1, opacity: 1 });
    shapes.push(text(label, x + 2 * drawn + 5, middle + 4));
    x += 2 * drawn + 5 + label.length * LETTER + 14;
  }
  return shapes;
}

/** A row of title and colours, and as many of words as they take. */
function picturesHeight({ pictures }: Legend, width: number): number {
  return pictures ? ROW * (1 + linesOf(pictures.note, width).length) : 0;
}

function pictureShapes({ pictures }: Legend, width: number, left: number, top: number): Shape[] {
  if (!pictures) return [];
  const { when, scale, note } = pictures;
  const title = when === "" ? pictures.title : `${pictures.title}, ${when}`;
  const words = linesOf(note, width).map((line, row) => text(line, left, top + ROW * (row + 1) + 12));
  return [text(title, left, top + 12, true), ...(scale ? scaleShapes(scale, left + begin({ title }), top) : []), ...words];
}

/** Words in lines of about this width. */
function linesOf(words: string, width: number): string[] {
  const lines = [""];
  for (const word of words.split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && (line.length + 1 + word.length) * LETTER > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function begin({ title }: Pick<Legend, "title">): number {
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
