// The mark of each unit: circle, square or ring, and a ring around what is selected.

import { css } from "../graph/colour";
import { HALF_SIDE } from "../graph/emphasis";
import type { Snapshot } from "../types";
import type { Drawn, Shape } from "./shapes";

const OUTLINED = 0.5; // zoom: units that are drawn smaller have no rim, as on the page
const LEAST = 1; // pixels: what is smaller would not be seen

/** Every drawn unit's mark, then the rings of the selected ones. */
export function nodeShapes(snapshot: Snapshot, drawn: Drawn, selected: readonly number[]): Shape[] {
  const units = drawn.radius.map((_, unit) => unit).filter((unit) => drawn.radius[unit] > 0);
  const rings = selected.filter((unit) => drawn.radius[unit] > 0);
  return [...units.map((unit) => markOf(snapshot, drawn, unit)), ...rings.map((unit) => ringAround(snapshot, drawn, unit))];
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

function ringAround({ places }: Snapshot, { radius }: Drawn, unit: number): Shape {
  const place = { x: places[2 * unit], y: places[2 * unit + 1], radius: radius[unit] + 1.5 };
  return { kind: "circle", ...place, fill: "none", stroke: "#000000", strokeWidth: 2.5, opacity: 1 };
}
