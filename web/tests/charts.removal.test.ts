// @vitest-environment happy-dom
// Removal curves: the selection at its places, brushing by the pressed criterion, orders without accuracies.

import { expect, it } from "vitest";

import { createRemovalChart } from "../src/charts/removal";
import type { ChartModel, RemovalFrame } from "../src/types";
import { draw, model, press, recorder, removal, UNITS } from "./charts.fixtures";

function made(changes: Partial<ChartModel> = {}) {
  const actions = recorder();
  const chart = createRemovalChart(actions);
  chart.update(model(changes));
  return { actions, chart, element: chart.element };
}

const place = (removed: number): number => 46 + (302 * removed) / UNITS;
const reading = (element: Element): string => element.querySelector(".chart-reading")?.textContent ?? "";

it("draws a line of all removals for each criterion", () => {
  const lines = [...made().element.querySelectorAll("[data-criterion]")];
  expect(lines.map((line) => line.getAttribute("data-criterion"))).toEqual(["magnitude", "frame_potential"]);
  for (const line of lines) expect(line.getAttribute("d")?.match(/[ML]/g)).toHaveLength(UNITS + 1);
});

it("marks each selected unit at its own place in each order", () => {
  const { element } = made({ selected: [0, 3, 99] });
  const places = (colour: string): number[] => {
    const d = element.querySelector(`.chart-point.${colour}`)?.getAttribute("d") ?? "";
    return [...d.matchAll(/M([-\d.]+) /g)].map(([, x]) => Number(x));
  };
  const [magnitude, potential] = [places("series-blue"), places("series-vermillion")];
  expect(magnitude.map((x) => Math.round(x))).toEqual([place(1), place(4)].map(Math.round));
  expect(potential.map((x) => Math.round(x))).toEqual([place(10), place(7)].map(Math.round));
});

it("says how many can go, and when the selection does", () => {
  expect(reading(made().element)).toBe("By magnitude, 3 of 10 units go at a cost of 1 point of accuracy at most, an estimate (1,000 validation examples).");
  const answer = "at least 2 of 10 units of fc1 can go for at most a point of accuracy; more than 4 cannot in this order";
  expect(reading(made({ removal: { ...removal(), answer } }).element)).toMatch(/^At least 2 of 10 units of fc1 can go .* cannot in this order\. By magnitude, 3/);
  expect(reading(made({ selected: [4] }).element)).toContain("Unit 4 goes 5th.");
  expect(reading(made({ selected: [8, 2] }).element)).toContain("The 2 selected units go 3rd to 9th.");
});

it("draws random orders as a band, and says so in the legend", () => {
  const flat = (value: number): Float32Array => new Float32Array(UNITS + 1).fill(value);
  const { element } = made({ removal: { ...removal(), random: { low: flat(0.4), high: flat(0.6) } } });
  const band = element.querySelector("path.chart-band")!.getAttribute("d")!;
  expect(band.match(/[ML]/g)).toHaveLength(2 * (UNITS + 1));
  expect(element.querySelector(".chart-legend span.chart-entry")?.textContent).toBe("random");
  expect(made().element.querySelector(".chart-band")).toBeNull();
});

it("draws the accepted loss as Python says it, and counts by it", () => {
  const line = (element: Element): number => Number(element.querySelector(".chart-accepted")!.getAttribute("y1"));
  const usual = made().element;
  const strict = made({ removal: { ...removal(), accepted: 0.5 } }).element;
  expect(line(strict)).toBeGreaterThan(line(usual));
  const falls = removal().criteria[0]!.accuracy!.findIndex((value) => value < 0.5 - 1e-6);
  expect(reading(strict)).toContain(`By magnitude, ${falls < 0 ? UNITS : falls - 1} of 10 units go`);
});

