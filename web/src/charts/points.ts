// Many points as one path: a stroke of no length for each, its round or square cap the mark.

import { mark } from "./dom";

export type Point = readonly [x: number, y: number];

/** Dots of a size as a path's `d`. */
export function dots(points: readonly Point[]): string {
  return points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
}

/** Circles of a radius as a path's `d`. */
export function circles(points: readonly Point[], radius: number): string {
  const half = `a${radius} ${radius} 0 1 0`;
  return points.map(([x, y]) => `M${(x - radius).toFixed(1)} ${y.toFixed(1)}${half} ${2 * radius} 0${half} ${-2 * radius} 0`).join("");
}

/** Dots of a series with a rim of the paper's colour, so that they stand off its line. */
export function drawDots(layer: SVGElement, points: readonly Point[], colour: string, size: number): void {
  const d = dots(points);
  if (!d) return;
  mark(layer, "path", { class: "chart-halo", d, "stroke-width": size + 2 });
  mark(layer, "path", { class: `chart-point series-point ${colour}`, d, "stroke-width": size });
}
