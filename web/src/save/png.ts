// The view as a PNG of twice the page's pixels.

import { painted, pngOf } from "./canvas";
import { pictureOf } from "./picture";
import type { Saving, SavingMatrix } from "./shapes";

const TWICE = 2;
/** Pixels a side: what browsers' canvases hold. */
export const MOST = 16384;

/** The picture as a PNG; always light, whatever the page looks like. */
export async function toPng(saving: Saving | SavingMatrix): Promise<Blob> {
  const picture = pictureOf(saving);
  const scale = Math.min(TWICE, MOST / Math.max(picture.width, picture.height));
  return pngOf(painted(Math.round(picture.width * scale), Math.round(picture.height * scale), scale, [{ picture, x: 0, y: 0 }]));
}
