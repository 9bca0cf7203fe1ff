// The engine by its commands, on a canvas that only counts what is drawn on it.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Snapshot } from "../src/types.ts";
import { appearanceOf } from "../src/graph/appearance.ts";
import { createEngine, type Engine } from "../src/graph/engine.ts";
import type { Command, Pointer, Told } from "../src/graph/messages.ts";
import type { Canvas } from "../src/graph/painter.ts";
import { frameOf, stateOf } from "./graph.fixtures.ts";

let frames: ((now: number) => void)[] = [];
let clock = 0;
let told: Told[] = [];
let strokes = 0;
let engine: Engine;

function fakeCanvas(): Canvas {
  const context = new Proxy({} as Record<string, unknown>, {
    get: (known, name: string) => {
      if (name === "stroke") return () => (strokes += 1);
      return name in known ? known[name] : () => undefined;
    },
    set: (known, name: string, value) => {
      known[name] = value;
      return true;
    },
  });
  return { width: 0, height: 0, getContext: () => context } as unknown as Canvas;
}

/** Lets so many frames pass, 16 ms each; how many were asked for. */
function pass(count: number): number {
  let asked = 0;
  for (let round = 0; round < count && frames.length > 0; round++) {
    const due = frames;
    frames = [];
    clock += 16;
    asked += due.length;
    due.forEach((frame) => frame(clock));
  }
  return asked;
}

function send(...commands: Command[]): void {
  commands.forEach((command) => engine.command(command));
}

function snapshot(): Snapshot {
  send({ kind: "snapshot", ticket: 1 });
  const last = told[told.length - 1];
  if (last.kind !== "snapshot") throw new Error("no snapshot");
  return last.snapshot;
}

function open(units = 40, links = 80, seed = 1): void {
  send({ kind: "size", width: 800, height: 600, ratio: 1 });
  send({ kind: "frame", frame: frameOf(units, links, seed), fresh: true });
  send({ kind: "links", maxApart: 20000, sigma: 0.5, twins: false });
}

function at(phase: Pointer["phase"], x: number, y: number, more: Partial<Pointer> = {}): Pointer {
  return { kind: "pointer", phase, id: 1, x, y, touch: false, add: false, area: false, ...more };
}

function ofKind<Kind extends Told["kind"]>(kind: Kind): Extract<Told, { kind: Kind }>[] {
  return told.filter((one) => one.kind === kind) as Extract<Told, { kind: Kind }>[];
}

beforeEach(() => {
  [frames, told, clock, strokes] = [[], [], 0, 0];
  vi.stubGlobal("requestAnimationFrame", (frame: (now: number) => void) => frames.push(frame));
  vi.stubGlobal("cancelAnimationFrame", () => (frames = []));
  engine = createEngine(fakeCanvas(), fakeCanvas, (one) => told.push(one));
});

afterEach(() => vi.unstubAllGlobals());

describe("the loop", () => {
  it("cools down, says so, and then asks for no more frames", () => {
    open();
    expect(pass(1000)).toBeLessThan(500);
    expect(frames).toHaveLength(0);
    const status = ofKind("status");
    expect(status[status.length - 1].status.settled).toBe(true);
    send({ kind: "hovered", unit: 3 });
    expect(pass(1000)).toBe(1);
    expect(ofKind("status").filter((one) => one.status.settled)).toHaveLength(1);
  });

  it("says nothing before there is a picture", () => {
    send({ kind: "size", width: 800, height: 600, ratio: 1 });
    pass(10);
    expect(told).toHaveLength(0);
  });

  it("brings all units into sight", () => {
    open();
    pass(1000);
    const { places } = snapshot();
    places.forEach((value, index) => {
      expect(value).toBeGreaterThan(0);
      expect(value).toBeLessThan(index % 2 === 0 ? 800 : 600);
    });
  });

  it("draws nothing before it has a size, and stops when destroyed", () => {
    send({ kind: "frame", frame: frameOf(5, 5), fresh: true });
    pass(10);
    expect(strokes).toBe(0);
    open();
    engine.destroy();
    expect(pass(10)).toBe(0);
  });

  it("settles unseen with reduced motion", () => {
    open();
    send({ kind: "reduced", reduced: true });
    pass(1);
    expect(strokes).toBe(0);
    pass(1000);
    expect(strokes).toBeGreaterThan(0);
    expect(ofKind("status").every((one) => one.status.settled)).toBe(true);
  });

  it("gives the same places from the same commands", () => {
    open();
    send({ kind: "reduced", reduced: true });
    pass(1000);
    const { places } = snapshot();
    engine = createEngine(fakeCanvas(), fakeCanvas, (one) => told.push(one));
    open();
    send({ kind: "reduced", reduced: true });
    pass(1000);
    expect(snapshot().places).toEqual(places);
  });
});

