// What all charts share: title, tools, legend, plot, reading, waiting, and redrawing only what changed.

import type { Chart, ChartModel } from "../types";
import { mark, part } from "./dom";

// Until the page says how large the plot is.
export const HEIGHT = 172;
const WIDTH = 360;

/** The paper a chart draws on. `base` holds the data, `over` what moves over them. */
export interface Paper {
  readonly element: HTMLElement;
  readonly tools: HTMLElement;
  readonly legend: HTMLElement;
  readonly overlay: HTMLElement;
  readonly base: SVGGElement;
  readonly over: SVGGElement;
  readonly width: number;
  readonly height: number;
  /** A few words beside this place, or none. */
  tip(text: string | null, x?: number, y?: number): void;
  /** Draws again, as after a toggle of the chart itself. */
  redraw(): void;
}

/** What makes one chart. */
export interface Parts {
  title: string;
  /** What the base depends on: it is drawn again where one of these differs. */
  depends(model: ChartModel): readonly unknown[];
  /** What else `trace` and `reading` depend on. */
  follows(model: ChartModel): readonly unknown[];
  /** Why there is no picture, or null. */
  message(model: ChartModel): string | null;
  /** Whether there is a picture of no numbers, now and later. */
  bare?(model: ChartModel): boolean;
  draw(paper: Paper, model: ChartModel): void;
  /** Draws what moves: the current moment, the selection, the unit under the pointer. */
  trace(paper: Paper, model: ChartModel): void;
  reading(model: ChartModel): string;
  /** After each update. */
  after?(): void;
  stop?(): void;
}

/** A chart from its parts; `begin` gets the paper before the first picture. */
export function createChart(begin: (paper: Paper) => Parts, name: string): Chart {
  const sheet = createSheet(name);
  let model: ChartModel | null = null;
  let drawn: readonly unknown[] = [];
  let traced: readonly unknown[] = [];
  const paper: Paper = Object.assign(sheet.paper, {
    redraw: () => {
      [drawn, traced] = [[], []];
      if (model) show(model);
    },
  });
  let lacking = false;
  const parts = begin(paper);
  sheet.title.textContent = parts.title;
  const show = (next: ChartModel): void => {
    const message = parts.message(next);
    // What is on its way says so.
    lacking = message === null ? (parts.bare?.(next) ?? false) : !message.endsWith("…");
    const needs = message === null ? [paper.width, paper.height, ...parts.depends(next)] : [message];
    const follows = [...needs, next.dark, ...parts.follows(next)];
    if (same(follows, traced)) return;
    traced = follows;
    sheet.say(message, message ?? parts.reading(next), parts.title);
    sheet.paper.element.classList.toggle("chart-dark", next.dark);
    sheet.paper.element.classList.toggle("chart-waiting", message?.endsWith("…") ?? false);
    if (message === null) {
      if (!same(needs, drawn)) {
        paper.base.replaceChildren();
        parts.draw(paper, next);
      }
      paper.over.replaceChildren();
      parts.trace(paper, next);
    }
    drawn = needs;
    parts.after?.();
  };
  const unwatch = sheet.watch(() => model && show(model));
  return {
    element: paper.element,
    update(next) {
      model = next;
      show(next);
    },
    lacks: () => lacking,
    destroy() {
      unwatch();
      parts.stop?.();
      paper.element.remove();
    },
  };
}

function same(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => Object.is(value, right[index]));
}

function createSheet(name: string): {
  paper: Omit<Paper, "redraw">;
  title: HTMLElement;
  say(message: string | null, reading: string, title: string): void;
  watch(resized: () => void): () => void;
} {
  const element = document.createElement("section");
  element.className = `chart chart-${name}`;
  element.setAttribute("role", "group");
  const head = part(element, "div", { class: "chart-head" });
  const title = part(head, "h3", { class: "chart-title" });
  const tools = part(head, "div", { class: "chart-tools" });
  const legend = part(element, "div", { class: "chart-legend" });
  const plot = part(element, "div", { class: "chart-plot" });
  const svg = mark(plot, "svg", { width: WIDTH, height: HEIGHT, "aria-hidden": "true", focusable: "false" });
  const overlay = part(plot, "div", { class: "chart-overlay" });
  const tip = part(plot, "div", { class: "chart-tip", hidden: "" });
  const note = part(element, "p", { class: "chart-message", hidden: "" });
  const words = part(element, "p", { class: "chart-reading" });
  const paper = {
    element,
    tools,
    legend,
    overlay,
    base: mark(svg, "g"),
    over: mark(svg, "g"),
    width: WIDTH,
    height: HEIGHT,
    tip: (text: string | null, x = 0, y = 0) => place(tip, text, x, y, paper.width),
  };
  const say = (message: string | null, reading: string, heading: string): void => {
    for (const shown of [plot, legend, tools, words]) shown.hidden = message !== null;
    note.hidden = message === null;
    note.textContent = message ?? "";
    words.textContent = reading;
    element.setAttribute("aria-label", `${heading}: ${reading}`);
  };
  const watch = (resized: () => void): (() => void) => {
    if (typeof ResizeObserver === "undefined") return () => {};
    const observer = new ResizeObserver(() => {
      const [width, height] = [Math.round(plot.clientWidth), Math.round(plot.clientHeight) || HEIGHT];
      if (width === 0 || (width === paper.width && height === paper.height)) return;
      Object.assign(paper, { width, height });
      svg.setAttribute("width", String(width));
      svg.setAttribute("height", String(height));
      resized();
    });
    observer.observe(plot);
    return () => observer.disconnect();
  };
  return { paper, title, say, watch };
}

function place(tip: HTMLElement, text: string | null, x: number, y: number, width: number): void {
  tip.hidden = text === null;
  if (text === null) return;
  tip.textContent = text;
  const right = x > width / 2;
  tip.classList.toggle("chart-tip-left", right);
  tip.style.setProperty("left", right ? "auto" : `${x + 10}px`);
  tip.style.setProperty("right", right ? `${width - x + 10}px` : "auto");
  tip.style.setProperty("top", `${Math.max(y - 26, 0)}px`);
}
