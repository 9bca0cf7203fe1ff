// @vitest-environment happy-dom
// The spectrum: every eigenvalue counted once, spikes that select their carriers, shares of a selection.

import { describe, expect, it } from "vitest";

import { binsOf, carriersOf, noiseCount, sharesOf, spikesOf } from "../src/charts/eigenvalues";
import { createSpectrumChart } from "../src/charts/spectrum";
import type { ChartModel, SpectrumFrame } from "../src/types";
import { draw, model, press, recorder, spectrum } from "./charts.fixtures";

function made(changes: Partial<ChartModel> = {}) {
  const actions = recorder();
  const chart = createSpectrumChart(actions);
  chart.update(model(changes));
  return { actions, chart, element: chart.element };
}

const reading = (element: Element): string => element.querySelector(".chart-reading")?.textContent ?? "";

describe("the numbers beneath", () => {
  it("count every eigenvalue once, in bins of equal width on the axis, none across the threshold", () => {
    const generated = Float32Array.from({ length: 400 }, (_, index) => 3 * Math.exp(-index / 120)).map((value, index) => (index < 5 ? value * 9 : value));
    const frame = spectrum({ eigenvalues: generated, fit: { lower: 0.2, upper: 3.1, threshold: 3.3, spikes: 5, fits: true } });
    const { edges, counts } = binsOf(frame);
    expect(counts.reduce((sum, number) => sum + number, 0)).toBe(400);
    const widths = edges.slice(1).map((edge, index) => Math.log(edge / edges[index]));
    expect(Math.max(...widths) - Math.min(...widths)).toBeLessThan(1e-9);
    expect(Math.min(...edges.map((edge) => Math.abs(edge - 3.3)))).toBeLessThan(1e-9);
    counts.forEach((number, index) => {
      const within = generated.filter((value) => value >= edges[index] && value < edges[index + 1]);
      expect(number).toBe(within.length);
    });
  });

  it("have edges where the noise has no size", () => {
    const fit = { lower: 0, upper: 0, threshold: 0, spikes: 1, fits: false };
    const { edges, counts } = binsOf(spectrum({ eigenvalues: Float32Array.of(2, 0, 0, 0), fit }));
    expect(edges.every((edge) => Number.isFinite(edge) && edge > 0)).toBe(true);
    expect(counts.reduce((sum, number) => sum + number, 0)).toBe(1);
  });

  it("have bins without a fit and with a single value", () => {
    for (const eigenvalues of [Float32Array.of(2), Float32Array.of(3, 2, 1, 0), Float32Array.of(1, 1, 1)]) {
      const { counts } = binsOf(spectrum({ eigenvalues, fit: null }));
      expect(counts.reduce((sum, number) => sum + number, 0)).toBe(eigenvalues.filter((value) => value > 0).length);
    }
  });

  it("find the fewest units that carry half of a vector", () => {
    expect(carriersOf(spectrum(), 0)).toEqual([0, 1]);
    expect(carriersOf(spectrum(), 1)).toEqual([9]);
    expect(spikesOf(spectrum())).toEqual([20, 8]);
    expect(spikesOf(spectrum({ fit: null }))).toEqual([]);
  });

  it("share each vector among the units", () => {
    const shares = sharesOf(spectrum(), [0, 2, 9, 77]);
    expect(shares[0]).toBeCloseTo(0.5);
    expect(shares[1]).toBeCloseTo(0.8);
    expect(sharesOf(spectrum(), [])).toEqual([]);
  });
});

it("scales the noise to the eigenvalues that it explains: no spikes, none of dead units", () => {
  const dead = spectrum({ eigenvalues: Float32Array.of(...spectrum().eigenvalues, 3e-15, 0, 0) });
  expect([noiseCount(spectrum()), noiseCount(dead), noiseCount(spectrum({ fit: null }))]).toEqual([8, 8, 0]);
  const curve = (frame: SpectrumFrame): string | null => made({ spectrum: frame }).element.querySelector(".chart-noise")!.getAttribute("d");
  expect(curve(dead)).toBe(curve(spectrum()));
});

it("says of which moment it is where it is another one", () => {
  const { element } = made({ spectrum: spectrum({ instead: "this chart is of epoch 5, the nearest that the page holds" }) });
  expect(reading(element)).toBe("This chart is of epoch 5, the nearest that the page holds. 2 of 10 eigenvalues stand above the noise: directions in which the weights vary more than independent random ones do.");
});

