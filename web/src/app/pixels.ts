// Pixels of images and of weight vectors, whose channels lie behind one another.

import { mixed, OKABE_ITO } from "../graph/colour";
import type { Image } from "../graph/thumbnails";
import type { Shape } from "../types";

export type { Image };

const WHITE = 0xffffff;
const LARGEST = 127;

/** One of many images of 1 or 3 channels, 0 to 255. */
export function imageOf(pixels: Uint8Array, shape: Shape, place: number): Image {
  return painted(shape, (at) => pixels[place * sizeOf(shape) + at]!);
}

/** One of many weight vectors, -127 to 127: of one channel from blue over white to orange, of three
 * the colours that they are, with 0 grey. */
export function weightImageOf(weights: Int8Array, shape: Shape, unit: number): Image {
  const first = unit * sizeOf(shape);
  if (shape[0] !== 1) return painted(shape, (at) => 128 + weights[first + at]!);
  const [, height, width] = shape;
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < width * height; at += 1) {
    const value = weights[first + at]! / LARGEST;
    const colour = mixed(WHITE, value < 0 ? OKABE_ITO.blue : OKABE_ITO.vermillion, Math.abs(value));
    rgba.set([colour >> 16, (colour >> 8) & 255, colour & 255, 255], 4 * at);
  }
  return { width, height, rgba };
}

function sizeOf([channels, height, width]: Shape): number {
  return channels * height * width;
}

/** The image that has such a value at each place of its channels' numbers. */
function painted([channels, height, width]: Shape, valueAt: (at: number) => number): Image {
  const area = width * height;
  const rgba = new Uint8ClampedArray(4 * area);
  for (let pixel = 0; pixel < area; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const own = channels === 1 ? 0 : channel;
      rgba[4 * pixel + channel] = valueAt(own * area + pixel);
    }
    rgba[4 * pixel + 3] = 255;
  }
  return { width, height, rgba };
}
