// What a removal curve is read against: random orders, the accepted loss, and how many units can go.

import { area as areaPath } from "d3-shape";

import type { RemovalFrame, RemovalOrder } from "../types";
import type { Area } from "./axes";
import { mark, part } from "./dom";

const BEARABLE = 0.01; // accuracy, where nobody says what is accepted
const BEARABLE_LOSS = 0.1; // of the loss itself
// Accuracies come in single precision.
const ROUNDING = 1e-6;
const LETTER = 5.6; // pixels of the words in a chart

/** Pixels of removals and of what they cost. */
export interface MarkScales {
  area: Area;
  x(removed: number): number;
  cost(value: number): number;
}

/** Random orders as a band, one standard deviation about their mean. */
export function drawRandom(layer: SVGElement, { random }: RemovalFrame, { x, cost }: MarkScales): void {
  if (!random) return;
  const band = areaPath<number>((_, removed) => x(removed), (_, removed) => cost(random.low[removed]), (_, removed) => cost(random.high[removed]));
  mark(layer, "path", { class: "chart-band", d: band(Array.from(random.low)) ?? "" });
}

/** The legend's word on the band. */
export function randomEntry(legend: Element): void {
  const entry = part(legend, "span", { class: "chart-entry", title: "Random orders, one standard deviation about their mean" });
  const sample = mark(entry, "svg", { width: 16, height: 8, "aria-hidden": "true" });
  mark(sample, "rect", { class: "chart-band", x: 0, y: 0, width: 16, height: 8 });
  part(entry, "span", {}, "random");
}

/** The line of the accepted loss, where the curve must not fall below (or rise above) it. */
export function drawAccepted(layer: SVGElement, frame: RemovalFrame, { area, cost }: MarkScales): void {
  const accepted = acceptedOf(frame, frame.criteria[0]);
  if (accepted === null) return;
  const y = cost(accepted);
  mark(layer, "line", { class: "chart-edge chart-accepted", x1: area.left, x2: area.right, y1: y, y2: y });
  mark(layer, "text", { class: "chart-words", x: area.right, y: y - 4, "text-anchor": "end" }, isAccuracy(frame) ? "a point less" : "accepted loss");
}

/** How many can go: between two bounds, or where the pressed criterion's curve is as low as is accepted. */
export function drawCanGo(layer: SVGElement, frame: RemovalFrame, criterion: RemovalOrder, { area, x }: MarkScales): void {
  const { canGo } = frame;
  const most = canGo ? canGo.most : bearableOf(frame, criterion);
  if (most === null) return;
  const group = mark(layer, "g", { class: "chart-can-go" });
  const { top, bottom } = area;
  if (canGo) mark(group, "rect", { class: "chart-between", x: x(canGo.least), y: top, width: Math.max(x(most) - x(canGo.least), 1), height: bottom - top });
  for (const removed of canGo ? [canGo.least, most] : [most]) mark(group, "line", { class: "chart-bound", x1: x(removed), x2: x(removed), y1: top, y2: bottom });
  const text = canGo ? `can go (test): ${between(canGo, frame.units)}` : `estimate: ${most}`;
  const width = text.length * LETTER + 8;
  const place = area.right - x(most) > width ? { x: x(most) + 4, "text-anchor": "start" }
    : x(most) - area.left > width ? { x: x(most) - 4, "text-anchor": "end" }
    : { x: area.left + 4, "text-anchor": "start" };
  mark(group, "text", { class: "chart-words", y: bottom - 6, ...place }, text);
}

/** "58 to 87", "at most 87", "58 or more". */
function between({ least, most }: NonNullable<RemovalFrame["canGo"]>, units: number): string {
  if (least === most) return least === 0 ? "none" : String(least);
  if (most === units) return least === 0 ? "not known" : `${least} or more`;
  return least === 0 ? `none for sure, at most ${most}` : `${least} to ${most}`;
}

/** How many units go by an order before it costs too much; null where nothing is measured. */
export function bearableOf(frame: RemovalFrame, criterion: RemovalOrder): number | null {
  if (isGuessing(frame, criterion)) return null;
  const curve = criterion.accuracy ?? criterion.loss;
  const accepted = acceptedOf(frame, criterion);
  if (!curve || accepted === null) return null;
  const rounding = ROUNDING * Math.max(1, Math.abs(accepted));
  const bears = criterion.accuracy ? (value: number) => value >= accepted - rounding : (value: number) => value <= accepted + rounding;
  let last = 0;
  while (last + 1 < curve.length && bears(curve[last + 1])) last += 1;
  return last;
}

/** Whether the whole layer is no better than always naming one class, by two standard errors: then nothing can be lost. */
export function isGuessing({ guess, examples }: RemovalFrame, { accuracy }: RemovalOrder): boolean {
  if (guess == null || !accuracy) return false;
  return accuracy[0]! <= guess + 2 * Math.sqrt((guess * (1 - guess)) / Math.max(examples, 1));
}

/** The accuracy or the loss that is still accepted: as Python says or, of older pages, about the same. */
function acceptedOf({ accepted }: RemovalFrame, criterion: RemovalOrder | undefined): number | null {
  const { accuracy, loss } = criterion ?? { accuracy: null, loss: null };
  if (!accuracy && !loss) return null;
  return accepted ?? (accuracy ? accuracy[0] - BEARABLE : loss![0] * (1 + BEARABLE_LOSS));
}

function isAccuracy({ criteria }: RemovalFrame): boolean {
  return criteria.some(({ accuracy }) => accuracy !== null);
}
