// What removing units costs: one line a criterion, the selection at its places in each order.

import { scaleLinear } from "d3-scale";
import { line as pathOf } from "d3-shape";

import type { Chart, ChartActions, ChartModel, RemovalFrame, RemovalOrder } from "../types";
import { areaOf, drawAxes, drawBrush, roomFor, ticksOf, type Area, type Tick } from "./axes";
import { brushOf } from "./brush";
import { mark } from "./dom";
import { watchKeys, type KeyListener } from "./keys";
import { drawDots, type Point } from "./points";
import { drawSecond, drawSquares, secondOf } from "./second";
import { watchPointer, type Place, type PointerListener } from "./pointer";
import { legendEntry, line, strokeOf } from "./series";
import { bearableOf, drawAccepted, drawCanGo, drawRandom, isGuessing, randomEntry } from "./removalMarks";
import { createChart, type Paper, type Parts } from "./shell";
import { count, lossName, ordinal, percent, plain, sentence, spoken, told } from "./words";

const MANY = 40; // selected units: more are marked by smaller dots

interface Scales {
  area: Area;
  /** Pixel of a number of removed units, and back. */
  x: (removed: number) => number;
  removedAt(pixel: number): number;
  /** Pixel of a criterion's curve after so many removals. */
  y(index: number, removed: number): number;
  /** Pixel of an accuracy or a loss; its ticks. */
  cost: ReturnType<typeof costScale>;
}

interface Shown {
  frame: RemovalFrame;
  scales: Scales;
  /** By criterion: the place of each unit in the order, counted from 1. */
  places: Uint16Array[];
  /** The second run's order by the pressed criterion, and the place of each of its units. */
  beside: { criterion: RemovalOrder; places: Uint16Array; y(removed: number): number } | null;
}

/** Removal curves. Dragging selects the units removed within the interval, in the order of the pressed criterion. */
export function createRemovalChart(actions: ChartActions): Chart {
  return createChart((paper) => removalParts(paper, actions), "removal");
}

/** What the chart remembers between updates. */
interface State {
  /** The criterion that is pressed in the legend. */
  active: number;
  /** The place in its order where the keyboard stands, from 0. */
  cursor: number;
  brush: [number, number] | null;
  shown: Shown | null;
  model: ChartModel | null;
}

function removalParts(paper: Paper, actions: ChartActions): Parts {
  const state: State = { active: 0, cursor: 0, brush: null, shown: null, model: null };
  const retrace = (): void => {
    paper.over.replaceChildren();
    if (state.model && state.shown) trace(paper, state.model, state.shown, state.active, state.brush);
  };
  const press = (index: number): void => {
    state.active = index;
    paper.redraw();
  };
  const stopPointer = watchPointer(paper.overlay, pointerOf(state, paper, actions, retrace));
  const keys = watchKeys(paper.overlay, "Units in the order of removal; Enter selects, Shift extends", keysOf(state, actions));
  return {
    title: "Removing units",
    message: ({ removal }) => messageOf(removal),
    bare: ({ removal }) => removal !== null && typeof removal !== "string" && removal.bare === true,
    depends: (model) => [model.removal, secondOf(model, "removal"), state.active],
    follows: ({ selected, hovered, second, at }) => [selected, hovered, second?.name, at],
    draw(_, next) {
      const frame = next.removal as RemovalFrame;
      state.active = Math.min(state.active, frame.criteria.length - 1);
      const second = secondOf(next, "removal");
      const scales = scalesOf(paper, frame, second);
      state.shown = { frame, scales, places: frame.criteria.map(placesOf), beside: besideOf(frame, second, state.active, scales) };
      drawCurves(paper, state.shown, state.active);
      drawLegend(paper, frame, state.active, press);
    },
    trace(_, next) {
      state.model = next;
      retrace();
    },
    reading: (model) => told(model.removal as RemovalFrame, model, reading(model.removal as RemovalFrame, model.selected, state.active) + besideWords(model, state.active)),
    after: keys.refresh,
    stop() {
      stopPointer();
      keys.stop();
    },
  };
}

