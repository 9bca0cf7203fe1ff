// The page: which parts it has, where they stand, and in which order they are drawn.

import type { GraphView, Timeline, UnitPictures } from "../types";
import type { Actions } from "./actions";
import type { Address } from "./address";
import { createCanvas } from "./canvas";
import { createChartColumn } from "./chartcolumn";
import { createCutoff } from "./cutoff";
import { isScene } from "./derive";
import { h } from "./dom";
import { createForces } from "./forces";
import { createHelp } from "./help";
import { createJumps } from "./jumps";
import { createLegend } from "./legend";
import { createBanner, createCover, createWord } from "./messages";
import { createTurns, type Part } from "./part";
import { createMatrix } from "./matrix";
import { createPicker } from "./picker";
import { differenceWords } from "./runs";
import { createSaveMenu } from "./savemenu";
import { createSearchField } from "./searchfield";
import { createSelection } from "./selection";
import { createSpeaker, createTimebar } from "./timebar";
import { createToolbar } from "./toolbar";
import { createUnits } from "./units";
import { remember } from "./store";
import type { Ask } from "./trial";
import { leadOf } from "./words";

export interface PageOptions {
  actions: Actions;
  graph: GraphView;
  address: Address;
  again(): void;
  live: boolean;
  /** What is known of a run alone. */
  read(id: string): Promise<Timeline>;
  /** What a network is worth without units; null where nobody can measure it. */
  trial: Ask | null;
  /** What single units are; null where nobody knows. */
  pictures: UnitPictures | null;
}

export interface Page extends Part {
  search(): void;
  help(): void;
  destroy(): void;
}

/** All parts of the page; the graph, time and choices are drawn at once, the others in turns. */
export function createPage({ actions, graph, address, again, live, read, trial, pictures }: PageOptions): Page {
  const search = createSearchField(actions);
  const save = createSaveMenu(actions, graph, address);
  const help = createHelp();
  const picker = createPicker(actions, read);
  const toolbar = createToolbar(actions, live, pictures !== null, picker.show);
  const differing = createDiffering();
  const lead = createLead();
  const timebar = createTimebar(actions);
  const banner = createBanner(again);
  const legend = createLegend(actions);
  const cover = createCover();
  const matrix = createMatrix(actions);
  const canvas = createCanvas(graph, actions, [matrix.element, legend.element, cover.element]);
  const forces = createForces(actions, { again: () => graph.reset() });
  const side = [createCutoff(actions), createSelection(actions, trial, pictures), forces, createUnits(actions)];
  const charts = createChartColumn(actions, live);
  const [links, selection, , units] = side.map((part) => part.element);
  const speaker = createSpeaker();
  const word = createWord(() => actions.say(null));
  const helpButton = h("button", { type: "button", class: "quiet", title: "How to read this, and the keys (?)", onclick: help.show }, "Help");
  const element = h("div", { class: "viewer" },
    h("header", {},
      h("div", { class: "top" },
        h("span", { class: "brand" }, "Surfeit"),
        toolbar.element,
        h("div", { class: "aside" }, search.element, save.element, helpButton)),
      banner.element, lead.element, differing.element, timebar.element),
    h("main", {},
      canvas.element,
      h("div", { class: "panels" },
        createJumps([
          { label: "Graph", element: canvas.element, narrow: true },
          { label: "Choices", element: toolbar.element, narrow: true },
          { label: "Charts", element: charts.element },
          { label: "Links", element: links! },
          { label: "Selection", element: selection! },
          { label: "Forces", element: forces.element },
          { label: "Units", element: units! },
        ]),
        h("div", { class: "side" }, ...side.map((part) => part.element)),
        charts.element)),
    speaker.element, word.element, help.element, picker.element);
  const first: Part[] = [canvas, matrix, timebar, lead, differing, picker, toolbar, search, save, banner, legend, cover, speaker, word];
  const later: Part[] = [...side, ...charts.parts];
  const turns = createTurns(later);
  return {
    element,
    search: search.focus,
    help: help.show,
    update: (view) => {
      element.classList.toggle("dark", view.model.dark);
      for (const part of first) part.update(view);
      turns.update(view);
    },
    destroy() {
      turns.stop();
      for (const part of [...first, ...later]) part.destroy?.();
      element.remove();
    },
  };
}

/** The sentence that explains the picture. */
function createLead(): Part {
  const element = h("h1", { class: "lead" });
  return {
    element,
    update(view) {
      const words = leadOf(view);
      element.hidden = words === "";
      if (element.textContent !== words) element.textContent = words;
    },
  };
}

/** Beside a second run: what its settings have that the first one's have not. */
function createDiffering(): Part {
  const element = h("p", { class: "hint differing", hidden: true });
  const wordsOf = remember(differenceWords);
  return {
    element,
    update({ scene }) {
      const words = isScene(scene) && scene.merged ? wordsOf(scene.timeline, scene.merged) : "";
      element.hidden = words === "";
      if (element.textContent !== words) element.textContent = words;
    },
  };
}
