// @vitest-environment happy-dom
// The learning curve draws the measurements and moves the one slider.

import { expect, it } from "vitest";

import { createLearningChart } from "../src/charts/learning";
import type { ChartModel } from "../src/types";
import { draw, learning, model, press, recorder, timeline } from "./charts.fixtures";

function made(changes: Partial<ChartModel> = {}) {
  const actions = recorder();
  const chart = createLearningChart(actions);
  chart.update(model(changes));
  return { actions, chart, element: chart.element };
}

function pointsOf(element: Element, split: string): [number, number][] {
  const path = element.querySelector(`[data-split="${split}"]`)?.getAttribute("d") ?? "";
  return [...path.matchAll(/[ML]([-\d.]+),([-\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
}

// 360 pixels wide: the plot reaches from 46 to 348.
const place = (at: number): number => 46 + (302 * at) / 400;

it("draws one point a measurement and leaves out what was not measured", () => {
  const { element } = made();
  expect(pointsOf(element, "train").map(([x]) => Math.round(x))).toEqual([0, 100, 200, 300, 400].map((at) => Math.round(place(at))));
  expect(pointsOf(element, "validation")).toHaveLength(4);
  expect(element.querySelector('[data-split="test"]')).toBeNull();
});

it("draws higher accuracies higher, in proportion", () => {
  const heights = pointsOf(made().element, "train").map(([, y]) => y);
  expect((heights[1] - heights[2]) / (heights[2] - heights[3])).toBeCloseTo(0.3 / 0.1, 1);
});

it("says the validation accuracy at the moment shown, or where it was measured last before it", () => {
  const { chart, element } = made();
  const reading = (): string => element.querySelector(".chart-reading")?.textContent ?? "";
  expect(reading()).toBe("70.0 % validation accuracy at epoch 2.");
  chart.update(model({ at: 300 }));
  expect(reading()).toBe("70.0 % validation accuracy at epoch 2, measured last before epoch 3.");
  chart.update(model({ at: 400 }));
  expect(reading()).toBe("90.0 % validation accuracy at epoch 4.");
});

it("marks the current moment", () => {
  const { element } = made({ at: 300 });
  expect(Number(element.querySelector(".chart-now")?.getAttribute("x1"))).toBeCloseTo(place(300));
});

it("shows the loss when asked, in nats", () => {
  const { element } = made();
  const [accuracy, loss] = [...element.querySelectorAll("button")];
  loss.click();
  expect(loss.getAttribute("aria-pressed")).toBe("true");
  expect(accuracy.getAttribute("aria-pressed")).toBe("false");
  expect(element.querySelector(".chart-label")?.textContent).toBe("loss (nats)");
  expect(element.querySelector(".chart-reading")?.textContent).toBe("0.5 nats train loss at epoch 2.");
});

it("shows the loss where only that was measured", () => {
  const { at, columns } = learning();
  const { element } = made({ learning: { at, columns: { train_loss: columns["train_loss"] } } });
  const [accuracy, loss] = [...element.querySelectorAll("button")];
  expect(accuracy.disabled).toBe(true);
  expect(loss.getAttribute("aria-pressed")).toBe("true");
  expect(element.getAttribute("aria-label")).toContain("0.5 nats train loss");
});

it("says so where nothing was measured", () => {
  const { element } = made({ learning: { at: Float64Array.of(0), columns: { train_loss: Float64Array.of(NaN) } } });
  expect(element.querySelector(".chart-message")?.textContent).toContain("Nothing was measured");
});

it("moves the slider to the moment nearest to a click, and along with a drag", () => {
  const { actions, element } = made();
  draw(element, [[place(290), 80]]);
  expect(actions.log).toEqual([["goTo", 300]]);
  draw(element, [[place(0), 80], [place(90), 80], [place(190), 80]]);
  expect(actions.log.slice(1)).toEqual([["goTo", 100], ["goTo", 200]]);
});

it("moves the slider by keys and says the moment", () => {
  const { actions, element } = made();
  for (const key of ["ArrowRight", "ArrowLeft", "Home", "End", "x"]) press(element, key);
  expect(actions.log.map(([, at]) => at)).toEqual([300, 100, 0, 400]);
  const overlay = element.querySelector(".chart-overlay") as Element;
  expect(overlay.getAttribute("aria-valuenow")).toBe("2");
  expect(overlay.getAttribute("aria-valuetext")).toContain("epoch 2");
});

it("counts levels with the weights that are left", () => {
  const levels = { at: Float64Array.of(0, 1, 2, 3, 4), columns: { density: Float64Array.of(1, 0.8, 0.64, 0.512, 0.41), test_accuracy: Float64Array.of(0.97, 0.97, 0.96, 0.95, 0.9) } };
  const { element } = made({ timeline: timeline("level"), learning: levels, at: 3 });
  const ticks = [...element.querySelectorAll(".chart-tick")].map((tick) => tick.textContent);
  expect(ticks).toEqual(expect.arrayContaining(["0", "100", "4", "41", "3", "51.2"]));
  expect(element.querySelector(".chart-reading")?.textContent).toBe("95.0 % test accuracy at level 3.");
});

it("counts steps where epochs are not known", () => {
  const line = timeline();
  const steps = { ...line, moments: line.moments.map((one) => ({ ...one, epoch: null })) };
  const { element } = made({ timeline: steps });
  expect([...element.querySelectorAll(".chart-label")].map((label) => label.textContent)).toEqual(["accuracy (%)", "step"]);
  expect(element.querySelector(".chart-reading")?.textContent).toContain("at step 200");
});

function regression(changes: Partial<ChartModel> = {}) {
  const columns = { train_loss: Float64Array.of(2, 0.5, 0.1, 0.02, 0.01), test_r2: Float64Array.of(-40, 0.5, 0.9, 0.98, 0.99) };
  const squared = { ...timeline(), objective: "squared_error" };
  return made({ timeline: squared, learning: { at: learning().at, columns }, ...changes });
}

it("shows the loss of a regression, and R² when asked", () => {
  const { element } = regression();
  const [accuracy, loss, r2] = [...element.querySelectorAll("button")];
  expect([accuracy.hidden, loss.hidden, r2.hidden]).toEqual([true, false, false]);
  expect(element.querySelector(".chart-label")?.textContent).toBe("squared error");
  expect(element.querySelector(".chart-reading")?.textContent).toBe("A train squared error of 0.1 at epoch 2.");
  r2.click();
  expect(element.querySelector(".chart-label")?.textContent).toBe("R²");
  expect(element.querySelector(".chart-reading")?.textContent).toBe("A test R² of 0.9 at epoch 2.");
  const heights = pointsOf(element, "test").map(([, y]) => y);
  expect(heights).toHaveLength(5);
  expect((heights[1] - heights[2]) / (heights[2] - heights[3])).toBeCloseTo(0.4 / 0.08, 0);
});

it("does not offer R² where there are classes", () => {
  const buttons = [...made().element.querySelectorAll("button")];
  expect(buttons.map(({ textContent, hidden }) => [textContent, hidden])).toEqual([["accuracy", false], ["loss", false], ["R²", true]]);
});

it("draws losses below 0 in proportion", () => {
  const { element } = regression({ learning: { at: learning().at, columns: { train_loss: Float64Array.of(3, 1, 0, -1, -2) } } });
  const heights = pointsOf(element, "train").map(([, y]) => y);
  expect(heights[2] - heights[1]).toBeCloseTo(heights[3] - heights[2], 1);
});

it("gives losses no unit where nobody says what they are of", () => {
  const { element } = regression({ timeline: { ...timeline(), objective: null } });
  expect(element.querySelector(".chart-label")?.textContent).toBe("loss");
  expect(element.querySelector(".chart-reading")?.textContent).toBe("A train loss of 0.1 at epoch 2.");
});

it("shades between what replicates lie and says it, and widens the scale for them", () => {
  const known = learning();
  const spread = {
    replicates: 5,
    least: { ...known.columns, validation_accuracy: Float64Array.of(NaN, 0.4, 0.55, 0.6, 0.65) },
    most: { ...known.columns, validation_accuracy: Float64Array.of(NaN, 0.6, 0.75, 0.8, 0.85) },
  };
  const { element } = made({ learning: { ...known, spread } });
  const band = element.querySelector('[data-band="validation"]')?.getAttribute("d") ?? "";
  expect([...band.matchAll(/[ML]/g)]).toHaveLength(8);
  expect(element.querySelector('[data-band="test"]')).toBeNull();
  expect(element.querySelector(".chart-reading")?.textContent).toBe(
    "70.0 % validation accuracy at epoch 2. Of 5 replicates it is 55.0 % to 75.0 %, the shaded band.",
  );
  expect(made().element.querySelector("[data-band]")).toBeNull();
});
