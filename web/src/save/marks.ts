// The mark of each unit: circle, square or ring, and a ring around what is selected.

import { css } from "../graph/colour";
import { HALF_SIDE } from "../graph/emphasis";
import { isPictured, sidesOf, thumbnailOf } from "../graph/thumbnails";
import type { Snapshot, Thumbnails } from "../types";
import type { Drawn, Saving, Shape } from "./shapes";

const OUTLINED = 0.5; // zoom: units that are drawn smaller have no rim, as on the page
const LEAST = 1; // pixels: what is smaller would not be seen

const FRAME = 1.5; // pixels around a picture

/** Every drawn unit's mark, or its picture, then the rings of the selected ones. */
export function nodeShapes({ snapshot, selected, thumbnails = null }: Saving, drawn: Drawn): Shape[] {
  const units = drawn.radius.map((_, unit) => unit).filter((unit) => drawn.radius[unit] > 0);
  const rings = selected.filter((unit) => drawn.radius[unit] > 0);
  const pictured = (unit: number): Thumbnails | null => (isPictured(drawn.radius[unit]) ? thumbnails : null);
  const marks = units.flatMap((unit) => {
    const pictures = pictured(unit);
    return pictures ? pictureOfUnit(snapshot, drawn, pictures, unit) : [markOf(snapshot, drawn, unit)];
  });
  return [...marks, ...rings.map((unit) => ringAround(snapshot, drawn, pictured(unit), unit))];
}

/** How a mark of this shape is painted, and how large: a ring is hollow and keeps to its radius. */
export function paintOf(shape: number, colour: number, radius: number, zoom = 1): { radius: number; fill: string; stroke: string; strokeWidth: number } {
  const size = Math.max(shape === 2 ? radius - 1 : radius, LEAST);
  if (shape === 2) return { radius: size, fill: "#ffffff", stroke: css(colour), strokeWidth: Math.max(1.5 * Math.min(zoom, 1.5), 1) };
  return { radius: size, fill: css(colour), stroke: "#ffffff", strokeWidth: zoom > OUTLINED ? 0.75 : 0 };
}

/** A mark at a place: a circle, or a square of the same area. */
export function markAt(x: number, y: number, shape: number, paint: ReturnType<typeof paintOf> & { opacity: number; unit?: number }): Shape {
  if (shape !== 1) return { kind: "circle", x, y, ...paint };
  const { radius, ...rest } = paint;
  const half = HALF_SIDE * radius;
  return { kind: "rect", x: x - half, y: y - half, width: 2 * half, height: 2 * half, ...rest };
}

function markOf({ places, appearance, zoom }: Snapshot, { radius, opacity }: Drawn, unit: number): Shape {
  const shape = appearance.shape[unit];
  const paint = paintOf(shape, appearance.colour[unit], radius[unit], zoom);
  return markAt(places[2 * unit], places[2 * unit + 1], shape, { ...paint, opacity: opacity[unit], unit });
}

/** The picture in a frame of the unit's colour. */
function pictureOfUnit(snapshot: Snapshot, { radius, opacity }: Drawn, thumbnails: Thumbnails, unit: number): Shape[] {
  const box = boxOf(snapshot, thumbnails, unit, radius[unit], 0);
  const frame = { fill: "none", stroke: css(snapshot.appearance.colour[unit]), strokeWidth: FRAME };
  return [
    { kind: "thumbnail", ...box, opacity: opacity[unit], unit, image: thumbnailOf(thumbnails, unit, false) },
    { kind: "rect", ...box, ...frame, opacity: opacity[unit] },
  ];
}

function boxOf({ places }: Snapshot, thumbnails: Thumbnails, unit: number, radius: number, gap: number): { x: number; y: number; width: number; height: number } {
  const [width, height] = sidesOf(thumbnails, radius).map((side) => side + 2 * gap);
  return { x: places[2 * unit] - width / 2, y: places[2 * unit + 1] - height / 2, width, height };
}

function ringAround(snapshot: Snapshot, { radius }: Drawn, thumbnails: Thumbnails | null, unit: number): Shape {
  const { places } = snapshot;
  const ring = { fill: "none", stroke: "#000000", strokeWidth: 2.5, opacity: 1 };
  if (thumbnails) return { kind: "rect", ...boxOf(snapshot, thumbnails, unit, radius[unit], 2.5), ...ring };
  const place = { x: places[2 * unit], y: places[2 * unit + 1], radius: radius[unit] + 1.5 };
  return { kind: "circle", ...place, ...ring };
}
