// The layer's eigenvalues on a logarithmic axis, the noise fitted to them, and the spikes above it.

import { max } from "d3-array";
import { scaleLinear, scaleLog } from "d3-scale";
import { line as pathOf } from "d3-shape";

import type { Chart, ChartActions, ChartModel, SpectrumFrame } from "../types";
import { areaOf, drawAxes, drawBrush, roomFor, ticksOf, type Area } from "./axes";
import { binsOf, carriersOf, noiseCount, sharesOf, spikesOf } from "./eigenvalues";
import { mark } from "./dom";
import { watchKeys, type KeyListener } from "./keys";
import { secondOf } from "./second";
import { watchPointer, type Place, type PointerListener } from "./pointer";
import { createChart, type Paper, type Parts } from "./shell";
import { count, ordinal, percent, plain, sentence, told } from "./words";

const STRIP = 26; // pixels beneath the histogram, for the spikes
const REACH = 12; // pixels within which a pointer finds a spike

interface Shown {
  frame: SpectrumFrame;
  area: Area;
  x: (eigenvalue: number) => number;
  spikes: number[];
}

/** The spectrum. A click on a spike selects the units that carry half of its squared loading. */
export function createSpectrumChart(actions: ChartActions): Chart {
  return createChart((paper) => spectrumParts(paper, actions), "spectrum");
}

/** What the chart remembers between updates. */
interface State {
  /** The spike where the keyboard stands. */
  cursor: number;
  brush: [number, number] | null;
  shown: Shown | null;
  selected: readonly number[];
}

function spectrumParts(paper: Paper, actions: ChartActions): Parts {
  const state: State = { cursor: 0, brush: null, shown: null, selected: [] };
  const retrace = (): void => {
    paper.over.replaceChildren();
    if (!state.shown) return;
    traceShares(paper, state.shown, state.selected);
    if (state.brush) drawBrush(paper.over, state.shown.area, ...state.brush);
  };
  const stopPointer = watchPointer(paper.overlay, pointerOf(state, paper, actions, retrace));
  const label = "Spikes of the spectrum; Enter selects the units that carry one";
  const keys = watchKeys(paper.overlay, label, keysOf(state, paper, actions));
  return {
    title: "Eigenvalues of W Wᵀ",
    message: ({ spectrum }) => messageOf(spectrum),
    depends: (model) => [model.spectrum, secondOf(model, "spectrum")],
    follows: ({ selected, second, at }) => [selected, second?.name, at],
    draw(_, model) {
      state.shown = drawSpectrum(paper, model.spectrum as SpectrumFrame, secondOf(model, "spectrum"));
      state.cursor = 0;
    },
    trace(_, model) {
      state.selected = model.selected;
      retrace();
    },
    reading: (model) => told(model.spectrum as SpectrumFrame, model, reading(model.spectrum as SpectrumFrame, model.selected) + besideWords(model)),
    after: keys.refresh,
    stop() {
      stopPointer();
      keys.stop();
    },
  };
}

function pointerOf(state: State, paper: Paper, actions: ChartActions, retrace: () => void): PointerListener {
  const spikeUnder = (place: Place | null): number | null => (place && state.shown ? spikeAt(state.shown, place) : null);
  return {
    over(place) {
      const spike = spikeUnder(place);
      if (spike === null || !place || !state.shown) paper.tip(null);
      else paper.tip(spikeWords(state.shown, spike, state.selected), place.x, place.y);
    },
    click(place, add) {
      const spike = spikeUnder(place);
      if (spike === null) actions.select([], add);
      else choose(state, actions, spike, add);
    },
    drag(from, to) {
      state.brush = [from.x, to.x];
      retrace();
    },
    drop(from, to, add) {
      state.brush = null;
      retrace();
      if (from && state.shown) actions.select(carriersWithin(state.shown, from.x, to.x), add);
    },
  };
}

