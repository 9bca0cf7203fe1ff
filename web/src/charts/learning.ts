// Accuracy and loss of every split over the axis, and the one moment that all panels show.

import { area, line as pathOf } from "d3-shape";

import type { Chart, ChartActions, ChartModel, Learning } from "../types";
import { clipped, drawAxes } from "./axes";
import { mark, part } from "./dom";
import { watchKeys } from "./keys";
import { horizontal, pointsOf, QUANTITIES, scalesOf, splitsOf, spreadOf, type Quantity, type Scales } from "./learningScales";
import { drawDots, type Point } from "./points";
import { drawSecond, secondOf } from "./second";
import { watchPointer } from "./pointer";
import { legendEntry, line, SPLITS } from "./series";
import { createChart, type Paper, type Parts } from "./shell";
import { lossName, moment, momentAt, percent, placeWords, plain } from "./words";

/** The learning curve. A click, a drag and the arrow keys move the viewer's slider. */
export function createLearningChart(actions: ChartActions): Chart {
  return createChart((paper) => learningParts(paper, actions), "learning");
}

const NAMES: Record<Quantity, string> = { accuracy: "accuracy", loss: "loss", r2: "R²" };

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
    title: "Learning curve",
    message: ({ learning }) => messageOf(learning),
    depends: (model) => [model.learning, secondOf(model, "learning"), model.timeline.moments, model.timeline.axis, quantity],
    follows: ({ timeline, at, second }) => [timeline, at, second?.at, second?.name],
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
  const known = QUANTITIES.some((quantity) => splitsOf(learning, quantity).length > 0);
  return known ? null : "Nothing was measured while this was trained: there is no learning curve.";
}

/** What is shown: the quantity that is wanted, or the first that is measured. */
function shownOf(learning: Learning, wanted: Quantity): Quantity {
  const has = (quantity: Quantity): boolean => splitsOf(learning, quantity).length > 0;
  return [wanted, ...QUANTITIES].find(has) ?? wanted;
}

/** Buttons for accuracy and loss, and for R² where it is measured; what is not measured cannot be pressed. */
function quantityToggle(paper: Paper, choose: (quantity: Quantity) => void): (learning: Learning, wanted: Quantity) => Quantity {
  const buttons = QUANTITIES.map((quantity) => {
    const button = part(paper.tools, "button", { type: "button" }, NAMES[quantity]);
    button.addEventListener("click", () => choose(quantity));
    return { button, quantity };
  });
  return (learning, wanted) => {
    const has = (quantity: Quantity): boolean => splitsOf(learning, quantity).length > 0;
    const shown = shownOf(learning, wanted);
    for (const { button, quantity } of buttons) {
      button.disabled = !has(quantity);
      // A run has classes or real targets: of these two, what it cannot have is not offered.
      button.hidden = button.disabled && (quantity === "r2" || (quantity === "accuracy" && has("r2")));
      button.setAttribute("aria-pressed", String(quantity === shown));
    }
    return shown;
  };
}

function drawCurves(paper: Paper, model: ChartModel, quantity: Quantity): Scales {
  const learning = model.learning as Learning;
  const scales = scalesOf(paper, model, quantity);
  const unit = { accuracy: "accuracy (%)", loss: lossName(model.timeline.objective), r2: NAMES.r2 }[quantity];
  drawAxes(paper.base, scales.area, horizontal(model, learning, scales), { label: unit, ticks: scales.ticks });
  const band = area<[number, number, number]>(([at]) => scales.x(at), ([, low]) => scales.y(low), ([, , high]) => scales.y(high));
  const path = pathOf<[number, number]>(([at]) => scales.x(at), ([, value]) => scales.y(value));
  const inside = clipped(paper.base, scales.area);
  paper.legend.replaceChildren();
  for (const split of splitsOf(learning, quantity)) {
    const spread = spreadOf(learning, split, quantity);
    if (spread.length > 1) mark(inside, "path", { class: `chart-spread ${SPLITS[split].colour}`, "data-band": split, d: band(spread) ?? "" });
  }
  for (const split of splitsOf(learning, quantity)) {
    const points = pointsOf(learning, split, quantity);
    mark(inside, "path", { ...line(SPLITS[split]), "data-split": split, d: path(points) ?? "" });
    legendEntry(paper.legend, "span", SPLITS[split], split);
  }
  const second = secondOf(model, "learning");
  for (const split of second ? splitsOf(second, quantity) : []) {
    const points = pointsOf(second!, split, quantity).map(([at, value]): Point => [scales.x(at), scales.y(value)]);
    drawSecond(inside, points, SPLITS[split], split);
  }
  return scales;
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
    drawDots(paper.over, [[scales.x(found[0]), cy]], SPLITS[split].colour, 7);
  }
}

function reading(model: ChartModel, quantity: Quantity): string {
  const learning = model.learning as Learning;
  const shown = shownOf(learning, quantity);
  const split = ["validation", "test", "train"].find((name) => splitsOf(learning, shown).includes(name)) ?? "train";
  const found = measuredAt(pointsOf(learning, split, shown), model.at);
  if (!found) return `Nothing was measured at ${moment(model)}.`;
  const value = valueWords(model, shown, split, found[1]);
  return `${value} at ${measuredWords(model, found[0])}.${spreadWords(model, shown, split, found[0])}${besideWords(model, shown, split)}`;
}

/** Between what its replicates lie there. */
function spreadWords(model: ChartModel, quantity: Quantity, split: string, at: number): string {
  const learning = model.learning as Learning;
  const found = spreadOf(learning, split, quantity).find(([place]) => place === at);
  if (!found) return "";
  const told = (value: number): string => (quantity === "accuracy" ? percent(value) : plain(value));
  return ` Of ${learning.spread!.replicates} replicates it is ${told(found[1])} to ${told(found[2])}, the shaded band.`;
}

/** Where it was measured, if that is not where the viewer stands: splits are seldom measured at every step. */
function measuredWords(model: ChartModel, at: number): string {
  if (at === model.at) return moment(model);
  return `${placeWords(model.timeline, at)}, measured ${at < model.at ? "last before" : "first after"} ${moment(model)}`;
}

/** The same of the run beside it, at its own moment. */
function besideWords(model: ChartModel, quantity: Quantity, split: string): string {
  const learning = secondOf(model, "learning");
  const found = learning && measuredAt(pointsOf(learning, split, quantity), model.second!.at);
  return found ? ` ${model.second!.name}: ${valueWords(model, quantity, split, found[1])}.` : "";
}

/** "70.0 % validation accuracy", "0.5 nats train loss", "test R² of 0.98". */
function valueWords({ timeline }: ChartModel, quantity: Quantity, split: string, value: number): string {
  if (quantity === "accuracy") return `${percent(value)} ${split} accuracy`;
  if (quantity === "r2") return `A ${split} R² of ${plain(value)}`;
  return lossName(timeline.objective).endsWith("(nats)") ? `${plain(value)} nats ${split} loss` : `A ${split} ${lossName(timeline.objective)} of ${plain(value)}`;
}
