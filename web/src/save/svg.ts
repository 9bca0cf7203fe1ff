// The view as one SVG file that needs nothing else: no style sheet, no font, no script.

import { canvasOf } from "./canvas";
import { pictureOf } from "./picture";
import { FONT, INK, type Picture, type Saving, type SavingMatrix, type Shape } from "./shapes";

/** The picture as SVG text; always light, whatever the page looks like. */
export function toSvg(saving: Saving | SavingMatrix): string {
  const picture = pictureOf(saving);
  const size = `width="${number(picture.width)}" height="${number(picture.height)}"`;
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${number(picture.width)} ${number(picture.height)}" font-family="${FONT}">`,
    `<title>${escaped(saving.title)}</title>`,
    `<desc>${escaped(saving.subtitle)}</desc>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    plot(picture),
    `<g id="words">`,
    ...picture.around.map(element),
    `</g>`,
    `</svg>`,
    "",
  ].join("\n");
}

/** The graph in its own rectangle: what lies outside is cut off, places are the snapshot's own. */
function plot({ plot: { width, height }, top, graph }: Picture): string {
  const box = `y="${number(top)}" width="${number(width)}" height="${number(height)}" viewBox="0 0 ${number(width)} ${number(height)}"`;
  return [`<svg id="graph" ${box} overflow="hidden">`, ...graph.map(element), `</svg>`].join("\n");
}

function element(shape: Shape): string {
  switch (shape.kind) {
    case "line":
      return lines(shape);
    case "circle":
      return `<circle cx="${number(shape.x)}" cy="${number(shape.y)}" r="${number(shape.radius)}" ${paint(shape)}/>`;
    case "rect":
      return `<rect x="${number(shape.x)}" y="${number(shape.y)}" width="${number(shape.width)}" height="${number(shape.height)}" ${paint(shape)}/>`;
    case "thumbnail":
      return thumbnail(shape);
    case "image":
      return image(shape);
    case "text":
      return words(shape);
  }
}

function image({ x, y, width, height, source }: Extract<Shape, { kind: "image" }>): string {
  const place = `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
  return `<image ${place} preserveAspectRatio="none" style="image-rendering:pixelated" href="${source.toDataURL("image/png")}"/>`;
}

function lines({ points, colour, width, opacity, dash }: Extract<Shape, { kind: "line" }>): string {
  let path = "";
  for (let at = 0; at < points.length; at += 4)
    path += `M${number(points[at])} ${number(points[at + 1])}L${number(points[at + 2])} ${number(points[at + 3])}`;
  const dashes = dash ? ` stroke-dasharray="${dash.join(" ")}"` : "";
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${number(width)}" stroke-opacity="${number(opacity)}"${dashes}/>`;
}

/** The picture as a PNG within the file; where it is drawn larger, its pixels stay squares. */
function thumbnail({ x, y, width, height, opacity, unit, image }: Extract<Shape, { kind: "thumbnail" }>): string {
  const faded = opacity < 1 ? ` opacity="${number(opacity)}"` : "";
  const squares = width > image.width ? ` image-rendering="pixelated"` : "";
  const address = canvasOf(image).toDataURL("image/png");
  return `<image id="unit-${unit}" x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}" preserveAspectRatio="none"${squares}${faded} href="${address}"/>`;
}

function paint(shape: Extract<Shape, { kind: "circle" | "rect" }>): string {
  const unit = shape.unit === undefined ? "" : `id="unit-${shape.unit}" `;
  const stroke = shape.strokeWidth > 0 ? `stroke="${shape.stroke}" stroke-width="${number(shape.strokeWidth)}"` : `stroke="none"`;
  const opacity = shape.opacity < 1 ? ` opacity="${number(shape.opacity)}"` : "";
  return `${unit}fill="${shape.fill}" ${stroke}${opacity}`;
}

function words({ x, y, text, size, bold, anchor }: Extract<Shape, { kind: "text" }>): string {
  const weight = bold ? ` font-weight="bold"` : "";
  return `<text x="${number(x)}" y="${number(y)}" font-size="${size}" text-anchor="${anchor}" fill="${INK}"${weight}>${escaped(text)}</text>`;
}

function number(value: number): string {
  return String(Number(value.toFixed(3)));
}

const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** Text as XML takes it: its five characters escaped, those that it forbids left out. */
export function escaped(text: string): string {
  return text.replace(FORBIDDEN, "").replace(/[&<>"']/g, (found) => ENTITIES[found]);
}
