// The frame of every chart: where the plot lies, its ticks, grid and labels.

import { mark } from "./dom";

/** The plot's rectangle in pixels of the chart. */
export interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** One tick; `under` is a second line, the density of a level say. */
export interface Tick {
  place: number;
  text: string;
  under?: string;
}

export interface Axis {
  label: string;
  ticks: readonly Tick[];
}

/** The plot within a chart of this size; `extra` pixels are kept free beneath it. */
export function areaOf(width: number, height: number, extra = 0): Area {
  return { left: 46, right: Math.max(width - 12, 60), top: 20, bottom: height - 36 - extra };
}

/** A layer that shows nothing outside the area, in the same coordinates. */
export function clipped(layer: SVGElement, { left, right, top, bottom }: Area): SVGElement {
  const margin = 2; // for the width of lines at the edge
  const [x, y, width, height] = [left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin];
  return mark(layer, "svg", { x, y, width, height, viewBox: `${x} ${y} ${width} ${height}`, overflow: "hidden" });
}

/** Draws both axes: the horizontal one along `floor`, by default the plot's own edge. */
export function drawAxes(layer: SVGElement, area: Area, x: Axis, y: Axis, floor = area.bottom): void {
  const axes = mark(layer, "g", { class: "chart-axes" });
  for (const tick of y.ticks) {
    mark(axes, "line", { class: "chart-grid", x1: area.left, x2: area.right, y1: tick.place, y2: tick.place });
    mark(axes, "text", { class: "chart-tick", x: area.left - 6, y: tick.place + 3.5, "text-anchor": "end" }, tick.text);
  }
  mark(axes, "line", { class: "chart-axis", x1: area.left, x2: area.right, y1: floor, y2: floor });
  for (const tick of x.ticks) drawTick(axes, tick, floor);
  mark(axes, "text", { class: "chart-label", x: 4, y: 11 }, y.label);
  const middle = (area.left + area.right) / 2;
  const low = x.ticks.some((tick) => tick.under) ? 43 : 31;
  mark(axes, "text", { class: "chart-label", x: middle, y: floor + low, "text-anchor": "middle" }, x.label);
}

function drawTick(axes: SVGElement, tick: Tick, floor: number): void {
  mark(axes, "line", { class: "chart-axis", x1: tick.place, x2: tick.place, y1: floor, y2: floor + 4 });
  const text = { class: "chart-tick", x: tick.place, "text-anchor": "middle" };
  mark(axes, "text", { ...text, y: floor + 16 }, tick.text);
  if (tick.under) mark(axes, "text", { ...text, y: floor + 28 }, tick.under);
}

/** How many ticks an upright axis has room for. */
export function roomFor({ top, bottom }: Area): number {
  return Math.min(Math.max(Math.round((bottom - top) / 28), 2), 4);
}

/** Ticks of a scale at its own round values. */
export function ticksOf(
  scale: { (value: number): number; ticks(wanted: number): number[] },
  wanted: number,
  text: (value: number) => string,
): Tick[] {
  return scale.ticks(wanted).map((value) => ({ place: scale(value), text: text(value) }));
}

/** The interval that is being drawn, kept within the plot. */
export function drawBrush(layer: SVGElement, area: Area, from: number, to: number): void {
  const [low, high] = [Math.min(from, to), Math.max(from, to)].map((pixel) => Math.min(Math.max(pixel, area.left), area.right));
  mark(layer, "rect", { class: "chart-brush", x: low, y: area.top, width: high - low, height: area.bottom - area.top });
}
