// Units drawn as small pictures of their weights, on one scale of colours for the whole layer and run.
import type { Thumbnails } from "../types.ts";
import { mixed, OKABE_ITO } from "./colour.ts";
import { HALF_SIDE } from "./emphasis.ts";

/** Pixels of the page: units that would be smaller are drawn as their ordinary marks. */
export const LEAST_SIDE = 8;
/** What stands for full colour. */
export const FULL = 127;
const PAPER = { light: 0xffffff, dark: 0x111418 };
const NEGATIVE = { light: OKABE_ITO.blue, dark: OKABE_ITO.skyBlue };
const POSITIVE = { light: OKABE_ITO.vermillion, dark: 0xff9a52 };

export interface Image {
  width: number;
  height: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** The colour of a weight from -127 to 127: 0 is the paper's, so that small weights are faint. */
export function weightColour(value: number, dark: boolean): number {
  const look = dark ? "dark" : "light";
  return mixed(PAPER[look], (value < 0 ? NEGATIVE : POSITIVE)[look], Math.abs(value) / FULL);
}

/** How many units there are pictures of. */
export function countOf({ shape: [channels, height, width], pixels }: Thumbnails): number {
  return pixels.length / (channels * height * width);
}

/** A unit's picture: of one channel by `weightColour`, of three the colours that they are, 0 grey. */
export function thumbnailOf(thumbnails: Thumbnails, unit: number, dark: boolean): Image {
  const [, height, width] = thumbnails.shape;
  const image = { width, height, rgba: new Uint8ClampedArray(4 * width * height) };
  paintInto(image, 0, 0, thumbnails, unit, coloursOf(dark));
  return image;
}

/** Width and height of the mark of a unit with this radius, pixels: its area is the circle's. */
export function sidesOf({ shape: [, height, width] }: Thumbnails, radius: number): [number, number] {
  const stretch = Math.sqrt(width / height);
  const side = 2 * HALF_SIDE * radius;
  return [side * stretch, side / stretch];
}

/** Whether a unit of this radius in pixels of the page is large enough for a picture. */
export function isPictured(radius: number): boolean {
  return 2 * HALF_SIDE * radius >= LEAST_SIDE;
}

/** All pictures on one sheet, in rows, each with its own edge repeated around it. */
export interface Sheet extends Image {
  columns: number;
}

export function sheetOf(thumbnails: Thumbnails, dark: boolean): Sheet {
  const [, height, width] = thumbnails.shape;
  const count = countOf(thumbnails);
  const columns = Math.max(1, Math.ceil(Math.sqrt((count * (height + 2)) / (width + 2))));
  const rows = Math.max(1, Math.ceil(count / columns));
  const [wide, high] = [columns * (width + 2), rows * (height + 2)];
  const sheet = { columns, width: wide, height: high, rgba: new Uint8ClampedArray(4 * wide * high) };
  const colours = coloursOf(dark);
  for (let unit = 0; unit < count; unit++) {
    const [left, top] = cornerOf(sheet.columns, thumbnails, unit);
    paintInto(sheet, left, top, thumbnails, unit, colours);
    repeatEdge(sheet, left, top, width, height);
  }
  return sheet;
}

/** Where a unit's picture begins on the sheet. */
export function cornerOf(columns: number, { shape: [, height, width] }: Thumbnails, unit: number): [number, number] {
  return [(unit % columns) * (width + 2) + 1, Math.floor(unit / columns) * (height + 2) + 1];
}

/** The colours of -127 to 127, as the four bytes of a pixel. */
function coloursOf(dark: boolean): Uint32Array {
  return Uint32Array.from({ length: 2 * FULL + 1 }, (_, step) => {
    const colour = weightColour(step - FULL, dark);
    return wordOf(colour >> 16, (colour >> 8) & 255, colour & 255);
  });
}

/** All browsers that run this page are little-endian: red lies first. */
function wordOf(red: number, green: number, blue: number): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function paintInto({ rgba, width: across }: Image, left: number, top: number, { shape, pixels }: Thumbnails, unit: number, colours: Uint32Array): void {
  const [channels, height, width] = shape;
  const words = new Uint32Array(rgba.buffer);
  const area = width * height;
  const first = unit * channels * area;
  for (let row = 0; row < height; row++) {
    const from = first + row * width;
    const to = (top + row) * across + left;
    for (let column = 0; column < width; column++) {
      const at = from + column;
      words[to + column] =
        channels === 1 ? colours[pixels[at] + FULL] : wordOf(128 + pixels[at], 128 + pixels[at + area], 128 + pixels[at + 2 * area]);
    }
  }
}

/** Pictures that are drawn smaller take from their own edge, never from their neighbours'. */
function repeatEdge({ rgba, width }: Image, left: number, top: number, wide: number, high: number): void {
  const words = new Uint32Array(rgba.buffer);
  for (let y = top; y < top + high; y++) {
    const row = y * width + left;
    words[row - 1] = words[row];
    words[row + wide] = words[row + wide - 1];
  }
  const whole = (y: number): Uint32Array => words.subarray(y * width + left - 1, y * width + left + wide + 1);
  whole(top - 1).set(whole(top));
  whole(top + high).set(whole(top + high - 1));
}
