// The graph on the page: tells it of what has changed, and of nothing else.

import type { GraphStatus, GraphView } from "../types";
import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { h, icon, say } from "./dom";
import { sentenceOf } from "./failures";
import { createHoverCard } from "./hovercard";
import type { Part } from "./part";
import { unitsOf } from "./search";
import { warningOf } from "./words";

const SEVERAL = "M2 2h4v1.500H3.500V6H2zM10 2h4v4h-1.500V3.500H10zM2 10h1.500v2.500H6V14H2zM11 8.500h1.500V11H15v1.500h-2.500V15H11v-2.500H8.500V11H11z";
const PLUS = "M7 2.500h2V7h4.500v2H9v4.500H7V9H2.500V7H7z";
const MINUS = "M2.500 7h11v2h-11z";
const WHOLE = "M2 2h5v1.500H3.500V7H2zM9 2h5v5h-1.500V3.500H9zM2 9h1.500v3.500H7V14H2zM12.500 9H14v5H9v-1.500h3.500z";

/** The graph with its buttons; legend and cover lie over it. */
export function createCanvas(graph: GraphView, actions: Actions, over: readonly HTMLElement[]): Part {
  const button = (label: string, path: string, does: () => void): HTMLElement =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: does }, icon(path));
  const note = h("p", { class: "picture-note" });
  const warning = h("p", { class: "picture-warning", role: "note" });
  const several = button("Select several: clicks add, drags select an area (as with Shift)", SEVERAL, () => {
    const on = several.getAttribute("aria-pressed") !== "true";
    several.setAttribute("aria-pressed", String(on));
    graph.setSeveral(on);
  });
  several.setAttribute("aria-label", "Select several");
  several.setAttribute("aria-pressed", "false");
  const card = createHoverCard(graph.element);
  graph.element.dataset["keys"] = "graph";
  const element = h("section", { class: "canvas", "aria-label": "Graph of units" },
    graph.element, ...over, note, warning, card.element,
    h("div", { class: "zoom", role: "group", "aria-label": "Zoom and selection" },
      several,
      button("Zoom in", PLUS, () => graph.zoomBy(1.25)),
      button("Zoom out", MINUS, () => graph.zoomBy(0.8)),
      button("Show all units", WHOLE, () => graph.fit())));
  graph.on({
    select: actions.select,
    hover: actions.hover,
    pin: actions.pin,
    unpin: actions.unpin,
    status(status) {
      noteOn(graph.element, status);
      actions.zoomed(status.zoom);
    },
  });
  const tell = createTelling(graph);
  return {
    element,
    update(view) {
      tell(view);
      card.update(view);
      element.classList.toggle("tabled", view.state.layout === "matrix");
      element.classList.toggle("stale", isScene(view.scene) && view.frame === null);
      element.classList.toggle("empty", !isScene(view.scene));
      const warned = warningOf(view);
      warning.hidden = warned === "";
      element.classList.toggle("warned", warned !== "");
      say(warning, warned);
      note.hidden = !view.frame?.note;
      say(note, view.frame?.note ? sentencesOf(view.frame.note) : "");
    },
    destroy: () => graph.destroy(),
  };
}

/** A note may be several sentences, of which each begins with a capital. */
function sentencesOf(note: string): string {
  return note.split(". ").map((sentence) => sentenceOf(sentence).replace(/\.$/, "")).join(". ") + ".";
}

/** Leaves word of the drawing for those who measure the page. */
function noteOn(element: HTMLElement, { settled, drawn, links, worker }: GraphStatus): void {
  Object.assign(element.dataset, { settled, drawn: drawn.toFixed(1), links, worker });
}

/** Calls each setter of the graph only when what it is given has changed. */
function createTelling(graph: GraphView): (view: View) => void {
  const changed = watcher();
  let subject = "";
  let moment = NaN;
  return (view) => {
    const { state, model, frame } = view;
    if (changed("dark", model.dark)) graph.setDark(model.dark);
    if (changed("reduced", model.reduced)) graph.setReducedMotion(model.reduced);
    if (changed("forces", state.forces)) graph.setForces(state.forces);
    if (!frame || !view.appearance || !model.shown) return;
    const { timeline, layer, source, merged, at } = model.shown.query;
    const now = [timeline, layer, source, merged].join("\n");
    if (changed("frame", frame)) {
      graph.setFrame(frame, { fresh: now !== subject, moved: at !== moment });
      [subject, moment] = [now, at];
    }
    const sigma = view.reportSigma ?? state.sigma;
    const squared = view.reportSigma !== null;
    if (changed("links", `${view.maxApart} ${view.level} ${sigma} ${squared} ${state.twins}`)) {
      graph.setLinks({ maxApart: view.maxApart, level: view.level, sigma, squared, twins: state.twins });
    }
    const placed = typeof view.placed === "string" ? null : view.placed;
    if (changed("placed", placed)) graph.setPlaces(placed && { places: placed.places, bounds: placed.bounds });
    if (changed("appearance", view.appearance)) graph.setAppearance(view.appearance);
    const thumbnails = view.thumbed?.thumbnails ?? null;
    if (changed("thumbnails", thumbnails)) graph.setThumbnails(thumbnails);
    const within = (unit: number): boolean => unit < frame.units;
    if (changed("selected", state.selected)) graph.setSelected(state.selected.filter(within));
    if (changed("found", view.found)) graph.setFound(typeof view.found === "object" && view.found ? unitsOf(view.found) : []);
    if (changed("trails", state.trails)) graph.setTrails(state.trails);
    if (changed("pinned", state.pinned)) graph.setPinned(state.pinned.filter(within));
    if (changed("frozen", state.frozen)) graph.setFrozen(state.frozen);
    if (changed("hovered", model.hovered)) graph.setHovered(model.hovered);
  };
}

function watcher(): (name: string, value: unknown) => boolean {
  const last = new Map<string, unknown>();
  return (name, value) => {
    if (last.has(name) && Object.is(last.get(name), value)) return false;
    last.set(name, value);
    return true;
  };
}
