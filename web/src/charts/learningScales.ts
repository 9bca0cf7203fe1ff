// The scales of the learning curve: the axis of steps or levels, and what is shown of each quantity.

import { extent } from "d3-array";
import { scaleLinear, scaleLog } from "d3-scale";

import type { ChartModel, Learning, Timeline } from "../types";
import { areaOf, roomFor, ticksOf, type Area, type Tick } from "./axes";
import { secondOf } from "./second";
import { SPLITS } from "./series";
import type { Paper } from "./shell";
import { plain } from "./words";

/** What is measured of each split, the one that is shown first in front. */
export const QUANTITIES = ["accuracy", "loss", "r2"] as const;
export type Quantity = (typeof QUANTITIES)[number];

export interface Scales {
  area: Area;
  x: (at: number) => number;
  y: (value: number) => number;
  /** Where on the axis this pixel lies. */
  at(pixel: number): number;
}

/** Splits with at least one measurement of the quantity. */
export function splitsOf(learning: Learning, quantity: Quantity): string[] {
  return Object.keys(SPLITS).filter((split) => learning.columns[`${split}_${quantity}`]?.some(Number.isFinite));
}

/** Measured points of one split, in the axis's order. */
export function pointsOf(learning: Learning, split: string, quantity: Quantity): [number, number][] {
  const values = learning.columns[`${split}_${quantity}`];
  const points: [number, number][] = [];
  if (values) learning.at.forEach((at, row) => Number.isFinite(values[row]) && points.push([at, values[row]]));
  return points;
}

/** Between what replicates of one split lie, in the axis's order: place, least, most. */
export function spreadOf({ at, spread }: Learning, split: string, quantity: Quantity): [number, number, number][] {
  const name = `${split}_${quantity}`;
  const [least, most] = [spread?.least[name], spread?.most[name]];
  if (!least || !most) return [];
  const rows = Array.from(at, (place, row): [number, number, number] => [place, least[row]!, most[row]!]);
  return rows.filter(([, low, high]) => Number.isFinite(low) && Number.isFinite(high));
}

export function scalesOf(paper: Paper, model: ChartModel, quantity: Quantity): Scales & { ticks: Tick[] } {
  const learning = model.learning as Learning;
  const area = areaOf(paper.width, paper.height, model.timeline.axis === "level" && learning.columns["density"] ? 12 : 0);
  const curves = [learning, secondOf(model, "learning")].flatMap((one) => (one ? [one] : []));
  const points = curves.flatMap((one) => splitsOf(one, quantity).flatMap((split) => [
    ...pointsOf(one, split, quantity),
    ...spreadOf(one, split, quantity).flatMap(([place, low, high]): [number, number][] => [[place, low], [place, high]]),
  ]));
  const ats = [...points.map(([at]) => at), ...model.timeline.moments.map((one) => one.at)];
  const [first, last] = extent(ats) as [number, number];
  const x = scaleLinear([first, last > first ? last : first + 1], [area.left, area.right]);
  const [low, high] = rangeOf(points, model.timeline.axis === "step" ? first : NaN);
  const at = (pixel: number): number => x.invert(pixel);
  if (quantity === "accuracy") {
    const y = scaleLinear([Math.min(low, high - 0.01), high], [area.bottom, area.top]).nice(4);
    y.domain([Math.max(y.domain()[0], 0), Math.min(y.domain()[1], 1)]);
    return { area, x, y, at, ticks: ticksOf(y, roomFor(area), (value) => `${Number((100 * value).toFixed(2))}`) };
  }
  if (quantity === "r2" || low < 0) {
    const least = Math.min(low, high - 0.01 * Math.max(Math.abs(high), 0.01));
    const y = scaleLinear([least, high], [area.bottom, area.top]).nice(4);
    return { area, x, y, at, ticks: ticksOf(y, roomFor(area), plain) };
  }
  const floor = Math.max(low, high * 1e-6, 1e-12);
  const y = scaleLog([floor / 1.1, Math.max(high, floor) * 1.1], [area.bottom, area.top]).clamp(true);
  return { area, x, y, at, ticks: thinned(ticksOf(y, 4, plain)) };
}

/** The least and the greatest value; what an untrained network scores is left to the clipping. */
function rangeOf(points: [number, number][], untrained: number): [number, number] {
  const trained = points.filter(([at]) => at !== untrained);
  return extent(trained.length > 0 ? trained : points, ([, value]) => value) as [number, number];
}

/** Ticks at least 16 pixels apart. */
function thinned(ticks: Tick[]): Tick[] {
  const kept: Tick[] = [];
  for (const tick of ticks) {
    const last = kept[kept.length - 1];
    if (!last || Math.abs(last.place - tick.place) >= 16) kept.push(tick);
  }
  return kept;
}

/** Epochs where they are known, else steps; levels with their density. */
export function horizontal(model: ChartModel, learning: Learning, scales: Scales): { label: string; ticks: Tick[] } {
  const { timeline } = model;
  if (timeline.axis === "level") return { label: levelLabel(learning), ticks: levelTicks(timeline, learning, scales) };
  const perEpoch = stepsPerEpoch(timeline);
  const [from, to] = [scales.at(scales.area.left) / perEpoch, scales.at(scales.area.right) / perEpoch];
  const numbers = scaleLinear([from, to], [scales.area.left, scales.area.right]);
  const wanted = (scales.area.right - scales.area.left) / 60;
  return { label: perEpoch === 1 ? "step" : "epoch", ticks: ticksOf(numbers, wanted, (value) => value.toLocaleString("en")) };
}

function stepsPerEpoch(timeline: Timeline): number {
  const last = timeline.moments.findLast((one) => one.epoch !== null && one.epoch > 0 && one.at > 0);
  return last?.epoch ? last.at / last.epoch : 1;
}

function levelLabel(learning: Learning): string {
  return learning.columns["density"] ? "level, and weights left (%)" : "level";
}

function levelTicks(timeline: Timeline, learning: Learning, scales: Scales): Tick[] {
  const every = Math.ceil((timeline.moments.length * 38) / (scales.area.right - scales.area.left));
  return timeline.moments
    .filter((_, index) => index % every === 0)
    .map(({ at }) => {
      const density = learning.columns["density"]?.[learning.at.indexOf(at)];
      const tick: Tick = { place: scales.x(at), text: String(at) };
      return density !== undefined && Number.isFinite(density) ? { ...tick, under: plain(100 * density) } : tick;
    });
}
