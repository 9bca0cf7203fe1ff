// @vitest-environment happy-dom
// Norms and movement: each unit at its angle and norm, brushed by a rectangle.

import { expect, it } from "vitest";

import { createMovementChart } from "../src/charts/movement";
import type { Appearance, ChartModel } from "../src/types";
import { draw, frame, model, press, recorder, UNITS } from "./charts.fixtures";

function made(changes: Partial<ChartModel> = {}) {
  const actions = recorder();
  const chart = createMovementChart(actions);
  chart.update(model(changes));
  return { actions, chart, element: chart.element };
}

function looks(changes: Partial<Appearance> = {}): Appearance {
  return {
    colour: new Uint32Array(UNITS).fill(0x0072b2),
    radius: new Float32Array(UNITS).fill(4),
    opacity: new Float32Array(UNITS).fill(1),
    shape: new Uint8Array(UNITS),
    ...changes,
  };
}

function points(element: Element): [number, number][] {
  const paths = [...element.querySelectorAll(".chart-points")].map((path) => path.getAttribute("d") ?? "").join("");
  return [...paths.matchAll(/M([-\d.]+) ([-\d.]+)h0/g)].map(([, x, y]) => [Number(x), Number(y)]);
}

// The planted angles reach 81 degrees, so the axis 90; norms reach 10.
const x = (degrees: number): number => 46 + (302 * degrees) / 90;
const y = (norm: number): number => 136 - (116 * norm) / 10;
const reading = (element: Element): string => element.querySelector(".chart-reading")?.textContent ?? "";

it("puts each unit at its angle and norm", () => {
  const found = points(made().element);
  expect(found).toHaveLength(UNITS);
  found.forEach(([left, top], unit) => {
    expect(left).toBeCloseTo(x(9 * unit), 0);
    expect(top).toBeCloseTo(y(1 + unit), 0);
  });
});

it("says how far units have turned", () => {
  expect(reading(made().element)).toBe("Half of the units have turned by 36° or less at epoch 2, unit 9 by 81°.");
  expect(reading(made({ frame: frame({ angle: new Float32Array(UNITS) }), at: 0 }).element)).toBe("At epoch 0 no unit has moved yet.");
});

it("colours as the graph does, a path a look, and leaves hidden units out", () => {
  const colour = Uint32Array.from({ length: UNITS }, (_, unit) => (unit < 3 ? 0xd55e00 : 0x009e73));
  const radius = new Float32Array(UNITS).fill(4);
  radius[9] = 0;
  const { element } = made({ appearance: looks({ colour, radius }) });
  const groups = [...element.querySelectorAll(".chart-points")].map((path) => [path.getAttribute("stroke"), Number(path.getAttribute("data-units"))]);
  expect(groups).toEqual([["#d55e00", 3], ["#009e73", 6]]);
});

it("draws without the colours of another picture", () => {
  const { element } = made({ appearance: { ...looks(), colour: new Uint32Array(3), radius: new Float32Array(3) } });
  expect(points(element)).toHaveLength(UNITS);
});

it("selects the units within a rectangle", () => {
  const { actions, element } = made();
  draw(element, [[x(13), y(6.5)], [x(50), y(2.5)]]);
  expect(actions.log.at(-1)).toEqual(["select", [2, 3, 4, 5], false]);
  draw(element, [[x(80), y(0.2)], [x(90), y(0.1)]], { shiftKey: true });
  expect(actions.log.at(-1)).toEqual(["select", [], true]);
});

it("selects the unit at a click and names the one under the pointer", () => {
  const { actions, element } = made();
  draw(element, [[x(36) + 3, y(5) - 3]]);
  expect(actions.log.at(-1)).toEqual(["select", [4], false]);
  element.querySelector(".chart-overlay")?.dispatchEvent(new PointerEvent("pointermove", { clientX: x(27), clientY: y(4) }));
  expect(actions.log.at(-1)).toEqual(["hover", 3]);
  expect(element.querySelector(".chart-tip")?.textContent).toBe("unit 3: norm 4, moved 27°");
});

it("rings what is selected and hovered, not what is not there", () => {
  const { element } = made({ selected: [2, 5, 50], hovered: 7 });
  const rings = (name: string): [number, number][] => {
    const d = element.querySelector(name)?.getAttribute("d") ?? "";
    return [...d.matchAll(/M([-\d.]+) ([-\d.]+)a/g)].map(([, left, top]) => [Number(left), Number(top)]);
  };
  expect(rings(".chart-chosen")).toEqual([2, 5].map((unit) => [expect.closeTo(x(9 * unit) - 4.5, 0), expect.closeTo(y(1 + unit), 0)]));
  expect(rings(".chart-hover")).toEqual([[expect.closeTo(x(63) - 6, 0), expect.closeTo(y(8), 0)]]);
});

it("sets units of unknown angle aside and says how many", () => {
  const angle = frame().angle.slice();
  angle[0] = angle[1] = NaN;
  const { actions, element } = made({ frame: frame({ angle }) });
  expect(points(element).filter(([left]) => left < 60)).toHaveLength(2);
  expect(reading(element)).toContain("The angle of 2 units is unknown (at “?”).");
  draw(element, [[46, 20], [60, 136]]);
  expect(actions.log.at(-1)).toEqual(["select", [0, 1], false]);
});

it("says so where no unit's angle is known", () => {
  const { element } = made({ frame: frame({ angle: new Float32Array(UNITS).fill(NaN) }) });
  expect(reading(element)).toContain("No first snapshot of these units is stored");
});

it("says a merged run's units by their own number", () => {
  const { element } = made({ frame: frame({ own: 6 }) });
  element.querySelector(".chart-overlay")?.dispatchEvent(new PointerEvent("pointermove", { clientX: x(72), clientY: y(9) }));
  expect(element.querySelector(".chart-tip")?.textContent).toContain("unit 2 of the second run: norm 9");
});

it("walks the units by norm with the keys", () => {
  const norm = frame().norm.slice().reverse();
  const { actions, element } = made({ frame: frame({ norm }) });
  press(element, "ArrowRight");
  expect(actions.log.at(-1)).toEqual(["hover", 8]);
  press(element, "ArrowRight", { shiftKey: true });
  press(element, "Enter");
  expect(actions.log.at(-1)).toEqual(["select", [8, 7], false]);
});
