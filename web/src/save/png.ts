// The view as a PNG of twice the page's pixels, drawn on a canvas of its own.

import { pictureOf } from "./picture";
import { FONT, INK, type Picture, type Saving, type Shape } from "./shapes";

type Pen = CanvasRenderingContext2D;

const TWICE = 2;
const MOST = 16384; // pixels a side: what browsers' canvases hold

/** The picture as a PNG; always light, whatever the page looks like. */
export async function toPng(saving: Saving): Promise<Blob> {
  const picture = pictureOf(saving);
  const scale = Math.min(TWICE, MOST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("This browser cannot draw pictures; save the view as SVG instead.");
  pen.scale(scale, scale);
  paintPicture(pen, picture);
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