it("marks how many can go: the bounds, or an estimate by the pressed criterion", () => {
  const words = (element: Element): string => element.querySelector(".chart-can-go text")!.textContent!;
  const bounds = (element: Element): number[] => [...element.querySelectorAll(".chart-bound")].map((bound) => Math.round(Number(bound.getAttribute("x1"))));
  const canGo = { criterion: "magnitude", least: 2, most: 4, confidence: 0.95 };
  const shown = (change: Partial<typeof canGo>): Element => made({ removal: { ...removal(), canGo: { ...canGo, ...change } } }).element;
  expect(bounds(shown({}))).toEqual([place(2), place(4)].map(Math.round));
  expect(words(shown({}))).toBe("can go (test): 2 to 4");
  expect(words(shown({ least: 0 }))).toBe("can go (test): none for sure, at most 4");
  expect(words(shown({ most: UNITS }))).toBe("can go (test): 2 or more");
  expect(words(shown({ least: 0, most: UNITS }))).toBe("can go (test): not known");
  expect(words(shown({ least: 4 }))).toBe("can go (test): 4");
  expect(words(shown({ least: 0, most: 0 }))).toBe("can go (test): none");
  const { element } = made();
  expect(words(element)).toBe("estimate: 3");
  expect(bounds(element)).toEqual([Math.round(place(3))]);
});

it("marks nothing where nothing is measured", () => {
  const bare = removal().criteria.map((criterion) => ({ ...criterion, accuracy: null }));
  const { element } = made({ removal: { ...removal(), examples: 0, criteria: bare } });
  expect(element.querySelector(".chart-can-go, .chart-accepted, .chart-band")).toBeNull();
});

it("has nothing to show where nothing is measured at any moment", () => {
  expect(made().chart.lacks()).toBe(false);
  expect(made({ removal: { ...removal(), bare: true } }).chart.lacks()).toBe(true);
  expect(made({ removal: { ...removal(), bare: false, examples: 0 } }).chart.lacks()).toBe(false);
});

it("selects the units removed within an interval, in the order of the pressed criterion", () => {
  const { actions, element } = made();
  draw(element, [[place(1.5), 50], [place(4.4), 60]]);
  expect(actions.log.at(-1)).toEqual(["select", [1, 2, 3], false]);
  (element.querySelectorAll(".chart-legend button")[1] as HTMLButtonElement).click();
  draw(element, [[place(4.4), 50], [place(1.5), 60]], { shiftKey: true });
  expect(actions.log.at(-1)).toEqual(["select", [8, 7, 6], true]);
  draw(element, [[place(0.2), 50], [place(0.8), 60]]);
  expect(actions.log.at(-1)).toEqual(["select", [], false]);
  draw(element, [[-400, 50], [4000, 60]]);
  expect(actions.log.at(-1)?.[1]).toHaveLength(UNITS);
});

it("shows the interval while it is drawn and not after", () => {
  const { element } = made();
  const overlay = element.querySelector(".chart-overlay") as HTMLElement;
  const event = (name: string, x: number): void =>
    void overlay.dispatchEvent(new PointerEvent(name, { clientX: x, clientY: 50, button: 0, pointerId: 1 }));
  event("pointerdown", place(2));
  event("pointermove", place(5));
  const brush = element.querySelector(".chart-brush");
  expect(Number(brush?.getAttribute("width"))).toBeCloseTo(place(5) - place(2));
  expect(element.querySelector(".chart-tip")?.textContent).toBe("4 units");
  event("pointercancel", place(5));
  expect(element.querySelector(".chart-brush")).toBeNull();
});

it("keeps a picture that is updated while one draws", () => {
  const { chart, element } = made();
  chart.update(model({ hovered: 2 }));
  expect(element.querySelectorAll(".chart-hover")).toHaveLength(2);
  expect(element.querySelectorAll("[data-criterion]")).toHaveLength(2);
});

it("names the unit under the pointer with what is left then", () => {
  const { actions, element } = made();
  const overlay = element.querySelector(".chart-overlay") as HTMLElement;
  overlay.dispatchEvent(new PointerEvent("pointermove", { clientX: place(5.1), clientY: 50 }));
  expect(actions.log).toEqual([["hover", 4]]);
  expect(element.querySelector(".chart-tip")?.textContent).toBe("unit 4: 5th to go by magnitude; 74.0 % accuracy then");
  overlay.dispatchEvent(new PointerEvent("pointerleave", {}));
  expect(actions.log.at(-1)).toEqual(["hover", null]);
  expect((element.querySelector(".chart-tip") as HTMLElement).hidden).toBe(true);
});

it("selects one unit by a click, and none beside the curve", () => {
  const { actions, element } = made();
  draw(element, [[place(7), 50]]);
  expect(actions.log.at(-1)).toEqual(["select", [6], false]);
  draw(element, [[10, 50]]);
  expect(actions.log.at(-1)).toEqual(["select", [], false]);
});