function pointerOf(state: State, paper: Paper, actions: ChartActions, retrace: () => void): PointerListener {
  const unitUnder = (place: Place): number | null => {
    const order = orderOf(state);
    return state.shown && order ? unitAt(state.shown.scales, order, place.x) : null;
  };
  return {
    ...brushOf(paper, actions, {
      unitUnder,
      between: (from, to) => (state.shown ? unitsWithin(orderOf(state), ...ends(state.shown.scales, from, to)) : []),
      show(dragged) {
        state.brush = dragged && [dragged[0].x, dragged[1].x];
        retrace();
      },
    }),
    over(place) {
      const [unit, order] = [place && unitUnder(place), orderOf(state)];
      actions.hover(unit);
      if (unit === null || !place || !order) paper.tip(null);
      else paper.tip(unitWords(order, state.shown?.places[state.active][unit] ?? 0), place.x, place.y);
    },
  };
}

function keysOf(state: State, actions: ChartActions): KeyListener {
  return {
    count: () => orderOf(state)?.order.length ?? 0,
    current: () => state.cursor,
    text(place) {
      const order = orderOf(state);
      return order ? unitWords(order, place + 1) : "";
    },
    go(place) {
      state.cursor = place;
      actions.hover(orderOf(state)?.order[place] ?? null);
    },
    choose: (from, to, add) => actions.select(unitsWithin(orderOf(state), from + 1, to + 1), add),
    leave: () => actions.hover(null),
  };
}

function orderOf({ shown, active }: State): RemovalOrder | undefined {
  return shown?.frame.criteria[active];
}

/** Units that go within an interval of removals, the first of them first. */
function unitsWithin(criterion: RemovalOrder | undefined, from: number, to: number): number[] {
  const [first, last] = [Math.max(Math.ceil(Math.min(from, to)), 1), Math.floor(Math.max(from, to))];
  return Array.from(criterion?.order.slice(first - 1, Math.max(last, 0)) ?? []);
}

function messageOf(removal: RemovalFrame | string | null): string | null {
  if (removal === null) return "Computing what removing units costs…";
  if (typeof removal === "string") return removal;
  return removal.criteria.length > 0 ? null : sentence(removal.note ?? "There is no removal order of this layer.");
}

function placesOf({ order }: RemovalOrder): Uint16Array {
  const places = new Uint16Array(order.length);
  order.forEach((unit, place) => (places[unit] = place + 1));
  return places;
}

/** The second run's order by the criterion that is pressed, where it has one that is measured alike. */
function besideOf(frame: RemovalFrame, second: RemovalFrame | null, active: number, scales: Scales): Shown["beside"] {
  const criterion = second?.criteria.find(({ name }) => name === frame.criteria[active]?.name);
  const curve = criterion && curveOf(criterion);
  if (!second || !criterion || !curve || isLoss(second) !== isLoss(frame)) return null;
  return { criterion, places: placesOf(criterion), y: (removed) => scales.cost(curve[Math.min(removed, curve.length - 1)]!) };
}

function scalesOf(paper: Paper, frame: RemovalFrame, second: RemovalFrame | null): Scales {
  const area = areaOf(paper.width, paper.height);
  const x = scaleLinear([0, Math.max(frame.units, second?.units ?? 0, 1)], [area.left, area.right]);
  const curves = frame.criteria.map(curveOf);
  const row = (area.bottom - area.top) / Math.max(curves.length, 1);
  const y = costScale([...curves, ...(second?.criteria.map(curveOf) ?? []), frame.random?.high ?? null], area);
  return {
    area,
    x,
    cost: y,
    removedAt: (pixel) => x.invert(pixel),
    y(index, removed) {
      const curve = curves[index];
      return curve ? y(curve[Math.min(removed, curve.length - 1)]) : area.top + row * (index + 0.5);
    },
  };
}

/** Accuracies or, where there are no classes, losses; null where nothing is measured. */
function curveOf({ accuracy, loss }: RemovalOrder): Float32Array | null {
  return accuracy ?? loss;
}

