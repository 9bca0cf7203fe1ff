// How one kind of line is drawn: colour and dash of the figures that Python draws of the same numbers.

import { mark, part } from "./dom";

export interface Stroke {
  /** A class of charts.css. */
  colour: string;
  dash: string;
}

export const SPLITS: Record<string, Stroke> = {
  train: { colour: "series-blue", dash: "" },
  validation: { colour: "series-orange", dash: "6 3" },
  test: { colour: "series-ink", dash: "1.5 3" },
};

const CRITERIA: Record<string, Stroke> = {
  magnitude: { colour: "series-blue", dash: "" },
  frame_potential: { colour: "series-vermillion", dash: "6 3" },
  inner_product: { colour: "series-green", dash: "7 3 1.5 3" },
  raw_frame_potential: { colour: "series-purple", dash: "1.5 3" },
};

/** The stroke of a removal criterion. */
export function strokeOf(criterion: string): Stroke {
  return CRITERIA[criterion] ?? { colour: "series-orange", dash: "1.5 1.5" };
}

/** The attributes of a line of this kind. */
export function line(stroke: Stroke, extra = ""): Record<string, string> {
  return { class: `chart-line series-line ${stroke.colour} ${extra}`.trim(), "stroke-dasharray": stroke.dash || "none" };
}

/** A legend's entry: a piece of the line and its name; `kind` "button" can be pressed. */
export function legendEntry<K extends "span" | "button">(parent: Element, kind: K, stroke: Stroke, text: string): HTMLElementTagNameMap[K] {
  const entry = part(parent, kind, { class: "chart-entry" });
  if (kind === "button") entry.setAttribute("type", "button");
  const sample = mark(entry, "svg", { width: 16, height: 8, "aria-hidden": "true" });
  mark(sample, "line", { ...line(stroke), x1: 0, x2: 16, y1: 4, y2: 4 });
  part(entry, "span", {}, text);
  return entry;
}
