// Accuracy and loss of every split over the axis, and the one moment that all panels show.

import { extent } from "d3-array";
import { scaleLinear, scaleLog } from "d3-scale";
import { line as pathOf } from "d3-shape";

import type { Chart, ChartActions, ChartModel, Learning, Timeline } from "../types";
import { areaOf, clipped, drawAxes, ticksOf, type Area, type Tick } from "./axes";
import { mark, part } from "./dom";
import { watchKeys } from "./keys";
import { watchPointer } from "./pointer";
import { legendEntry, line, SPLITS } from "./series";
import { createChart, type Paper, type Parts } from "./shell";
import { moment, momentAt, percent, plain } from "./words";

type Quantity = "accuracy" | "loss";

interface Scales {
  area: Area;
  x: (at: number) => number;
  y: (value: number) => number;
  /** Where on the axis this pixel lies. */
  at(pixel: number): number;
}

/** The learning curve. A click, a drag and the arrow keys move the viewer's slider. */
export function createLearningChart(actions: ChartActions): Chart {
  return createChart((paper) => learningParts(paper, actions), "learning");
}

function learningParts(paper: Paper, actions: ChartActions): Parts {
  let quantity: Quantity = "accuracy";
  let current: ChartModel | null = null;
  let scales: Scales | null = null;
  const toggle = quantityToggle(paper, (wanted) => {
    quantity = wanted;
    paper.redraw();
  });
  const follow = (x: number): void => {
    if (scales && current) actions.goTo(momentAt(current.timeline, scales.at(x))?.at ?? current.at);
  };
  const stopPointer = watchPointer(paper.overlay, {
    click: (place) => follow(place.x),
    drag: (_, to) => follow(to.x),
  });
  const keys = watchKeys(paper.overlay, "Moment of the learning curve", {
    count: () => current?.timeline.moments.length ?? 0,
    current: () => current?.timeline.moments.indexOf(momentAt(current.timeline, current.at) as never) ?? 0,
    text: () => (current ? reading(current, quantity) : ""),
    go: (place) => actions.goTo(current?.timeline.moments[place]?.at ?? 0),
  });
  return {
    name: "learning",
    title: "Learning curve",
    message: ({ learning }) => messageOf(learning),
    depends: (model) => [model.learning, model.timeline.moments, model.timeline.axis, quantity],
    draw(_, model) {
      quantity = toggle(model.learning as Learning, quantity);
      scales = drawCurves(paper, model, quantity);
    },
    trace: (_, model) => scales && drawMoment(paper, model, scales, quantity),
    reading: (model) => {
      current = model;
      return reading(model, quantity);
    },
    after: keys.refresh,
    stop() {
      stopPointer();
      keys.stop();
    },
  };
}

function messageOf(learning: Learning | string | null): string | null {
  if (learning === null) return "Reading the learning curve…";
  if (typeof learning === "string") return learning;
  const known = (["accuracy", "loss"] as const).some((quantity) => splitsOf(learning, quantity).length > 0);
  return known ? null : "Nothing was measured while this was trained: there is no learning curve.";
}

/** Buttons for accuracy and loss; what is not measured cannot be pressed. */
function quantityToggle(paper: Paper, choose: (quantity: Quantity) => void): (learning: Learning, wanted: Quantity) => Quantity {
  const buttons = (["accuracy", "loss"] as const).map((quantity) => {
    const button = part(paper.tools, "button", { type: "button" }, quantity);
    button.addEventListener("click", () => choose(quantity));
    return { button, quantity };
  });
  return (learning, wanted) => {
    const has = (quantity: Quantity): boolean => splitsOf(learning, quantity).length > 0;
    const shown = has(wanted) ? wanted : wanted === "loss" ? "accuracy" : "loss";
    for (const { button, quantity } of buttons) {
      button.disabled = !has(quantity);
      button.setAttribute("aria-pressed", String(quantity === shown));
    }
    return shown;
  };
}

/** Splits with at least one measurement of the quantity. */
function splitsOf(learning: Learning, quantity: Quantity): string[] {
  return Object.keys(SPLITS).filter((split) => learning.columns[`${split}_${quantity}`]?.some(Number.isFinite));
}