function costScale(curves: (Float32Array | null)[], area: Area): ReturnType<typeof scaleLinear<number, number>> {
  const highest = Math.max(0, ...curves.map((curve) => (curve ? Math.max(...curve) : 0)));
  return scaleLinear([0, highest > 0 ? highest : 1], [area.bottom, area.top]).nice(4);
}

function drawCurves(paper: Paper, { frame, scales, beside }: Shown, active: number): void {
  const { area, x } = scales;
  const curves = frame.criteria.map(curveOf);
  const measured = curves.some((curve) => curve !== null);
  const text = isLoss(frame) ? plain : (value: number): string => String(Math.round(100 * value));
  const ticks: Tick[] = measured ? ticksOf(scales.cost, roomFor(area), text) : [];
  const across = ticksOf(scaleLinear([0, scales.removedAt(area.right)], [area.left, area.right]), Math.min(frame.units, (area.right - area.left) / 60), (value) => value.toLocaleString("en"));
  drawAxes(paper.base, area, { label: "units removed", ticks: across }, { label: measured ? costLabel(frame) : "order of removal", ticks });
  if (measured) {
    const marks = { area, x, cost: scales.cost };
    drawRandom(paper.base, frame, marks);
    drawAccepted(paper.base, frame, marks);
    drawCanGo(paper.base, frame, frame.criteria[active]!, marks);
  }
  frame.criteria.forEach((criterion, index) => {
    const curve = curves[index];
    const points = Array.from(curve ?? [0, criterion.order.length], (_, place) => (curve ? place : place * criterion.order.length));
    const path = pathOf<number>((removed) => x(removed), (removed) => scales.y(index, removed));
    const weight = index === active ? "chart-strong" : "chart-quiet";
    mark(paper.base, "path", { ...line(strokeOf(criterion.name), weight), "data-criterion": criterion.name, d: path(points) ?? "" });
  });
  if (!beside) return;
  const { criterion, y } = beside;
  const points = Array.from({ length: criterion.order.length + 1 }, (_, removed): Point => [x(removed), y(removed)]);
  drawSecond(paper.base, points, strokeOf(criterion.name), criterion.name);
}

function isLoss({ criteria }: RemovalFrame): boolean {
  return criteria.some(({ accuracy, loss }) => accuracy === null && loss !== null);
}

function costLabel(frame: RemovalFrame): string {
  return isLoss(frame) ? `${frame.split} ${lossName(frame.objective)}` : `${frame.split} accuracy (%)`;
}

function drawLegend(paper: Paper, frame: RemovalFrame, active: number, press: (index: number) => void): void {
  const focused = paper.legend.contains(paper.legend.ownerDocument.activeElement);
  paper.legend.replaceChildren();
  frame.criteria.forEach(({ name }, index) => {
    const button = legendEntry(paper.legend, "button", strokeOf(name), spoken(name));
    button.setAttribute("aria-pressed", String(index === active));
    button.title = `Brush in the order of ${spoken(name)}`;
    button.addEventListener("click", () => press(index));
    if (focused && index === active) button.focus();
  });
  if (frame.random) randomEntry(paper.legend);
}

function trace(paper: Paper, model: ChartModel, { frame, scales, places, beside }: Shown, active: number, brush: [number, number] | null): void {
  if (brush) drawBrush(paper.over, scales.area, ...brush);
  const at = (index: number, unit: number | null): Point | null => {
    const place = unit === null ? 0 : (places[index][unit] ?? 0);
    return place > 0 ? [scales.x(place), scales.y(index, place)] : null;
  };
  frame.criteria.forEach(({ name }, index) => {
    const chosen = model.selected.map((unit) => at(index, unit)).filter((point) => point !== null);
    drawDots(paper.over, chosen, strokeOf(name).colour, chosen.length > MANY ? 4 : index === active ? 8 : 6);
    const hovered = at(index, model.hovered);
    if (hovered) mark(paper.over, "circle", { class: "chart-hover", cx: hovered[0], cy: hovered[1], r: 6 });
  });
  if (!beside) return;
  const others = model.selected.map((unit) => beside.places[unit - frame.units] ?? 0).filter((place) => place > 0);
  drawSquares(paper.over, others.map((place): Point => [scales.x(place), beside.y(place)]), strokeOf(beside.criterion.name).colour, 8);
}