describe("another picture", () => {
  it("keeps the places of the units and exchanges the links", () => {
    open();
    pass(1000);
    const before = snapshot();
    send({ kind: "frozen", frozen: true }, { kind: "frame", frame: frameOf(40, 80, 2), fresh: false });
    pass(1000);
    const after = snapshot();
    expect(after.places).toEqual(before.places);
    expect(after.links).not.toEqual(before.links);
    send({ kind: "frozen", frozen: false });
    pass(1000);
    expect(snapshot().places).not.toEqual(before.places);
  });

  it("begins anew for another number of units", () => {
    open();
    pass(1000);
    send({ kind: "frame", frame: frameOf(7, 5), fresh: false });
    pass(1000);
    const { places, appearance } = snapshot();
    expect(places).toHaveLength(14);
    expect(appearance.radius).toHaveLength(7);
    expect(places.every(Number.isFinite)).toBe(true);
  });

  it("without units is drawn empty", () => {
    open(0, 0);
    expect(pass(50)).toBeLessThan(20);
    expect(snapshot().places).toHaveLength(0);
  });

  it("settles first where the layout is frozen from the start", () => {
    send({ kind: "frozen", frozen: true });
    open();
    pass(1);
    expect(strokes).toBe(0);
    pass(1000);
    expect(strokes).toBeGreaterThan(0);
    const { places } = snapshot();
    send({ kind: "links", maxApart: 3000, sigma: 0.5, twins: false });
    pass(100);
    expect(snapshot().places).toEqual(places);
  });
});

describe("hidden units", () => {
  it("go to places that are given, and forces lay them out again afterwards", () => {
    const frame = frameOf(10, 20);
    send({ kind: "size", width: 800, height: 600, ratio: 1 }, { kind: "frame", frame, fresh: true });
    send({ kind: "links", maxApart: 65535, sigma: 0.5, twins: false });
    const places = Float32Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? at : at % 3));
    const bounds = { left: 0, right: 40, top: 0, bottom: 2 };
    send({ kind: "places", places: { places, bounds } });
    pass(2000);
    const shown = snapshot().places;
    const scale = (shown[18] - shown[0]) / 18;
    places.forEach((place, at) => expect(shown[at]).toBeCloseTo(shown[at % 2] + (at % 2 === 0 ? scale : -scale) * (place - places[at % 2]), 1));
    // The whole of the bounds is in sight, not only where units are now.
    expect(shown[0] + 40 * scale).toBeLessThan(800);
    expect(shown[18]).toBeLessThan(500);
    send({ kind: "places", places: null });
    pass(4000);
    expect(Math.abs(snapshot().places[18] - shown[18])).toBeGreaterThan(1);
  });

  it("have no links, and twins are joined only where both are shown", () => {
    const frame = { ...frameOf(10, 40), own: 5 };
    const state = stateOf({ merged: "second", hidden: [1] });
    send({ kind: "size", width: 800, height: 600, ratio: 1 }, { kind: "frame", frame, fresh: true });
    send({ kind: "links", maxApart: 65535, sigma: 0.5, twins: true });
    pass(1000);
    expect(Array.from(snapshot().twins)).toEqual([0, 5, 1, 6, 2, 7, 3, 8, 4, 9]);
    const { appearance } = appearanceOf(frame, state, { level: 65535, order: null, dark: false });
    send({ kind: "appearance", appearance });
    pass(1000);
    const shown = snapshot();
    expect(Array.from(shown.links).every((unit) => unit < 5)).toBe(true);
    expect(shown.opacity).toHaveLength(shown.links.length / 2);
    expect(shown.twins).toHaveLength(0);
  });
});

