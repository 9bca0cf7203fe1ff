// Every unit by its norm and by the angle it has turned from its start, coloured as the graph.

import { scaleLinear } from "d3-scale";

import { css } from "../graph/colour";
import { scalesOf } from "../graph/scales";
import type { Chart, ChartActions, ChartModel, GraphFrame } from "../types";
import { areaOf, drawAxes, roomFor, ticksOf, type Area } from "./axes";
import { brushOf } from "./brush";
import { mark } from "./dom";
import { watchKeys, type KeyListener } from "./keys";
import { circles, dots, type Point } from "./points";
import { watchPointer, type Place, type PointerListener } from "./pointer";
import { createChart, type Paper, type Parts } from "./shell";
import { count, degrees, moment, plain } from "./words";

const SIZE = 5; // pixels across a point
const CROWD = 1000; // units: more are drawn smaller
const MANY = 40; // selected units: more are ringed tightly
const REACH = 10; // pixels within which a pointer finds a unit
const NEAR = 0.6; // of the largest norm: with all above it, the axis begins at the half
const UNKNOWN = 22; // pixels left of the axis for units without an angle

interface Shown {
  frame: GraphFrame;
  area: Area;
  /** Places in pixels, [units * 2]; NaN for hidden units. */
  places: Float32Array;
  /** Units shown, the smallest norm first. */
  ranked: number[];
}

/** Norms and movement. A click selects a unit, dragging those within the rectangle. */
export function createMovementChart(actions: ChartActions): Chart {
  return createChart((paper) => movementParts(paper, actions), "movement");
}

/** What the chart remembers between updates. */
interface State {
  /** The place among the units by norm where the keyboard stands. */
  cursor: number;
  brush: [Place, Place] | null;
  shown: Shown | null;
  model: ChartModel | null;
}

function movementParts(paper: Paper, actions: ChartActions): Parts {
  const state: State = { cursor: 0, brush: null, shown: null, model: null };
  const retrace = (): void => {
    paper.over.replaceChildren();
    if (state.shown && state.model) trace(paper, state.shown, state.model, state.brush);
  };
  const stopPointer = watchPointer(paper.overlay, pointerOf(state, paper, actions, retrace));
  const keys = watchKeys(paper.overlay, "Units by norm; Enter selects, Shift extends", keysOf(state, actions));
  return {
    title: "Norms and movement",
    message: ({ frame }) => (frame === null ? "Computing norms and angles…" : null),
    depends: ({ frame, appearance, scales }) => [frame, appearance, scales],
    follows: ({ timeline, at, selected, hovered }) => [timeline, at, selected, hovered],
    draw(_, next) {
      state.shown = drawUnits(paper, next, next.frame as GraphFrame);
      state.cursor = Math.min(state.cursor, Math.max(state.shown.ranked.length - 1, 0));
    },
    trace(_, next) {
      state.model = next;
      retrace();
    },
    reading: (next) => reading(next, next.frame as GraphFrame),
    after: keys.refresh,
    stop() {
      stopPointer();
      keys.stop();
    },
  };
}

function pointerOf(state: State, paper: Paper, actions: ChartActions, retrace: () => void): PointerListener {
  const unitUnder = (place: Place): number | null => (state.shown ? nearest(state.shown, place) : null);
  return {
    ...brushOf(paper, actions, {
      unitUnder,
      between: (from, to) => (state.shown ? within(state.shown, from, to) : []),
      show(dragged) {
        state.brush = dragged;
        retrace();
      },
    }),
    over(place) {
      const unit = place && unitUnder(place);
      actions.hover(unit);
      if (unit === null || !place || !state.shown) paper.tip(null);
      else paper.tip(unitWords(state.shown.frame, unit), place.x, place.y);
    },
  };
}

function keysOf(state: State, actions: ChartActions): KeyListener {
  const ranked = (): number[] => state.shown?.ranked ?? [];
  return {
    count: () => ranked().length,
    current: () => state.cursor,
    text: (place) => (state.shown ? unitWords(state.shown.frame, ranked()[place]) : ""),
    go(place) {
      state.cursor = place;
      actions.hover(ranked()[place] ?? null);
    },
    choose: (from, to, add) => actions.select(ranked().slice(Math.min(from, to), Math.max(from, to) + 1), add),
    leave: () => actions.hover(null),
  };
}

function drawUnits(paper: Paper, model: ChartModel, frame: GraphFrame): Shown {
  const whole = areaOf(paper.width, paper.height);
  const strangers = frame.angle.some(Number.isNaN);
  const area = strangers ? { ...whole, left: whole.left + UNKNOWN } : whole;
  // One pair of axes for all moments, or nothing would be seen to grow.
  const { norm, angle } = model.scales ?? scalesOf(frame);
  const turned = ((angle?.high ?? 0) * 180) / Math.PI;
  const x = scaleLinear([0, Math.max(30, Math.ceil(turned / 30) * 30)], [area.left, area.right]).clamp(true);
  const [least, most] = [norm?.low ?? 0, norm?.high ?? 0];
  const y = scaleLinear([least > NEAR * most ? most / 2 : 0, most > 0 ? most : 1], [area.bottom, area.top]).nice(4).clamp(true);
  const across = { label: "angle moved from the start (degrees)", ticks: degreeTicks(x.domain()[1]).map((value) => ({ place: x(value), text: String(value) })) };
  if (strangers) across.ticks.unshift({ place: whole.left + 6, text: "?" });
  drawAxes(paper.base, { ...area, left: whole.left }, across, { label: "norm of the weight vector", ticks: ticksOf(y, roomFor(area), plain) });
  const places = new Float32Array(2 * frame.units).fill(NaN);
  for (let unit = 0; unit < frame.units; unit += 1) {
    if (isHidden(model, frame, unit)) continue;
    const angle = frame.angle[unit];
    places[2 * unit] = Number.isNaN(angle) ? whole.left + 6 : x((180 * angle) / Math.PI);
    places[2 * unit + 1] = y(frame.norm[unit]);
  }
  drawPoints(paper, model, frame, places);
  const ranked = Array.from(frame.norm, (_, unit) => unit).filter((unit) => !Number.isNaN(places[2 * unit]));
  return { frame, area: whole, places, ranked: ranked.sort((a, b) => frame.norm[a] - frame.norm[b] || a - b) };
}