it("draws all eigenvalues, the noise, and a mark for each spike", () => {
  const { element } = made();
  const counts = [...element.querySelectorAll("[data-count]")].map((bar) => Number(bar.getAttribute("data-count")));
  expect(counts.reduce((sum, number) => sum + number, 0)).toBe(10);
  expect(element.querySelector(".chart-noise")?.getAttribute("d")).toMatch(/^M/);
  expect(element.querySelectorAll("[data-spike]")).toHaveLength(2);
  expect(reading(element)).toBe("2 of 10 eigenvalues stand above the noise: directions in which the weights vary more than independent random ones do.");
});

it("selects the carriers of a spike that is clicked, and nothing beside it", () => {
  const { actions, element } = made();
  const spike = (index: number): number => Number(element.querySelector(`[data-spike="${index}"]`)?.getAttribute("x1"));
  draw(element, [[spike(0), 120]]);
  expect(actions.log.at(-1)).toEqual(["select", [0, 1], false]);
  draw(element, [[spike(1) + 3, 120]], { shiftKey: true });
  expect(actions.log.at(-1)).toEqual(["select", [9], true]);
  draw(element, [[60, 120]]);
  expect(actions.log.at(-1)).toEqual(["select", [], false]);
  draw(element, [[spike(1) - 20, 50], [spike(0) + 5, 100]]);
  expect(actions.log.at(-1)).toEqual(["select", [0, 1, 9], false]);
});

it("shows the interval while it is drawn", () => {
  const { element } = made();
  const overlay = element.querySelector(".chart-overlay") as HTMLElement;
  for (const [name, x] of [["pointerdown", 100], ["pointermove", 160]] as const)
    overlay.dispatchEvent(new PointerEvent(name, { clientX: x, clientY: 50, button: 0, pointerId: 1 }));
  expect(element.querySelector(".chart-brush")?.getAttribute("width")).toBe("60");
  overlay.dispatchEvent(new PointerEvent("pointercancel", { clientX: 160, clientY: 50, pointerId: 1 }));
  expect(element.querySelector(".chart-brush")).toBeNull();
});

it("shows what share of each spike lies on the selection", () => {
  const { element } = made({ selected: [0, 2] });
  const shares = [...element.querySelectorAll("[data-share]")].map((bar) => Number(bar.getAttribute("data-share")));
  expect(shares).toEqual([0.5, 0]);
  expect(reading(element)).toBe("2 of 10 eigenvalues stand above the noise: directions in which the weights vary more than independent random ones do. The 2 selected units carry 50 % of the largest eigenvalue’s direction.");
  expect(reading(made({ selected: [1] }).element)).toContain("Unit 1 carries 30 % of the largest eigenvalue’s direction.");
});

it("walks the spikes by keys and selects by Enter", () => {
  const { actions, element } = made();
  press(element, "ArrowRight");
  const words = element.querySelector(".chart-overlay")?.getAttribute("aria-valuetext");
  expect(words).toBe("2nd spike, 8: half of it on 1 unit");
  press(element, "Enter");
  expect(actions.log).toEqual([["select", [9], false]]);
});

it("says so where a spike's eigenvector was not kept", () => {
  const { actions, element } = made({ spectrum: spectrum({ leading: 1 }) });
  press(element, "ArrowRight");
  expect(element.querySelector(".chart-tip")?.textContent).toContain("its eigenvector was not kept");
  press(element, "Enter");
  expect(actions.log).toEqual([]);
});

it("says why there is no noise, and draws the eigenvalues all the same", () => {
  const { element } = made({ spectrum: spectrum({ fit: null, note: "no noise is fitted: 3 rows are too few" }) });
  expect(reading(element)).toBe("10 eigenvalues. No noise is fitted: 3 rows are too few.");
  expect(element.querySelectorAll("[data-count]").length).toBeGreaterThan(0);
  expect(element.querySelector(".chart-noise")).toBeNull();
});

it("says so where the noise fits badly, and where nothing is left", () => {
  const fit = { lower: 0.5, upper: 2, threshold: 2.5, spikes: 2, fits: false };
  expect(reading(made({ spectrum: spectrum({ fit }) }).element)).toContain("the noise drawn fits badly here");
  const { element } = made({ spectrum: spectrum({ eigenvalues: new Float32Array(3), fit: null }) });
  expect(element.querySelector(".chart-message")?.textContent).toContain("no weights left");
});

it("says that it is of a moment before while that of the present one is computed", () => {
  const still = made({ at: 200, spectrum: spectrum({ of: 100 }) });
  expect(reading(still.element)).toMatch(/^Still of epoch 1, while that of epoch 2 is computed\. 2 of 10 eigenvalues/);
  still.chart.update(model({ at: 100, spectrum: spectrum({ of: 100 }) }));
  expect(reading(still.element)).toMatch(/^2 of 10 eigenvalues/);
});