function keysOf(state: State, paper: Paper, actions: ChartActions): KeyListener {
  const words = (spike: number): string => (state.shown ? spikeWords(state.shown, spike, state.selected) : "");
  return {
    count: () => state.shown?.spikes.length ?? 0,
    current: () => state.cursor,
    text: words,
    go(spike) {
      state.cursor = spike;
      if (state.shown) paper.tip(words(spike), state.shown.x(state.shown.spikes[spike]), state.shown.area.top);
    },
    choose: (_, spike, add) => choose(state, actions, spike, add),
    leave: () => paper.tip(null),
  };
}

/** Selects the units that carry half of a spike, where its eigenvector is known. */
function choose({ shown }: State, actions: ChartActions, spike: number, add: boolean): void {
  if (shown && spike < shown.frame.leading) actions.select(carriersOf(shown.frame, spike), add);
}

function messageOf(spectrum: SpectrumFrame | string | null): string | null {
  if (spectrum === null) return "Computing the eigenvalues…";
  if (typeof spectrum === "string") return spectrum;
  const positive = spectrum.eigenvalues.some((value) => value > 0);
  return positive ? null : sentence(spectrum.note ?? "All eigenvalues are zero: the layer has no weights left.");
}

function drawSpectrum(paper: Paper, frame: SpectrumFrame, second: SpectrumFrame | null): Shown {
  const area = areaOf(paper.width, paper.height, STRIP);
  const { edges, counts, others } = binsOf(frame, second);
  const x = scaleLog([edges[0], edges[edges.length - 1]], [area.left, area.right]).clamp(true);
  const y = scaleLinear([0, Math.max(1, max([...counts, ...others]) ?? 1)], [area.bottom, area.top]).nice(4);
  const decades = Math.log10(edges[edges.length - 1] / edges[0]);
  const round = x.ticks().filter((value) => isRound(value, decades));
  const ticks = round.map((value) => ({ place: x(value), text: plain(value) }));
  const whole = ticksOf(y, roomFor(area), String).filter(({ text }) => !text.includes("."));
  const labels = { label: "eigenvalue (logarithmic)", ticks };
  drawAxes(paper.base, area, labels, { label: "eigenvalues", ticks: whole }, area.bottom + STRIP);
  counts.forEach((number, bin) => {
    if (number === 0) return;
    const [left, right] = [x(edges[bin]), x(edges[bin + 1])];
    const size = { x: left, y: y(number), width: Math.max(right - left - 0.5, 0.5), height: area.bottom - y(number) };
    mark(paper.base, "rect", { class: "chart-bar", "data-count": number, ...size });
  });
  if (second) drawOutline(paper, edges.map(x), others.map(y), area.bottom);
  mark(paper.base, "line", { class: "chart-axis", x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom });
  const spikes = spikesOf(frame);
  if (frame.fit) drawNoise(paper, frame, area, x, (value) => y(Math.min(value, y.domain()[1])), Math.log(edges[1] / edges[0]));
  return { frame, area, x, spikes };
}

/** The second run's histogram as an outline over the first one's bars. */
function drawOutline(paper: Paper, edges: number[], tops: number[], bottom: number): void {
  const steps = tops.map((top, bin) => `V${top.toFixed(1)}H${edges[bin + 1]!.toFixed(1)}`).join("");
  mark(paper.base, "path", { class: "chart-outline", "data-second": "spectrum", d: `M${edges[0]!.toFixed(1)} ${bottom}${steps}V${bottom}` });
}

/** How many eigenvalues of the run beside it stand out. */
function besideWords(model: ChartModel): string {
  const second = secondOf(model, "spectrum");
  if (!second?.fit) return "";
  return ` ${model.second!.name}, outlined: ${second.fit.spikes} of ${second.eigenvalues.length.toLocaleString("en")}.`;
}

function isRound(value: number, decades: number): boolean {
  const digit = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  return (decades > 4 ? [1] : decades > 2 ? [1, 3] : [1, 2, 5]).includes(digit);
}