function degreeTicks(last: number): number[] {
  const step = last <= 30 ? 10 : last <= 60 ? 15 : 30;
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, place) => step * place);
}

function isHidden(model: ChartModel, frame: GraphFrame, unit: number): boolean {
  const { appearance } = model;
  return appearance !== null && appearance.radius.length === frame.units && appearance.radius[unit] === 0;
}

/** Points of one look are one path. */
function drawPoints(paper: Paper, model: ChartModel, frame: GraphFrame, places: Float32Array): void {
  const look = model.appearance?.colour.length === frame.units ? model.appearance : null;
  const groups = new Map<string, Point[]>();
  for (let unit = 0; unit < frame.units; unit += 1) {
    if (Number.isNaN(places[2 * unit])) continue;
    const [colour, cap] = look ? [css(look.colour[unit]), look.shape[unit] === 1 ? "square" : "round"] : ["", "round"];
    const opacity = look ? Math.round(10 * Math.max(look.opacity[unit], 0.15)) / 10 : 1;
    const key = `${colour}|${cap}|${opacity}`;
    const group = groups.get(key) ?? [];
    group.push([places[2 * unit], places[2 * unit + 1]]);
    groups.set(key, group);
  }
  const size = frame.units > CROWD ? 0.6 * SIZE : SIZE;
  for (const [key, group] of groups) {
    const [colour, cap, opacity] = key.split("|");
    const width = cap === "square" ? 0.9 * size : size;
    const painted = { stroke: colour || "currentColor", "stroke-linecap": cap, "stroke-width": width, "stroke-opacity": 0.85 * Number(opacity) };
    mark(paper.base, "path", { class: "chart-points", "data-units": group.length, d: dots(group), fill: "none", ...painted });
  }
}

function trace(paper: Paper, shown: Shown, model: ChartModel, brush: [Place, Place] | null): void {
  const at = (unit: number): Point => [shown.places[2 * unit], shown.places[2 * unit + 1]];
  const here = (unit: number | null): unit is number => unit !== null && shown.places[2 * unit] > 0;
  const chosen = model.selected.filter(here).map(at);
  if (chosen.length > 0) mark(paper.over, "path", { class: "chart-chosen", d: circles(chosen, chosen.length > MANY ? 3 : 4.5) });
  if (here(model.hovered)) mark(paper.over, "path", { class: "chart-hover", d: circles([at(model.hovered)], 6) });
  if (!brush) return;
  const [from, to] = brush;
  const size = { width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y) };
  mark(paper.over, "rect", { class: "chart-brush", x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), ...size });
}

function nearest({ places }: Shown, at: Place): number | null {
  let [best, least]: [number | null, number] = [null, REACH];
  for (let unit = 0; unit < places.length / 2; unit += 1) {
    const distance = Math.hypot(places[2 * unit] - at.x, places[2 * unit + 1] - at.y);
    if (distance <= least) [best, least] = [unit, distance];
  }
  return best;
}

function within({ places }: Shown, from: Place, to: Place): number[] {
  const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
  const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
  const units: number[] = [];
  for (let unit = 0; unit < places.length / 2; unit += 1) {
    const [x, y] = [places[2 * unit], places[2 * unit + 1]];
    if (x >= left && x <= right && y >= top && y <= bottom) units.push(unit);
  }
  return units;
}

function unitName(frame: GraphFrame, unit: number): string {
  return unit < frame.own ? `unit ${unit}` : `unit ${unit - frame.own} of the second run`;
}

function unitWords(frame: GraphFrame, unit: number): string {
  const angle = frame.angle[unit];
  const moved = Number.isNaN(angle) ? "angle unknown" : `moved ${degrees(angle)}`;
  return `${unitName(frame, unit)}: norm ${plain(frame.norm[unit])}, ${moved}`;
}

function reading(model: ChartModel, frame: GraphFrame): string {
  const known = frame.angle.filter((angle) => !Number.isNaN(angle)).sort();
  if (known.length === 0) return "No first snapshot of these units is stored, so how far they turned is unknown; only their norms are shown.";
  const furthest = known[known.length - 1];
  if (furthest < 1e-6) return `At ${moment(model)} no unit has moved yet.`;
  const unit = frame.angle.indexOf(furthest);
  const middle = known[Math.floor((known.length - 1) / 2)];
  const strangers = frame.units - known.length;
  const unknown = strangers > 0 ? ` The angle of ${count(strangers, "unit")} is unknown (at “?”).` : "";
  return `Half of the units have turned by ${degrees(middle)} or less at ${moment(model)}, ${unitName(frame, unit)} by ${degrees(furthest)}.${unknown}`;
}
