// The graph on the page: tells it of what has changed, and of nothing else.

import type { GraphStatus, GraphView } from "../types";
import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { h, icon, say } from "./dom";
import { sentenceOf } from "./failures";
import type { Part } from "./part";

const PLUS = "M7 2.500h2V7h4.500v2H9v4.500H7V9H2.500V7H7z";
const MINUS = "M2.500 7h11v2h-11z";
const WHOLE = "M2 2h5v1.500H3.500V7H2zM9 2h5v5h-1.500V3.500H9zM2 9h1.500v3.500H7V14H2zM12.500 9H14v5H9v-1.500h3.500z";

/** The graph with its buttons; legend and cover lie over it. */
export function createCanvas(graph: GraphView, actions: Actions, over: readonly HTMLElement[]): Part {
  const button = (label: string, path: string, does: () => void): HTMLElement =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: does }, icon(path));
  const note = h("p", { class: "picture-note" });
  graph.element.dataset["keys"] = "graph";
  const element = h("section", { class: "canvas", "aria-label": "Graph of units" },
    graph.element, ...over, note,
    h("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
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
      element.classList.toggle("stale", isScene(view.scene) && view.frame === null);
      element.classList.toggle("empty", !isScene(view.scene));
      note.hidden = !view.frame?.note;
      say(note, view.frame?.note ? sentenceOf(view.frame.note) : "");
    },
    destroy: () => graph.destroy(),
  };
}

/** Leaves word of the drawing for those who measure the page. */
function noteOn(element: HTMLElement, { settled, drawn, links, worker }: GraphStatus): void {
  Object.assign(element.dataset, { settled, drawn: drawn.toFixed(1), links, worker });
}

/** Calls each setter of the graph only when what it is given has changed. */
function createTelling(graph: GraphView): (view: View) => void {
  const changed = watcher();
  let subject = "";
  return (view) => {
    const { state, model, frame } = view;
    if (changed("dark", model.dark)) graph.setDark(model.dark);
    if (changed("reduced", model.reduced)) graph.setReducedMotion(model.reduced);
    if (changed("forces", state.forces)) graph.setForces(state.forces);
    if (!frame || !view.appearance || !model.shown) return;
    const { timeline, layer, source, merged } = model.shown.query;
    const now = [timeline, layer, source, merged].join("\n");
    if (changed("frame", frame)) {
      graph.setFrame(frame, { fresh: now !== subject });
      subject = now;
    }
    if (changed("links", `${view.maxApart} ${state.sigma} ${state.twins}`)) {
      graph.setLinks({ maxApart: view.maxApart, sigma: state.sigma, twins: state.twins });
    }
    if (changed("appearance", view.appearance)) graph.setAppearance(view.appearance);
    const within = (unit: number): boolean => unit < frame.units;
    if (changed("selected", state.selected)) graph.setSelected(state.selected.filter(within));
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