function ends(scales: Scales, from: Place, to: Place): [number, number] {
  return [scales.removedAt(from.x), scales.removedAt(to.x)];
}

function unitAt(scales: Scales, { order }: RemovalOrder, pixel: number): number | null {
  const place = Math.round(scales.removedAt(pixel));
  return place >= 1 && place <= order.length ? order[place - 1] : null;
}

function unitWords(criterion: RemovalOrder, place: number): string {
  const { accuracy, loss } = criterion;
  const cost = accuracy ? `; ${percent(accuracy[place])} accuracy then` : loss ? `; loss ${plain(loss[place])} then` : "";
  return `unit ${criterion.order[place - 1]}: ${ordinal(place)} to go by ${spoken(criterion.name)}${cost}`;
}

function reading(frame: RemovalFrame, selected: readonly number[], active: number): string {
  const criterion = frame.criteria[Math.min(active, frame.criteria.length - 1)];
  const own = selected.filter((unit) => unit < frame.units);
  const chosen = own.length > 0 ? ` ${placesWords(criterion, own)}` : "";
  if (!curveOf(criterion)) return `${sentence(frame.note ?? "Accuracies are not known.")} The lines show the orders alone.${chosen}`;
  const note = frame.note === null ? "" : ` ${sentence(frame.note)}`;
  const answer = frame.answer ? `${sentence(frame.answer)} ` : "";
  return answer + costWords(frame, criterion) + note + chosen;
}

/** How many units the same criterion's curve lets go in the run beside it: an estimate. */
function besideWords(model: ChartModel, active: number): string {
  const [frame, second] = [model.removal as RemovalFrame, secondOf(model, "removal")];
  const criterion = second?.criteria.find(({ name }) => name === frame.criteria[Math.min(active, frame.criteria.length - 1)]?.name);
  const bearable = second && criterion ? bearableOf(second, criterion) : null;
  if (!second || bearable === null) return "";
  return ` ${model.second!.name}: ${bearable.toLocaleString("en")} of ${second.units.toLocaleString("en")}.`;
}

/** How many units a curve lets go, and what it is measured on: an estimate. */
function costWords(frame: RemovalFrame, criterion: RemovalOrder): string {
  const { accuracy, loss, name } = criterion;
  if (isGuessing(frame, criterion)) return `With all units ${percent(accuracy![0]!)} are right, no more than by always naming one class (${percent(frame.guess!)}): there is nothing to lose.`;
  const bearable = bearableOf(frame, criterion) ?? 0;
  const price = accuracy ? "at a cost of 1 point of accuracy at most" : lossWords(frame, loss?.[0] ?? NaN);
  const on = `${frame.examples.toLocaleString("en")} ${frame.split} example${frame.examples === 1 ? "" : "s"}`;
  return `By ${spoken(name)}, ${bearable.toLocaleString("en")} of ${count(frame.units, "unit")} go ${price}, an estimate (${on}).`;
}

function lossWords({ accepted }: RemovalFrame, first: number): string {
  return accepted == null ? `with a loss at most 10 % above ${plain(first)}` : `with a loss of at most ${plain(accepted)}, from ${plain(first)}`;
}

function placesWords(criterion: RemovalOrder, units: number[]): string {
  const places = placesOf(criterion);
  const sorted = units.map((unit) => places[unit]).sort((a, b) => a - b);
  if (sorted.length === 1) return `Unit ${units[0]} goes ${ordinal(sorted[0])}.`;
  return `The ${count(sorted.length, "selected unit")} go ${ordinal(sorted[0])} to ${ordinal(sorted[sorted.length - 1])}.`;
}
