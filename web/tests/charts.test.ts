// @vitest-environment happy-dom
// Every chart: its words, its states of waiting, and that nothing is left behind.

import { describe, expect, it } from "vitest";

import { createLearningChart } from "../src/charts/learning";
import { createMovementChart } from "../src/charts/movement";
import { createRemovalChart } from "../src/charts/removal";
import { createSpectrumChart } from "../src/charts/spectrum";
import type { ChartModel } from "../src/types";
import { model, press, recorder } from "./charts.fixtures";

const CHARTS = {
  learning: createLearningChart,
  removal: createRemovalChart,
  spectrum: createSpectrumChart,
  movement: createMovementChart,
};
const PART: Record<keyof typeof CHARTS, keyof ChartModel> = { learning: "learning", removal: "removal", spectrum: "spectrum", movement: "frame" };

describe.each(Object.keys(CHARTS) as (keyof typeof CHARTS)[])("the %s chart", (name) => {
  const made = (changes: Partial<ChartModel> = {}) => {
    const chart = CHARTS[name](recorder());
    chart.update(model(changes));
    return chart;
  };

  it("says its reading in words and as its accessible name", () => {
    const { element } = made();
    const reading = element.querySelector(".chart-reading")?.textContent ?? "";
    expect(reading.length).toBeGreaterThan(10);
    expect(element.getAttribute("aria-label")).toBe(`${element.querySelector("h3")?.textContent}: ${reading}`);
    expect(element.getAttribute("role")).toBe("group");
  });

  it("labels both axes", () => {
    expect(made().element.querySelectorAll(".chart-label")).toHaveLength(2);
  });

  it("waits with words where its numbers are not there yet, and draws when they come", () => {
    const chart = made({ [PART[name]]: null });
    const message = chart.element.querySelector(".chart-message") as HTMLElement;
    expect(message.hidden).toBe(false);
    expect(message.textContent).toContain("…");
    expect((chart.element.querySelector(".chart-plot") as HTMLElement).hidden).toBe(true);
    chart.update(model());
    expect(message.hidden).toBe(true);
    expect(chart.element.querySelector(".chart-axes")).not.toBeNull();
  });

  it.skipIf(name === "movement")("says why its numbers will never come", () => {
    const chart = made({ [PART[name]]: "The data are not here." });
    expect(chart.element.querySelector(".chart-message")?.textContent).toBe("The data are not here.");
    expect(chart.element.getAttribute("aria-label")).toContain("The data are not here.");
  });

  it("sets no style that a strict policy forbids", () => {
    const { element } = made({ selected: [1, 2], hovered: 3 });
    expect(element.querySelectorAll("style, [style]")).toHaveLength(0);
  });

  it("draws nothing again where nothing changed, and all that changed", () => {
    const given = model();
    const chart = CHARTS[name](recorder());
    chart.update(given);
    const drawn = chart.element.querySelector(".chart-axes");
    chart.update({ ...given });
    chart.update({ ...given, selected: [3], hovered: 2, at: 300 });
    expect(chart.element.querySelector(".chart-axes")).toBe(drawn);
    const fresh = made({ ...given, selected: [3], hovered: 2, at: 300 });
    expect(chart.element.innerHTML).toBe(fresh.element.innerHTML);
    chart.update(model({ dark: true }));
    expect(chart.element.querySelector(".chart-axes")).not.toBe(drawn);
    expect(chart.element.classList.contains("chart-dark")).toBe(true);
  });

  it("can be steered by keys and says where it stands", () => {
    const { element } = made();
    const overlay = element.querySelector(".chart-overlay") as HTMLElement;
    expect(overlay.tabIndex).toBe(0);
    expect(overlay.getAttribute("role")).toBe("slider");
    expect(overlay.getAttribute("aria-valuetext")?.length).toBeGreaterThan(5);
  });

  it("is the same picture of the same numbers, and leaves nothing behind", () => {
    const [one, other] = [made({ selected: [4] }), made({ selected: [4] })];
    expect(one.element.innerHTML).toBe(other.element.innerHTML);
    document.body.append(one.element);
    one.destroy();
    expect(document.body.querySelector(".chart")).toBeNull();
    const actions = recorder();
    const last = CHARTS[name](actions);
    last.update(model());
    last.destroy();
    press(last.element, "ArrowRight");
    expect(actions.log).toEqual([]);
  });
});