/** The count that pure noise would leave in each bin, its edges, and what a spike must pass. */
function drawNoise(paper: Paper, frame: SpectrumFrame, area: Area, x: (value: number) => number, y: (value: number) => number, width: number): void {
  const fit = frame.fit as NonNullable<SpectrumFrame["fit"]>;
  const bulk = noiseCount(frame);
  const points = Array.from(frame.densityAt, (at, row) => [at, bulk * frame.density[row] * at * width] as const);
  const path = pathOf<readonly [number, number]>(([at]) => x(at), ([, number]) => y(number));
  mark(paper.base, "path", { class: "chart-noise", d: path(points.filter(([at]) => at > 0)) ?? "" });
  const upright = { y1: area.top - 3, y2: area.bottom };
  mark(paper.base, "line", { class: "chart-edge", x1: x(fit.upper), x2: x(fit.upper), ...upright });
  mark(paper.base, "line", { class: "chart-threshold", x1: x(fit.threshold), x2: x(fit.threshold), ...upright });
  const room = x(fit.threshold) < area.right - 75;
  const above = { class: "chart-words", y: area.top - 6 };
  if (room && x(fit.upper) > area.left + 90) mark(paper.base, "text", { ...above, x: x(fit.upper) - 3, "text-anchor": "end" }, "noise ends");
  mark(paper.base, "text", { ...above, x: x(fit.threshold) + (room ? 3 : 4), "text-anchor": room ? "start" : "end" }, room ? "spikes begin" : "noise ends, spikes begin");
}

/** Each spike as a stem beneath; with a selection, how much of it lies there. */
function traceShares(paper: Paper, { frame, area, x, spikes }: Shown, selected: readonly number[]): void {
  const floor = area.bottom + STRIP;
  const shares = sharesOf(frame, selected);
  spikes.forEach((eigenvalue, spike) => {
    const place = x(eigenvalue);
    mark(paper.over, "line", { class: "chart-spike", x1: place, x2: place, y1: floor - 1, y2: area.bottom + 4, "data-spike": spike });
    const share = shares[spike];
    if (share === undefined) return;
    const height = share * (STRIP - 5);
    mark(paper.over, "line", { class: "chart-share", x1: place, x2: place, y1: floor - 1, y2: floor - 1 - height, "data-share": share.toFixed(4) });
  });
}

function spikeAt({ x, spikes }: Shown, place: Place): number | null {
  let best: number | null = null;
  spikes.forEach((eigenvalue, spike) => {
    const distance = Math.abs(x(eigenvalue) - place.x);
    if (distance <= REACH && (best === null || distance < Math.abs(x(spikes[best]) - place.x))) best = spike;
  });
  return best;
}

/** The units that carry the spikes between two pixels. */
function carriersWithin({ frame, x, spikes }: Shown, from: number, to: number): number[] {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const within = spikes.map((_, spike) => spike).filter((spike) => x(spikes[spike]) >= low && x(spikes[spike]) <= high);
  return [...new Set(within.filter((spike) => spike < frame.leading).flatMap((spike) => carriersOf(frame, spike)))];
}

function spikeWords({ frame, spikes }: Shown, spike: number, selected: readonly number[]): string {
  const name = `${ordinal(spike + 1)} spike, ${plain(spikes[spike])}`;
  if (spike >= frame.leading) return `${name}: its eigenvector was not kept`;
  const share = sharesOf(frame, selected)[spike];
  const carriers = `half of it on ${count(carriersOf(frame, spike).length, "unit")}`;
  return share === undefined ? `${name}: ${carriers}` : `${name}: ${percent(share, 0)} on the selection, ${carriers}`;
}

function reading(frame: SpectrumFrame, selected: readonly number[]): string {
  const { fit, note } = frame;
  const number = frame.eigenvalues.length;
  const verb = fit?.spikes === 1 ? "stands" : "stand";
  const first = fit
    ? `${fit.spikes} of ${count(number, "eigenvalue")} ${verb} above the noise${fit.fits ? ": directions in which the weights vary more than independent random ones do" : "; the noise drawn fits badly here, so that their number is not to be relied on"}.`
    : `${count(number, "eigenvalue")}. ${sentence(note ?? "No noise could be fitted to them.")}`;
  const share = sharesOf(frame, selected)[0];
  if (share === undefined) return first;
  const own = selected.filter((unit) => unit < frame.units);
  const who = own.length === 1 ? `Unit ${own[0]} carries` : `The ${count(own.length, "selected unit")} carry`;
  return `${first} ${who} ${percent(share, 0)} of the largest eigenvalue’s direction.`;
}