describe("hands", () => {
  beforeEach(() => {
    open();
    pass(1000);
  });

  it("select what is clicked, and nothing beside", () => {
    const { places } = snapshot();
    const [x, y] = [places[6], places[7]];
    send(at("down", x, y), at("up", x, y), at("down", x, y, { add: true }), at("up", x, y, { add: true }));
    send(at("down", 1, 1), at("up", 1, 1), at("down", 1, 1, { add: true }), at("up", 1, 1, { add: true }));
    expect(ofKind("select").map((one) => [one.units, one.add])).toEqual([
      [[3], false],
      [[3], true],
      [[], false],
    ]);
  });

  it("drag a unit and pin it there; a double click lets it go", () => {
    const { places } = snapshot();
    send(at("down", places[6], places[7]), at("move", 700, 500), at("up", 700, 500));
    expect(ofKind("pin")).toEqual([{ kind: "pin", unit: 3 }]);
    expect(ofKind("select")).toHaveLength(0);
    pass(1000);
    const after = snapshot().places;
    expect([after[6], after[7]]).toEqual([700, 500]);
    send(at("double", 700, 500));
    expect(ofKind("unpin")).toEqual([{ kind: "unpin", unit: 3 }]);
    pass(1000);
    expect(snapshot().places[6]).not.toBe(700);
  });

  it("keep pinned units where they are when links change", () => {
    send({ kind: "pinned", units: [5] });
    const { places } = snapshot();
    send({ kind: "frame", frame: frameOf(40, 80, 3), fresh: false });
    send(at("down", 1, 1), at("move", 2, 9), at("move", 1, 1), at("up", 1, 1));
    pass(1000);
    const after = snapshot().places;
    expect(after[10]).toBeCloseTo(places[10], 3);
    expect(after[11]).toBeCloseTo(places[11], 3);
    expect(after).not.toEqual(places);
  });

  it("lay pinned units out with the others where there are no places yet, as after a reset", () => {
    const { places } = snapshot();
    send({ kind: "pinned", units: [5] }, { kind: "reset" });
    pass(1000);
    const after = snapshot().places;
    expect(Math.abs(after[10] - places[10])).toBeLessThan(1);
    send({ kind: "frame", frame: frameOf(40, 80, 3), fresh: false }, at("down", 1, 1), at("move", 9, 9));
    send(at("move", 1, 1), at("up", 1, 1));
    pass(1000);
    expect(snapshot().places[10]).toBeCloseTo(after[10], 3);
  });

  it("draw a rectangle with shift and select what is in it", () => {
    const shift = { area: true, add: true };
    send(at("down", 400, 350, shift), at("move", 0, 0, shift), at("up", 0, 0, shift));
    const { places } = snapshot();
    const within = (unit: number): boolean => places[2 * unit] <= 400 && places[2 * unit + 1] <= 350;
    const expected = Array.from({ length: 40 }, (_, unit) => unit).filter(within);
    expect(ofKind("select").map((one) => [one.units, one.add])).toEqual([[expected, true]]);
  });

  it("pan the background, zoom about the pointer, pinch with two fingers", () => {
    const { places, zoom } = snapshot();
    send(at("down", 2, 2), at("move", 32, 12), at("up", 32, 12));
    expect(snapshot().places[0]).toBeCloseTo(places[0] + 30, 3);
    send({ kind: "wheel", x: 100, y: 50, factor: 2 });
    expect(snapshot().zoom).toBeCloseTo(2 * zoom, 6);
    expect(snapshot().places[0] - 100).toBeCloseTo(2 * (places[0] + 30 - 100), 2);
    const touch = { touch: true };
    send(at("down", 100, 100, touch), at("down", 200, 100, { id: 2, ...touch }));
    send(at("move", 50, 100, touch), at("move", 250, 100, { id: 2, ...touch }));
    expect(snapshot().zoom).toBeCloseTo(4 * zoom, 5);
    send(at("up", 50, 100, touch), at("up", 250, 100, { id: 2, ...touch }));
    expect(ofKind("select")).toHaveLength(0);
  });

  it("tell what they point at, once", () => {
    const { places } = snapshot();
    send(at("move", places[6], places[7]), at("move", places[6] + 0.5, places[7]), at("leave", 0, 0));
    expect(ofKind("hover").map((one) => one.unit)).toEqual([3, null]);
  });

  it("walk by arrows to the nearest unit that way, and select by Enter", () => {
    send({ kind: "selected", units: [8] });
    send({ kind: "key", key: "ArrowRight", add: false }, { kind: "key", key: "ArrowLeft", add: false });
    send({ kind: "key", key: "Enter", add: true });
    const reached = ofKind("reached").map((one) => one.unit);
    expect(reached[0]).toBe(8);
    const { places } = snapshot();
    expect(places[2 * reached[1]]).toBeLessThan(places[16]);
    expect(ofKind("select")).toEqual([{ kind: "select", units: [reached[1]], add: true }]);
  });
});

