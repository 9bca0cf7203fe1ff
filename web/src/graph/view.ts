// The graph as an element of the page: a canvas that an engine draws on, in a worker where there is
// one.
import type { GraphEvents, GraphView, Snapshot } from "../types.ts";
import { createHome } from "./home.ts";
import { listen } from "./listen.ts";
import type { Told } from "./messages.ts";

const LABEL =
  "Graph of the layer's units. Arrow keys move from unit to unit, Enter selects, Shift and Enter adds.";

/** A new graph; `worker: false` keeps its work on the page, `within` says that the page is longer
 * than the viewer and is scrolled. */
export function createGraphView(options: { worker?: boolean; within?: boolean } = {}): GraphView {
  const element = document.createElement("div");
  Object.assign(element.style, { position: "relative", width: "100%", height: "100%", overflow: "hidden" });
  const surface = createSurface();
  const spoken = createSpoken();
  element.append(surface, spoken);
  const listeners = new Set<Partial<GraphEvents>>();
  const snapshots = new Map<number, (snapshot: Snapshot) => void>();
  const end = new AbortController();
  let tickets = 0;
  let several = false;

  function place(): HTMLCanvasElement {
    const canvas = document.createElement("canvas");
    Object.assign(canvas.style, { display: "block", width: "100%", height: "100%" });
    surface.replaceChildren(canvas);
    return canvas;
  }

  function tell(told: Told): void {
    if (told.kind === "cursor") surface.style.cursor = told.cursor;
    else if (told.kind === "reached") spoken.textContent = readOut(told.unit, told.links);
    else if (told.kind === "snapshot") {
      snapshots.get(told.ticket)?.(told.snapshot);
      snapshots.delete(told.ticket);
    } else for (const listener of listeners) pass(listener, told, home.worker);
  }

  const home = createHome(place, (told) => tell(told), options.worker ?? true);
  const { send } = home;
  listen(surface, send, end.signal, { within: options.within ?? false, several: () => several });
  watchSize(element, (width, height, ratio) => send({ kind: "size", width, height, ratio }), end.signal);
  return {
    element,
    setFrame: (frame, { fresh, moved = false }) => send({ kind: "frame", frame, fresh, moved }),
    setLinks: (links) => send({ kind: "links", ...links }),
    setAppearance: (appearance) => send({ kind: "appearance", appearance }),
    setThumbnails: (thumbnails) => send({ kind: "thumbnails", thumbnails }),
    setPlaces: (places) => send({ kind: "places", places }),
    setForces: (forces) => send({ kind: "forces", forces }),
    setSelected: (units) => send({ kind: "selected", units: [...units] }),
    setFound: (units) => send({ kind: "found", units: [...units] }),
    setTrails: (on) => send({ kind: "trails", on }),
    setSeveral(on) {
      several = on;
    },
    setHovered: (unit) => send({ kind: "hovered", unit }),
    setPinned: (units) => send({ kind: "pinned", units: [...units] }),
    setFrozen: (frozen) => send({ kind: "frozen", frozen }),
    setDark: (dark) => send({ kind: "dark", dark }),
    setReducedMotion: (reduced) => send({ kind: "reduced", reduced }),
    reset: () => send({ kind: "reset" }),
    fit: () => send({ kind: "fit" }),
    zoomBy: (factor) => send({ kind: "zoom", factor }),
    snapshot: () =>
      new Promise((resolve) => {
        tickets += 1;
        snapshots.set(tickets, resolve);
        send({ kind: "snapshot", ticket: tickets });
      }),
    on: (listener) => void listeners.add(listener),
    destroy() {
      end.abort();
      home.destroy();
      element.remove();
    },
  };
}

function pass(
  listener: Partial<GraphEvents>,
  told: Exclude<Told, { kind: "cursor" | "reached" | "snapshot" }>,
  worker: boolean,
): void {
  if (told.kind === "select") listener.select?.(told.units, told.add);
  else if (told.kind === "hover") listener.hover?.(told.unit);
  else if (told.kind === "pin") listener.pin?.(told.unit);
  else if (told.kind === "unpin") listener.unpin?.(told.unit);
  else listener.status?.({ ...told.status, worker });
}

function createSurface(): HTMLElement {
  const surface = document.createElement("div");
  surface.tabIndex = 0;
  surface.setAttribute("role", "application");
  surface.setAttribute("aria-label", LABEL);
  surface.className = "graph-surface";
  Object.assign(surface.style, { position: "absolute", inset: "0", touchAction: "none", cursor: "grab" });
  return surface;
}

/** Text for screen readers alone: the unit that the keyboard reached. */
function createSpoken(): HTMLElement {
  const spoken = document.createElement("div");
  spoken.setAttribute("aria-live", "polite");
  Object.assign(spoken.style, {
    ...{ position: "absolute", width: "1px", height: "1px", overflow: "hidden" },
    ...{ clipPath: "inset(50%)", whiteSpace: "nowrap" },
  });
  return spoken;
}

function readOut(unit: number, links: number): string {
  return `Unit ${unit}, ${links === 1 ? "1 link" : `${links} links`}`;
}

/** Tells the element's size and the pixels of the device, now and at each change. */
function watchSize(
  element: HTMLElement,
  tell: (width: number, height: number, ratio: number) => void,
  signal: AbortSignal,
): void {
  const measure = (): void => tell(element.clientWidth, element.clientHeight, window.devicePixelRatio || 1);
  const observer = new ResizeObserver(measure);
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
  const watchRatio = (): void => {
    if (signal.aborted) return;
    const query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    const changed = (): void => {
      measure();
      watchRatio();
    };
    query.addEventListener("change", changed, { once: true, signal });
  };
  watchRatio();
}
