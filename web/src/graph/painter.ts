// Paints scenes on a canvas, and remembers the faint links of a picture at rest, so that pointing
// at units does not draw them all again.
import { draw, screenOf, type Context } from "./draw.ts";
import { drawLinks } from "./drawLinks.ts";
import { createAtlas } from "./drawThumbnails.ts";
import type { Scene } from "./scene.ts";

/** A canvas of the page or of a worker. */
export type Canvas = HTMLCanvasElement | OffscreenCanvas;

export interface Painter {
  /** Draws the scene with the strongest `limit` links. */
  moving(scene: Scene, limit: number): void;
  /** Draws the scene with all links; those of the same version only once. */
  resting(scene: Scene, version: number): void;
}

export function createPainter(canvas: Canvas, canvasOf: () => Canvas): Painter {
  const context = contextOf(canvas);
  const memory = canvasOf();
  const remembered = contextOf(memory);
  const atlasOf = createAtlas(canvasOf);
  let known = -1;
  return {
    moving(scene, limit) {
      scene.moving = true;
      fitSize(canvas, scene);
      const screen = screenOf(scene);
      draw(context, scene, screen, (faint) => {
        context.globalAlpha = faint;
        drawLinks(context, scene, screen, limit);
      }, atlasOf(scene));
    },
    resting(scene, version) {
      scene.moving = false;
      fitSize(canvas, scene);
      const screen = screenOf(scene);
      if (known !== version) {
        fitSize(memory, scene);
        remembered.clearRect(0, 0, memory.width, memory.height);
        remembered.globalAlpha = 1;
        drawLinks(remembered, scene, screen, Infinity);
        known = version;
      }
      draw(context, scene, screen, (faint) => {
        context.globalAlpha = faint;
        if (memory.width > 0 && memory.height > 0) context.drawImage(memory, 0, 0);
      }, atlasOf(scene));
    },
  };
}

function contextOf(canvas: Canvas): Context {
  const context = canvas.getContext("2d") as Context | null;
  if (context === null) throw new Error("This browser cannot draw on a canvas.");
  return context;
}

function fitSize(canvas: Canvas, scene: Scene): void {
  const width = Math.round(scene.width * scene.ratio);
  const height = Math.round(scene.height * scene.ratio);
  // Setting a size clears the canvas, even to the same one.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
