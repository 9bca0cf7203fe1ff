// Units as pictures, taken from a sheet that is painted once a moment.
import type { Thumbnails } from "../types.ts";
import type { Context } from "./draw.ts";
import type { Screen } from "./drawLinks.ts";
import type { Canvas } from "./painter.ts";
import type { Scene } from "./scene.ts";
import { cornerOf, countOf, isPictured, sheetOf, sidesOf } from "./thumbnails.ts";

/** The sheet on a canvas, and of what it is. */
export interface Atlas {
  thumbnails: Thumbnails;
  canvas: Canvas;
  columns: number;
}

const FRAME = 1.5;
const FRAME_OF_LARGE = 2.5;
// Pixels of the page from which a picture has the wider frame.
const LARGE = 24;

/** Paints the sheet of a scene's pictures where it is another one, and keeps it. */
export function createAtlas(canvasOf: () => Canvas): (scene: Scene) => Atlas | null {
  let known: { thumbnails: Thumbnails; dark: boolean; atlas: Atlas } | null = null;
  return ({ thumbnails, dark, bodies }) => {
    if (thumbnails === null || countOf(thumbnails) !== bodies.units) return null;
    if (known?.thumbnails === thumbnails && known.dark === dark) return known.atlas;
    const sheet = sheetOf(thumbnails, dark);
    const canvas = known?.atlas.canvas ?? canvasOf();
    [canvas.width, canvas.height] = [sheet.width, sheet.height];
    const context = canvas.getContext("2d") as Context | null;
    context?.putImageData(new ImageData(sheet.rgba, sheet.width, sheet.height), 0, 0);
    const atlas = { thumbnails, canvas, columns: sheet.columns };
    known = { thumbnails, dark, atlas };
    return atlas;
  };
}

/** Whether a unit is drawn as its picture. */
export function hasPicture(atlas: Atlas | null, scene: Scene, unit: number): atlas is Atlas {
  return atlas !== null && isPictured(scene.appearance.radius[unit] * scene.camera.zoom);
}

/** Draws a unit's picture in a frame of its colour. */
export function drawThumbnail(context: Context, scene: Scene, screen: Screen, atlas: Atlas, unit: number, colour: string): void {
  const { ratio, camera, appearance } = scene;
  const { thumbnails, canvas, columns } = atlas;
  const [, height, width] = thumbnails.shape;
  const [wide, high] = sidesOf(thumbnails, appearance.radius[unit] * camera.zoom * ratio);
  const [left, top] = [screen.x[unit] - wide / 2, screen.y[unit] - high / 2];
  if (left + wide < 0 || top + high < 0 || left > scene.width * ratio || top > scene.height * ratio) return;
  const [x, y] = cornerOf(columns, thumbnails, unit);
  context.imageSmoothingEnabled = wide < width;
  context.drawImage(canvas, x, y, width, height, left, top, wide, high);
  context.strokeStyle = colour;
  context.lineWidth = (wide < LARGE * ratio ? FRAME : FRAME_OF_LARGE) * ratio;
  context.strokeRect(left, top, wide, high);
}

/** The outline of a picture, so far from its edge. */
export function traceThumbnail(context: Context, scene: Scene, screen: Screen, { thumbnails }: Atlas, unit: number, gap: number): void {
  const { ratio, camera, bodies } = scene;
  const [wide, high] = sidesOf(thumbnails, bodies.radius[unit] * camera.zoom * ratio).map((side) => side + 2 * gap * ratio);
  context.rect(screen.x[unit] - wide / 2, screen.y[unit] - high / 2, wide, high);
}