describe("trails", () => {
  const moved = (seed: number): void => {
    send({ kind: "frame", frame: frameOf(40, 80, seed), fresh: false, moved: true });
    pass(1000);
  };

  it("remember where selected units were at the last moments, ending where they are", () => {
    open();
    pass(1000);
    send({ kind: "selected", units: [3, 7] }, { kind: "trails", on: true });
    const before = snapshot().places;
    expect(snapshot().trails).toEqual([]);
    moved(2);
    moved(3);
    const { trails = [], places } = snapshot();
    expect(trails.map(({ unit, way }) => [unit, way.length])).toEqual([[3, 6], [7, 6]]);
    expect(trails[0].way.slice(-2)).toEqual([places[6], places[7]].map((place) => expect.closeTo(place, 3)));
    // The camera has moved since: in the plane the first place is the old one.
    expect(Math.hypot(trails[0].way[0] - trails[0].way[4], trails[0].way[1] - trails[0].way[5])).toBeGreaterThan(0);
    expect(before.length).toBe(80);
  });

  it("go back eight moments, and neither beyond another layer nor to the same moment again", () => {
    open();
    pass(1000);
    send({ kind: "selected", units: [3] }, { kind: "trails", on: true });
    for (let seed = 2; seed < 14; seed++) moved(seed);
    expect(snapshot().trails?.[0].way).toHaveLength(18);
    send({ kind: "frame", frame: frameOf(40, 60, 2), fresh: false });
    expect(snapshot().trails?.[0].way).toHaveLength(18);
    send({ kind: "frame", frame: frameOf(40, 80, 2), fresh: true });
    expect(snapshot().trails).toEqual([]);
    moved(5);
    send({ kind: "trails", on: false });
    expect(snapshot().trails).toEqual([]);
  });
});

describe("what is found", () => {
  it("is drawn at once, and costs nothing where nothing is", () => {
    open();
    pass(1000);
    send({ kind: "hovered", unit: null });
    pass(10);
    const drawn = (): number => {
      const before = strokes;
      send({ kind: "hovered", unit: null });
      pass(10);
      return strokes - before;
    };
    const plain = drawn();
    send({ kind: "found", units: [1, 2] });
    pass(10);
    expect(drawn()).toBe(plain + 2);
    send({ kind: "found", units: [] });
    pass(10);
    expect(drawn()).toBe(plain);
  });
});

describe("strong links", () => {
  it("are told apart only where the level is stricter than the cutoff", () => {
    open();
    pass(1000);
    const again = (level?: number): number => {
      send({ kind: "links", maxApart: 20000, sigma: 0.5, twins: false, ...(level === undefined ? {} : { level }) });
      pass(1000);
      const before = strokes;
      send({ kind: "dark", dark: true });
      pass(1000);
      return strokes - before;
    };
    const plain = again();
    expect(again(20000)).toBe(plain);
    expect(again(10000)).toBe(plain + 1);
  });
});
