// The mark of each unit: circle, square or ring, and a ring around what is selected.

import type { Snapshot } from "../types";
import { INK, isDrawn, type Shape } from "./shapes";

/** Half a square's side, as a share of the radius of the circle of the same area. */
export const HALF_SIDE = Math.sqrt(Math.PI) / 2;

/** Every drawn unit's mark, then the rings of the selected ones. */
export function nodeShapes(snapshot: Snapshot, selected: readonly number[]): Shape[] {
  const units = Array.from(snapshot.appearance.radius, (_, unit) => unit).filter((unit) => isDrawn(snapshot, unit));
  const rings = selected.filter((unit) => unit < snapshot.appearance.radius.length && isDrawn(snapshot, unit));
  return [...units.map((unit) => markOf(snapshot, unit)), ...rings.map((unit) => ringAround(snapshot, unit))];
}

/** 0xRRGGBB as "#rrggbb". */
export function hex(colour: number): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}

/** How a mark of this shape is painted: a ring is hollow. */
export function paintOf(shape: number, colour: number, radius: number): { fill: string; stroke: string; strokeWidth: number } {
  if (shape === 2) return { fill: "#ffffff", stroke: hex(colour), strokeWidth: Math.max(1, 0.35 * radius) };
  return { fill: hex(colour), stroke: "#ffffff", strokeWidth: 0.6 };
}

function markOf({ places, appearance }: Snapshot, unit: number): Shape {
  const radius = appearance.radius[unit];
  const shape = appearance.shape[unit];
  const [x, y] = [places[2 * unit], places[2 * unit + 1]];
  const paint = { ...paintOf(shape, appearance.colour[unit], radius), opacity: appearance.opacity[unit], unit };
  if (shape !== 1) return { kind: "circle", x, y, radius, ...paint };
  const half = HALF_SIDE * radius;
  return { kind: "rect", x: x - half, y: y - half, width: 2 * half, height: 2 * half, ...paint };
}

function ringAround({ places, appearance }: Snapshot, unit: number): Shape {
  const place = { x: places[2 * unit], y: places[2 * unit + 1], radius: appearance.radius[unit] + 3 };
  return { kind: "circle", ...place, fill: "none", stroke: INK, strokeWidth: 1.5, opacity: 1 };
}
