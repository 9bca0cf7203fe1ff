// The viewer on a page: builds the parts, ties them to the one model, and takes them down again.

import { chartStyle } from "../charts";
import { createGraphView } from "../graph/view";
import type { GraphView, Source } from "../types";
import { createActions, type Actions } from "./actions";
import { createWriter, noAddress, type Address } from "./address";
import { createCanvas } from "./canvas";
import { createChartColumn } from "./chartcolumn";
import { createCutoff } from "./cutoff";
import { createDerive } from "./derive";
import { h } from "./dom";
import { follow } from "./follow";
import { createForces } from "./forces";
import { createHelp } from "./help";
import { focusOf, listen } from "./keyboard";
import { createLegend } from "./legend";
import { createLoader } from "./loader";
import { createBanner, createCover, createWord } from "./messages";
import { firstModel, type Model } from "./model";
import { createTurns, type Part } from "./part";
import { createPlayer } from "./player";
import { createSaveMenu } from "./savemenu";
import { createSearchField } from "./searchfield";
import { createSelection } from "./selection";
import { formatState, parseState } from "./state";
import { createStore, type Store } from "./store";
import style from "./style.css?inline";
import { createSpeaker, createTimebar } from "./timebar";
import { createToolbar } from "./toolbar";
import { createUnits } from "./units";
import { leadOf } from "./words";

export interface MountOptions {
  address?: Address;
  /** Whether the viewer has the page to itself: it then fills it and hears all its keys. */
  whole?: boolean;
  /** Dark or light; by the reader's preference if left out. */
  dark?: boolean;
}

export interface Mounted {
  destroy(): void;
}

/** Shows what a source has within an element. */
export function mountViewer(element: HTMLElement, source: Source, options: MountOptions = {}): Mounted {
  const address = options.address ?? noAddress();
  const store = createStore<Model>(firstModel(parseState(address.read())));
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const graph = createGraphView();
  const actions = createActions(store);
  const loader = createLoader(store, source);
  const page = createPage({ actions, graph, address, again: () => void loader.open(), live: source.live });
  dress(root, page.element);
  page.element.classList.toggle("whole", options.whole ?? false);
  // JupyterLab hears keys before we do, and leaves those of elements that say so.
  if (!options.whole) element.dataset["lmSuppressShortcuts"] = "true";

  const derive = createDerive();
  const writer = createWriter(address);
  const draw = (model: Model): void => {
    const view = derive(model);
    page.update(view);
    if (!model.playing) writer.write(formatState(model.state));
  };
  const endings = [
    store.subscribe(draw),
    writer.stop,
    address.listen((hash) => store.set({ state: parseState(hash) })),
    createPlayer(store, actions.goToIndex),
    follow(store, source, loader),
    watchPreferences(store, options.dark),
    listen(options.whole ? document : page.element, actions, {
      search: page.search,
      help: page.help,
      playing: () => store.get().playing,
      searching: () => store.get().search !== "",
    }),
    ...(options.whole ? [] : [keepKeys(page.element)]),
  ];
  draw(store.get());
  void loader.open().then(() => {
    if (!source.live && address.read() === "") joinCarried(store, actions);
  });
  return {
    destroy() {
      endings.forEach((end) => end());
      loader.destroy();
      page.destroy();
    },
  };
}

/** A page that carries a second run was made to show both. */
function joinCarried(store: Store<Model>, actions: Actions): void {
  const second = store.get().catalog?.timelines[1];
  if (second) actions.chooseMerged(second.id);
}

interface PageOptions {
  actions: Actions;
  graph: GraphView;
  address: Address;
  again(): void;
  live: boolean;
}

interface Page extends Part {
  search(): void;
  help(): void;
  destroy(): void;
}

function createPage({ actions, graph, address, again, live }: PageOptions): Page {
  const search = createSearchField(actions);
  const save = createSaveMenu(actions, graph, address);
  const help = createHelp();
  const toolbar = createToolbar(actions, live);
  const lead = createLead();
  const timebar = createTimebar(actions);
  const banner = createBanner(again);
  const legend = createLegend(actions);
  const cover = createCover();
  const canvas = createCanvas(graph, actions, [legend.element, cover.element]);
  const side = [createCutoff(actions), createSelection(actions), createForces(actions, { again: () => graph.reset() }), createUnits(actions)];
  const charts = createChartColumn(actions);
  const speaker = createSpeaker();
  const word = createWord(() => actions.say(null));
  const helpButton = h("button", { type: "button", class: "quiet", title: "How to read this, and the keys (?)", onclick: help.show }, "Help");
  const element = h("div", { class: "viewer" },
    h("header", {}, h("div", { class: "top" }, h("span", { class: "brand" }, "Surfeit"), toolbar.element, h("div", { class: "aside" }, search.element, save.element, helpButton)),
      banner.element, lead.element, timebar.element),
    h("main", {}, canvas.element, h("div", { class: "panels" }, h("div", { class: "side" }, ...side.map((part) => part.element)), charts.element)),
    speaker.element, word.element, help.element);
  const first: Part[] = [canvas, timebar, lead, toolbar, search, save, banner, legend, cover, speaker, word];
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

/** Style sheets made by script: a page's policy may forbid style elements. */
function dress(root: ShadowRoot, page: HTMLElement): void {
  root.adoptedStyleSheets = [style, chartStyle].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  root.replaceChildren(page);
}

/** Follows the reader's wishes for colours and motion. */
function watchPreferences(store: Store<Model>, dark: boolean | undefined): () => void {
  const dim = matchMedia("(prefers-color-scheme: dark)");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const read = (): void => store.set({ dark: dark ?? dim.matches, reduced: still.matches });
  for (const query of [dim, still]) query.addEventListener("change", read);
  read();
  return () => {
    for (const query of [dim, still]) query.removeEventListener("change", read);
  };
}

/** In a notebook our keys must not reach its shortcuts; those that leave a field may. */
function keepKeys(element: HTMLElement): () => void {
  const keep = (event: KeyboardEvent): void => {
    if (event.key === "Tab") return;
    if (focusOf(event.composedPath()[0]) === "page" && (event.ctrlKey || event.metaKey)) return;
    event.stopPropagation();
  };
  element.addEventListener("keydown", keep);
  return () => element.removeEventListener("keydown", keep);
}
