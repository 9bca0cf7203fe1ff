// Numbers as the charts say them.

import type { ChartModel, Moment, Timeline } from "../types";

/** A fraction in percent: 0.9812 -> "98.1 %". */
export function percent(fraction: number, digits = 1): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}

/** A count with its thing: 1 unit, 2 units, 4,096 units. */
export function count(number: number, thing: string): string {
  return `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
}

/** Three significant digits, without an exponent where that stays short. */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/** 1st, 2nd, 3rd, 4th, 11th. */
export function ordinal(number: number): string {
  const last = number % 100;
  const ending = last > 10 && last < 14 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number.toLocaleString("en")}${ending}`;
}

/** Radians in whole degrees. */
export function degrees(angle: number): string {
  return `${Math.round((180 * angle) / Math.PI)}°`;
}

/** "magnitude", "frame potential": a name as one says it. */
export function spoken(name: string): string {
  return name.replaceAll("_", " ");
}

/** What a loss is called on an axis: "squared error", or "loss (nats)" of what is counted in nats. */
export function lossName(objective: string | null): string {
  if (objective === null) return "loss";
  if (objective.endsWith("cross_entropy")) return "loss (nats)";
  return objective === "squared_error" ? "squared error" : `loss (${spoken(objective)})`;
}

/** The moment at this place of the axis, or the nearest one. */
export function momentAt(timeline: Timeline, at: number): Moment | null {
  let best: Moment | null = null;
  for (const moment of timeline.moments)
    if (best === null || Math.abs(moment.at - at) < Math.abs(best.at - at)) best = moment;
  return best;
}

/** A note as a sentence: it begins large and ends with a stop. */
export function sentence(note: string): string {
  const begun = note.charAt(0).toUpperCase() + note.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** What a chart tells, after which other moment it stands for, if it does. */
export function told(frame: { instead?: string | null; of?: number }, model: ChartModel, reading: string): string {
  if (frame.instead) return `${sentence(frame.instead)} ${reading}`;
  if (frame.of === undefined || frame.of === model.at) return reading;
  return `Still of ${placeWords(model.timeline, frame.of)}, while that of ${moment(model)} is computed. ${reading}`;
}

/** Where the viewer stands: "epoch 12", "step 300" or "level 4". */
export function moment({ timeline, at }: ChartModel): string {
  const found = momentAt(timeline, at);
  return place(timeline, at, found?.epoch ?? null);
}

/** The same of any place on the axis, where there may be no snapshot to tell the epoch. */
export function placeWords(timeline: Timeline, at: number): string {
  return place(timeline, at, timeline.moments.find((moment) => moment.at === at)?.epoch ?? null);
}

function place(timeline: Timeline, at: number, epoch: number | null): string {
  if (timeline.axis === "level") return `level ${at}`;
  return epoch === null ? `step ${at.toLocaleString("en")}` : `epoch ${Number(epoch.toFixed(2))}`;
}
