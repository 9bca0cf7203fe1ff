// @vitest-environment happy-dom
// The graph as an element: its label, what it tells, and where its work is done when workers fail.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { GraphView } from "../src/types.ts";
import type { Command } from "../src/graph/messages.ts";
import { createGraphView } from "../src/graph/view.ts";
import { frameOf } from "./graph.fixtures.ts";

type Message = Command[] | { kind: "start" };

/** A worker that does what the test tells it. */
class FakeWorker extends EventTarget {
  static last: FakeWorker | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  heard: Message[] = [];
  ended = false;

  constructor() {
    super();
    FakeWorker.last = this;
  }

  postMessage(message: Message): void {
    this.heard.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  say(data: unknown): void {
    this.onmessage?.(new MessageEvent("message", { data }));
  }
}

let view: GraphView;

beforeEach(() => {
  FakeWorker.last = null;
  const context = new Proxy({}, { get: () => () => undefined, set: () => true });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  Object.assign(HTMLCanvasElement.prototype, { transferControlToOffscreen: () => ({}) });
  vi.stubGlobal("OffscreenCanvas", class {});
  vi.stubGlobal("Worker", FakeWorker);
});

afterEach(() => {
  view.destroy();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function started(): FakeWorker {
  if (FakeWorker.last === null) throw new Error("no worker was started");
  return FakeWorker.last;
}

/** The worker's picture, or the page's. */
function kinds(worker: FakeWorker): string[] {
  return worker.heard.flat().map((message) => message.kind).filter((kind) => kind !== "size");
}

describe("the element", () => {
  it("has a label, can be focused, and reads out what the keyboard reaches", async () => {
    view = createGraphView({ worker: false });
    const surface = view.element.querySelector("[role=application]");
    expect(surface?.getAttribute("aria-label")).toContain("Graph of the layer's units");
    expect((surface as HTMLElement).tabIndex).toBe(0);
    view.setFrame(frameOf(6, 4), { fresh: true });
    await view.snapshot();
    surface?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    expect(view.element.querySelector("[aria-live]")?.textContent).toMatch(/^Unit \d, \d links?$/);
  });

  it("keeps the arrow keys to itself and leaves the others alone", () => {
    view = createGraphView({ worker: false });
    const heard: string[] = [];
    view.element.addEventListener("keydown", (event) => heard.push(event.key));
    const surface = view.element.querySelector("[role=application]");
    for (const key of ["ArrowLeft", " ", "Enter", "?"]) {
      surface?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }
    expect(heard).toEqual([" ", "?"]);
  });
});

describe("the wheel", () => {
  function turn(options: { within?: boolean }, focus: boolean, ctrlKey = false): boolean {
    view = createGraphView({ worker: false, ...options });
    document.body.append(view.element);
    const surface = view.element.querySelector<HTMLElement>("[role=application]")!;
    if (focus) surface.focus();
    const event = new WheelEvent("wheel", { deltaY: 100, cancelable: true });
    Object.defineProperty(event, "ctrlKey", { value: ctrlKey });
    surface.dispatchEvent(event);
    const taken = event.defaultPrevented;
    view.destroy();
    return taken;
  }

  it("zooms, but scrolls a longer page until the graph has the focus", () => {
    expect(turn({}, false)).toBe(true);
    expect(turn({ within: true }, false)).toBe(false);
    expect(turn({ within: true }, true)).toBe(true);
    expect(turn({ within: true }, false, true)).toBe(true);
  });
});

describe("the worker", () => {
  it("gets the canvas and all that was said before, once it is ready", async () => {
    view = createGraphView();
    const worker = started();
    view.setLinks({ maxApart: 5, sigma: 1, twins: false });
    view.setFrame(frameOf(6, 4), { fresh: true });
    expect(kinds(worker)).toEqual([]);
    worker.say({ kind: "ready" });
    await Promise.resolve();
    expect(kinds(worker)).toEqual(["start", "frame", "links"]);
    view.setDark(true);
    await Promise.resolve();
    expect(kinds(worker)).toEqual(["start", "frame", "links", "dark"]);
  });

  it("hears what is said in one breath as one message, so that it draws nothing half told", async () => {
    view = createGraphView();
    const worker = started();
    worker.say({ kind: "ready" });
    await Promise.resolve();
    const before = worker.heard.length;
    view.setFrame(frameOf(6, 4), { fresh: true });
    view.setLinks({ maxApart: 5, sigma: 1, twins: false });
    view.setFrozen(true);
    await Promise.resolve();
    const heard = worker.heard.slice(before).map((message) => [message].flat().map(({ kind }) => kind));
    expect(heard).toEqual([["frame", "links", "frozen"]]);
  });

  it("tells the page what it heard", () => {
    view = createGraphView();
    const told: unknown[] = [];
    view.on({ select: (units, add) => told.push(units, add), status: (status) => told.push(status.worker) });
    started().say({ kind: "ready" });
    started().say({ kind: "select", units: [3], add: true });
    started().say({ kind: "status", status: { settled: true, drawn: 60, links: 4 } });
    expect(told).toEqual([[3], true, true]);
  });

  it("is replaced by the page where it fails late, with nothing lost", async () => {
    view = createGraphView();
    view.setFrame(frameOf(6, 4), { fresh: true });
    const early = view.snapshot();
    started().onerror?.(new Event("error", { cancelable: true }));
    expect(started().ended).toBe(true);
    expect((await early).places).toHaveLength(12);
  });

  it("is replaced where it breaks down at work", async () => {
    view = createGraphView();
    view.setFrame(frameOf(6, 4), { fresh: true });
    started().say({ kind: "ready" });
    started().onerror?.(new Event("error", { cancelable: true }));
    expect((await view.snapshot()).places).toHaveLength(12);
    expect(view.element.querySelectorAll("canvas")).toHaveLength(1);
  });

  it("gives up no snapshot where it breaks down before it answers", async () => {
    view = createGraphView();
    view.setFrame(frameOf(6, 4), { fresh: true });
    const worker = started();
    worker.say({ kind: "ready" });
    const answered = view.snapshot();
    worker.say({ kind: "snapshot", ticket: 1, snapshot: { places: new Float32Array(2) } });
    const asked = view.snapshot();
    worker.onerror?.(new Event("error", { cancelable: true }));
    expect((await answered).places).toHaveLength(2);
    expect((await asked).places).toHaveLength(12);
  });

  it("is not waited for where it never answers", async () => {
    vi.useFakeTimers();
    view = createGraphView();
    view.setFrame(frameOf(6, 4), { fresh: true });
    vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    expect((await view.snapshot()).places).toHaveLength(12);
  });

  it("is not asked for where the browser has none", async () => {
    vi.stubGlobal("Worker", undefined);
    view = createGraphView();
    view.setFrame(frameOf(6, 4), { fresh: true });
    expect((await view.snapshot()).places).toHaveLength(12);
  });
});