/** Measured points of one split, in the axis's order. */
function pointsOf(learning: Learning, split: string, quantity: Quantity): [number, number][] {
  const values = learning.columns[`${split}_${quantity}`];
  const points: [number, number][] = [];
  if (values) learning.at.forEach((at, row) => Number.isFinite(values[row]) && points.push([at, values[row]]));
  return points;
}

function scalesOf(paper: Paper, model: ChartModel, quantity: Quantity): Scales & { ticks: Tick[] } {
  const learning = model.learning as Learning;
  const area = areaOf(paper.width, paper.height, model.timeline.axis === "level" && learning.columns["density"] ? 12 : 0);
  const points = splitsOf(learning, quantity).flatMap((split) => pointsOf(learning, split, quantity));
  const ats = [...points.map(([at]) => at), ...model.timeline.moments.map((one) => one.at)];
  const [first, last] = extent(ats) as [number, number];
  const x = scaleLinear([first, last > first ? last : first + 1], [area.left, area.right]);
  const [low, high] = rangeOf(points, model.timeline.axis === "step" ? first : NaN);
  const at = (pixel: number): number => x.invert(pixel);
  if (quantity === "accuracy") {
    const y = scaleLinear([Math.min(low, high - 0.01), high], [area.bottom, area.top]).nice(4);
    y.domain([Math.max(y.domain()[0], 0), Math.min(y.domain()[1], 1)]);
    return { area, x, y, at, ticks: ticksOf(y, 4, (value) => `${Number((100 * value).toFixed(2))}`) };
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

function drawCurves(paper: Paper, model: ChartModel, quantity: Quantity): Scales {
  const learning = model.learning as Learning;
  const scales = scalesOf(paper, model, quantity);
  const unit = quantity === "accuracy" ? "accuracy (%)" : "loss (nats)";
  drawAxes(paper.base, scales.area, horizontal(model, learning, scales), { label: unit, ticks: scales.ticks });
  const path = pathOf<[number, number]>(([at]) => scales.x(at), ([, value]) => scales.y(value));
  const inside = clipped(paper.base, scales.area);
  paper.legend.replaceChildren();
  for (const split of splitsOf(learning, quantity)) {
    const points = pointsOf(learning, split, quantity);
    mark(inside, "path", { ...line(SPLITS[split]), "data-split": split, d: path(points) ?? "" });
    legendEntry(paper.legend, "span", SPLITS[split], split);
  }
  return scales;
}

/** Epochs where they are known, else steps; levels with their density. */
function horizontal(model: ChartModel, learning: Learning, scales: Scales): { label: string; ticks: Tick[] } {
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

/** The last measurement at or before this moment, else the first after it. */
function measuredAt(points: [number, number][], at: number): [number, number] | null {
  return points.findLast(([measured]) => measured <= at) ?? points[0] ?? null;
}

function drawMoment(paper: Paper, model: ChartModel, scales: Scales, quantity: Quantity): void {
  const x = scales.x(model.at);
  const { top, bottom } = scales.area;
  mark(paper.over, "line", { class: "chart-now", x1: x, x2: x, y1: top - 5, y2: bottom });
  mark(paper.over, "path", { class: "chart-handle", d: `M${x - 5} ${top - 10}h10l-5 7z` });
  const learning = model.learning as Learning;
  for (const split of splitsOf(learning, quantity)) {
    const found = measuredAt(pointsOf(learning, split, quantity), model.at);
    if (!found) continue;
    const cy = Math.min(Math.max(scales.y(found[1]), top), bottom);
    const place = { cx: scales.x(found[0]), cy, r: 4 };
    mark(paper.over, "circle", { class: `chart-point series-point ${SPLITS[split].colour}`, ...place });
  }
}

function reading(model: ChartModel, quantity: Quantity): string {
  const learning = model.learning as Learning;
  const shown = splitsOf(learning, quantity).length > 0 ? quantity : quantity === "loss" ? "accuracy" : "loss";
  const split = ["validation", "test", "train"].find((name) => splitsOf(learning, shown).includes(name)) ?? "train";
  const found = measuredAt(pointsOf(learning, split, shown), model.at);
  if (!found) return `Nothing was measured at ${moment(model)}.`;
  const value = shown === "accuracy" ? `${percent(found[1])} ${split} accuracy` : `${plain(found[1])} nats ${split} loss`;
  return `${value} at ${moment(model)}.`;
}
