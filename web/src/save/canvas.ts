// Pictures on a canvas: what PNG, film and moments side by side are made of.

import type { Image } from "../graph/thumbnails";
import { FONT, INK, type Picture, type Shape } from "./shapes";

export type Pen = CanvasRenderingContext2D;

/** A picture and where its corner lies, in its own pixels. */
export interface Laid {
  picture: Picture;
  x: number;
  y: number;
}

/** A white canvas of so many pixels with pictures on it, `scale` of its pixels for one of theirs. */
export function painted(width: number, height: number, scale: number, laid: readonly Laid[]): Pen {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("This browser cannot draw pictures; save the view as SVG instead.");
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, width, height);
  pen.scale(scale, scale);
  for (const { picture, x, y } of laid) {
    pen.save();
    pen.translate(x, y);
    paintPicture(pen, picture);
    pen.restore();
  }
  return pen;
}

/** The canvas as a PNG. */
export function pngOf({ canvas }: Pen): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make a PNG of this size; save the view as SVG instead."))), "image/png");
  });
}

/** Draws the whole picture, the graph clipped to its rectangle. */
export function paintPicture(pen: Pen, picture: Picture): void {
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.save();
  pen.translate(0, picture.top);
  pen.beginPath();
  pen.rect(0, 0, picture.plot.width, picture.plot.height);
  pen.clip();
  for (const shape of picture.graph) paintShape(pen, shape);
  pen.restore();
  for (const shape of picture.around) paintShape(pen, shape);
}

function paintShape(pen: Pen, shape: Shape): void {
  if (shape.kind === "text") return paintText(pen, shape);
  if (shape.kind === "thumbnail") return paintThumbnail(pen, shape);
  if (shape.kind === "image") {
    pen.imageSmoothingEnabled = false; // each pair keeps its own square
    return pen.drawImage(shape.source, shape.x, shape.y, shape.width, shape.height);
  }
  pen.globalAlpha = shape.opacity;
  pen.beginPath();
  if (shape.kind === "line") return paintLines(pen, shape);
  if (shape.kind === "circle") pen.arc(shape.x, shape.y, shape.radius, 0, 2 * Math.PI);
  else pen.rect(shape.x, shape.y, shape.width, shape.height);
  if (shape.fill !== "none") {
    pen.fillStyle = shape.fill;
    pen.fill();
  }
  if (shape.strokeWidth > 0) {
    pen.strokeStyle = shape.stroke;
    pen.lineWidth = shape.strokeWidth;
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

function paintThumbnail(pen: Pen, { image, x, y, width, height, opacity }: Extract<Shape, { kind: "thumbnail" }>): void {
  pen.globalAlpha = opacity;
  pen.imageSmoothingEnabled = pen.getTransform().a * width < image.width;
  pen.drawImage(canvasOf(image), x, y, width, height);
  pen.globalAlpha = 1;
}

/** The image on a canvas of its own. */
export function canvasOf({ width, height, rgba }: Image): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

function paintLines(pen: Pen, { points, colour, width, dash }: Extract<Shape, { kind: "line" }>): void {
  for (let at = 0; at < points.length; at += 4) {
    pen.moveTo(points[at], points[at + 1]);
    pen.lineTo(points[at + 2], points[at + 3]);
  }
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash ?? []);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

function paintText(pen: Pen, { x, y, text, size, bold, anchor }: Extract<Shape, { kind: "text" }>): void {
  pen.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
  pen.textAlign = anchor;
  pen.fillStyle = INK;
  pen.fillText(text, x, y);
}
