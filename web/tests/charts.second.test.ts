// @vitest-environment happy-dom
// Beside a second run every chart shows both: thin lines with squares, an outline, and a word.
import { describe, expect, it } from "vitest";

import { createLearningChart, createRemovalChart, createSpectrumChart } from "../src/charts";
import { binsOf } from "../src/charts/eigenvalues";
import type { Chart, ChartModel, SecondRun } from "../src/types";
import { learning, model, recorder, removal, spectrum, timeline, UNITS } from "./charts.fixtures";

function second(changes: Partial<SecondRun> = {}): SecondRun {
  return { name: "B", timeline: timeline(), at: 200, learning: learning(), spectrum: spectrum(), removal: removal(), ...changes };
}

function shown(create: (actions: ReturnType<typeof recorder>) => Chart, changes: Partial<ChartModel>): Element {
  const chart = create(recorder());
  chart.update(model(changes));
  return chart.element;
}

const words = (element: Element): string => element.querySelector(".chart-reading")?.textContent ?? "";

describe("the learning curve", () => {
  it("draws a thin line for each split of the second run, and says where it stands", () => {
    const alone = shown(createLearningChart, {});
    const both = shown(createLearningChart, { second: second() });
    expect(alone.querySelectorAll("[data-second]")).toHaveLength(0);
    expect(both.querySelectorAll("[data-second]").length).toBe(both.querySelectorAll("[data-split]").length);
    expect(both.querySelectorAll(".chart-square").length).toBeGreaterThan(0);
    expect(words(both)).toBe(`${words(alone)} B: ${words(alone).split(" at ")[0]}.`);
  });

  it("makes room for what the second run reaches", () => {
    const low = learning();
    for (const column of Object.keys(low.columns)) low.columns[column] = low.columns[column]!.map((value) => value / 2);
    const scaleOf = (element: Element): string => [...element.querySelectorAll(".chart-tick")].map((tick) => tick.textContent).join();
    expect(scaleOf(shown(createLearningChart, { second: second({ learning: low }) }))).not.toBe(scaleOf(shown(createLearningChart, {})));
  });

  it("leaves out a second run that is not to be had, or not there yet", () => {
    for (const missing of ["the page holds none", null]) {
      const chart = shown(createLearningChart, { second: second({ learning: missing }) });
      expect(chart.querySelectorAll("[data-second]")).toHaveLength(0);
      expect(words(chart)).not.toContain("B");
    }
  });
});

describe("removing units", () => {
  it("draws the second run by the pressed criterion, and says how many of its units can go", () => {
    const both = shown(createRemovalChart, { second: second() });
    expect([...both.querySelectorAll("[data-second]")].map((line) => line.getAttribute("data-second"))).toEqual(["magnitude"]);
    expect(words(both)).toMatch(/B: \d+ of 10\.$/);
    const other = second({ removal: removal({ criteria: removal().criteria.slice(1) }) });
    expect(shown(createRemovalChart, { second: other }).querySelectorAll("[data-second]")).toHaveLength(0);
  });

  it("marks selected units of the second run on its own line", () => {
    const none = shown(createRemovalChart, { second: second(), selected: [1] });
    const some = shown(createRemovalChart, { second: second(), selected: [1, UNITS + 3] });
    expect(some.querySelectorAll(".chart-square").length).toBe(none.querySelectorAll(".chart-square").length + 1);
  });

  it("has an axis for the larger of the two", () => {
    const wide = removal({ units: 50 });
    const last = (element: Element): string[] => [...element.querySelectorAll(".chart-tick")].map((tick) => tick.textContent ?? "");
    expect(last(shown(createRemovalChart, { second: second({ removal: wide }) }))).toContain("50");
  });
});

describe("eigenvalues", () => {
  it("outlines the second run's in the same bins", () => {
    const both = shown(createSpectrumChart, { second: second() });
    expect(both.querySelectorAll(".chart-outline")).toHaveLength(1);
    expect(words(both)).toMatch(/ B, outlined: \d+ of \d+\.$/);
    expect(shown(createSpectrumChart, {}).querySelectorAll(".chart-outline")).toHaveLength(0);
  });

  it("counts each spectrum in bins that hold both", () => {
    const large = { ...spectrum(), eigenvalues: spectrum().eigenvalues.map((value) => 10 * value) };
    const { counts, others } = binsOf(spectrum(), large);
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    expect(sum(others)).toBe(large.eigenvalues.filter((value) => value > 0).length);
    expect(sum(counts)).toBe(sum(binsOf(spectrum()).counts));
    expect(binsOf(spectrum()).others.every((count) => count === 0)).toBe(true);
  });
});