it("walks the order by keys and selects what Shift has passed", () => {
  const { actions, element } = made();
  press(element, "ArrowRight");
  expect(actions.log.at(-1)).toEqual(["hover", 1]);
  press(element, "Enter");
  expect(actions.log.at(-1)).toEqual(["select", [1], false]);
  press(element, "ArrowRight", { shiftKey: true });
  press(element, "ArrowRight", { shiftKey: true });
  press(element, "Enter", { shiftKey: true });
  expect(actions.log.at(-1)).toEqual(["select", [1, 2, 3], false]);
  expect(element.querySelector(".chart-overlay")?.getAttribute("aria-valuetext")).toContain("unit 3: 4th to go by magnitude");
  element.querySelector(".chart-overlay")?.dispatchEvent(new FocusEvent("blur"));
  expect(actions.log.at(-1)).toEqual(["hover", null]);
});

it("says of which moment it is where it is another one", () => {
  const { element } = made({ removal: removal({ instead: "this chart is of epoch 5, the nearest that the page holds" }) });
  expect(reading(element)).toMatch(/^This chart is of epoch 5, the nearest that the page holds\. By magnitude, /);
});

it("without accuracies says why and shows the orders", () => {
  const frame = removal({ examples: 0, note: "the data are not here" });
  const bare = { ...frame, criteria: frame.criteria.map((criterion) => ({ ...criterion, accuracy: null })) };
  const { actions, element } = made({ removal: bare, selected: [2] });
  expect(reading(element)).toBe("The data are not here. The lines show the orders alone. Unit 2 goes 3rd.");
  expect(element.querySelectorAll(".chart-point")).toHaveLength(2);
  draw(element, [[place(1), 50], [place(2), 60]]);
  expect(actions.log.at(-1)).toEqual(["select", [0, 1], false]);
});

function regression(changes: Partial<RemovalFrame> = {}): RemovalFrame {
  const frame = removal({ objective: "squared_error", ...changes });
  const rising = Float32Array.from({ length: UNITS + 1 }, (_, removed) => 0.02 * 1.05 ** removed);
  return { ...frame, criteria: frame.criteria.map((criterion) => ({ ...criterion, accuracy: null, loss: rising })) };
}

it("shows losses where there are no classes, and says how many units can go", () => {
  const { element } = made({ removal: regression() });
  const labels = [...element.querySelectorAll(".chart-label")].map((label) => label.textContent);
  expect(labels).toContain("validation squared error");
  const line = element.querySelector("[data-criterion]")?.getAttribute("d") ?? "";
  const heights = [...line.matchAll(/[ML][-\d.]+,([-\d.]+)/g)].map(([, y]) => Number(y));
  expect(heights).toHaveLength(UNITS + 1);
  expect(heights[UNITS]).toBeLessThan(heights[0]);
  expect(reading(element)).toBe("By magnitude, 1 of 10 units go with a loss at most 10 % above 0.02, an estimate (1,000 validation examples).");
  const overlay = element.querySelector(".chart-overlay") as HTMLElement;
  overlay.dispatchEvent(new PointerEvent("pointermove", { clientX: place(5.1), clientY: 50 }));
  expect(element.querySelector(".chart-tip")?.textContent).toBe("unit 4: 5th to go by magnitude; loss 0.0255 then");
});

it("says with whose units the layer's go", () => {
  const { element } = made({ removal: removal({ note: "each unit goes together with those of 'conv2'" }) });
  expect(reading(element)).toMatch(/validation examples\)\. Each unit goes together with those of 'conv2'\.$/);
});

it("says that a network that guesses has nothing to lose, and marks nothing", () => {
  const first = removal().criteria[0]!.accuracy![0]!;
  const guessing = made({ removal: { ...removal(), guess: first - 0.01 } }).element;
  expect(reading(guessing)).toMatch(/^With all units [\d.]+ % are right, no more than by always naming one class \([\d.]+ %\): there is nothing to lose\./);
  expect(guessing.textContent).not.toContain("estimate");
  expect(reading(made({ removal: { ...removal(), guess: 0.1 } }).element)).toContain("By magnitude, 3 of 10 units go");
});
