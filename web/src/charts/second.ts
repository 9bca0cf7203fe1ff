// The run that is shown beside the first: thin lines with squares on them, as its units are squares.

import { mark } from "./dom";
import type { ChartModel } from "../types";
import type { Point } from "./points";
import { line, type Stroke } from "./series";

const SQUARES = 8; // along a line
const SIDE = 5; // pixels

/** A line of the second run; points in pixels, in their order. */
export function drawSecond(layer: SVGElement, points: readonly Point[], stroke: Stroke, name: string): void {
  if (points.length === 0) return;
  const path = points.map(([x, y], at) => `${at === 0 ? "M" : "L"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");
  mark(layer, "path", { ...line({ ...stroke, dash: "" }, "chart-second"), "data-second": name, d: path });
  drawSquares(layer, spread(points), stroke.colour, SIDE);
}

/** Squares of a series, with a rim of the paper's colour. */
export function drawSquares(layer: SVGElement, points: readonly Point[], colour: string, side: number): void {
  if (points.length === 0) return;
  const d = points.map(([x, y]) => `M${(x - side / 2).toFixed(1)} ${(y - side / 2).toFixed(1)}h${side}v${side}h${-side}z`).join("");
  mark(layer, "path", { class: `chart-square ${colour}`, d });
}

/** At most so many of them, evenly over their order, the last always. */
function spread(points: readonly Point[]): Point[] {
  if (points.length <= SQUARES) return [...points];
  return Array.from({ length: SQUARES }, (_, at) => points[Math.round(((at + 0.5) * (points.length - 1)) / (SQUARES - 0.5))]!);
}

/** What has come of the second run: null where there is none, or this of it is not to be had. */
export function secondOf<K extends "learning" | "spectrum" | "removal">({ second }: ChartModel, what: K) {
  const value = second?.[what] ?? null;
  return typeof value === "string" ? null : (value as Exclude<NonNullable<ChartModel["second"]>[K], string | null> | null);
}
