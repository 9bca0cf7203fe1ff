// Small planted numbers for the charts' tests.

import type { ChartActions, ChartModel, GraphFrame, Learning, RemovalFrame, SpectrumFrame, Timeline } from "../src/types";

export const UNITS = 10;

export function timeline(axis: "step" | "level" = "step"): Timeline {
  const moments = Array.from({ length: 5 }, (_, index) => ({ at: axis === "step" ? 100 * index : index, epoch: axis === "step" ? index : null, run: "abc" }));
  return { id: "abc", name: "a run", axis, status: "done", moments, layers: [], withoutData: null, objective: "cross_entropy" };
}

export function frame(changes: Partial<GraphFrame> = {}): GraphFrame {
  return {
    units: UNITS,
    own: UNITS,
    norm: Float32Array.from({ length: UNITS }, (_, unit) => 1 + unit),
    moved: new Float32Array(UNITS).fill(NaN),
    angle: Float32Array.from({ length: UNITS }, (_, unit) => (unit * Math.PI) / 20),
    kept: new Float32Array(UNITS).fill(1),
    source: new Uint16Array(0),
    target: new Uint16Array(0),
    apart: new Uint16Array(0),
    floor: 0,
    nearest: null,
    nearestApart: null,
    neighbours: 0,
    note: null,
    ...changes,
  };
}

export function learning(): Learning {
  return {
    at: Float64Array.of(0, 100, 200, 300, 400),
    columns: {
      train_accuracy: Float64Array.of(0.1, 0.5, 0.8, 0.9, 0.95),
      validation_accuracy: Float64Array.of(0.1, 0.4, 0.7, NaN, 0.9),
      train_loss: Float64Array.of(2.3, 1, 0.5, 0.2, 0.1),
    },
  };
}

export function spectrum(changes: Partial<SpectrumFrame> = {}): SpectrumFrame {
  return {
    eigenvalues: Float32Array.of(20, 8, 1.5, 1.3, 1.1, 1, 0.9, 0.8, 0.7, 0.6),
    densityAt: Float32Array.of(0.5, 1, 1.5, 2),
    density: Float32Array.of(0, 1, 0.6, 0),
    fit: { lower: 0.5, upper: 2, threshold: 2.5, spikes: 2, fits: true },
    leading: 2,
    loadings: Float32Array.of(0.3, 0.3, 0.2, 0.1, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.1, 0.1, 0.8),
    units: UNITS,
    note: null,
    ...changes,
  };
}

export function removal(changes: Partial<RemovalFrame> = {}): RemovalFrame {
  const falling = Float32Array.from({ length: UNITS + 1 }, (_, removed) => 0.9 - 0.08 * Math.max(0, removed - 3));
  return {
    units: UNITS,
    examples: 1000,
    objective: "cross_entropy",
    split: "validation",
    criteria: [
      { name: "magnitude", order: Uint16Array.from({ length: UNITS }, (_, place) => place), accuracy: falling, loss: null },
      { name: "frame_potential", order: Uint16Array.from({ length: UNITS }, (_, place) => UNITS - 1 - place), accuracy: falling.map((value) => value - 0.01), loss: null },
    ],
    note: null,
    ...changes,
  };
}

export function model(changes: Partial<ChartModel> = {}): ChartModel {
  return {
    timeline: timeline(),
    layer: { name: "fc1", kind: "linear", units: UNITS, inputs: 20, chance: 0.3 },
    at: 200,
    frame: frame(),
    learning: learning(),
    spectrum: spectrum(),
    removal: removal(),
    appearance: null,
    selected: [],
    hovered: null,
    dark: false,
    ...changes,
  };
}

/** Actions that write down what was asked for. */
export function recorder(): ChartActions & { log: unknown[][] } {
  const log: unknown[][] = [];
  return {
    log,
    select: (units, add) => void log.push(["select", units, add]),
    hover: (unit) => void log.push(["hover", unit]),
    goTo: (at) => void log.push(["goTo", at]),
  };
}

/** A pointer that goes down at the first place, over the others, and up at the last. */
export function draw(element: Element, places: [number, number][], keys: { shiftKey?: boolean } = {}): void {
  const overlay = element.querySelector(".chart-overlay") as HTMLElement;
  const event = (name: string, [x, y]: [number, number]): void => {
    overlay.dispatchEvent(new PointerEvent(name, { clientX: x, clientY: y, button: 0, pointerId: 1, bubbles: true, ...keys }));
  };
  event("pointerdown", places[0]);
  for (const place of places) event("pointermove", place);
  event("pointerup", places[places.length - 1]);
}

export function press(element: Element, key: string, keys: { shiftKey?: boolean } = {}): void {
  element.querySelector(".chart-overlay")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...keys }));
}
