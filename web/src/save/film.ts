// The play as a GIF that repeats: a frame a moment, the last one longest.

import { applyPalette, GIFEncoder, quantize } from "gifenc";

import { painted } from "./canvas";
import { pictureOf } from "./picture";
import type { Saving, SavingMatrix } from "./shapes";

const LONGEST = 800; // pixels of the longer side
const COLOURS = 256;
const LAST = 2000; // milliseconds

export interface Film {
  add(saving: Saving | SavingMatrix, last: boolean): void;
  finish(): Blob;
}

/** A film of pictures, each for so many milliseconds; all take the size of the first. */
export function createFilm(milliseconds: number): Film {
  const encoder = GIFEncoder();
  let size: { width: number; height: number } | null = null;
  return {
    add(saving, last) {
      const picture = pictureOf(saving);
      const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
      size ??= { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) };
      const { width, height } = size;
      const pen = painted(width, height, scale, [{ picture, x: 0, y: 0 }]);
      const { data } = pen.getImageData(0, 0, width, height);
      const palette = quantize(data, COLOURS);
      encoder.writeFrame(applyPalette(data, palette), width, height, { palette, delay: last ? LAST : milliseconds, repeat: 0 });
    },
    finish() {
      encoder.finish();
      return new Blob([encoder.bytes()], { type: "image/gif" });
    },
  };
}
