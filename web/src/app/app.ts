// The viewer on a page: builds the parts, ties them to the one model, and takes them down again.

import { chartStyle } from "../charts";
import { createGraphView } from "../graph/view";
import type { Source } from "../types";
import { createActions, type Actions } from "./actions";
import { createWriter, noAddress, type Address } from "./address";
import { createDerive } from "./derive";
import { follow } from "./follow";
import { focusOf, listen } from "./keyboard";
import { createLoader } from "./loader";
import { firstModel, type Model } from "./model";
import { createPage } from "./page";
import { createPlayer } from "./player";
import { formatState, parseState, unknownIn } from "./state";
import { createStore, type Store } from "./store";
import style from "./style.css?inline";
import { titleOf } from "./words";

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
  const store = createStore<Model>({ ...firstModel(), ...readAddress(address.read()) });
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const graph = createGraphView({ within: !options.whole });
  const actions = createActions(store);
  const loader = createLoader(store, source);
  const page = createPage({ actions, graph, address, again: () => void loader.open(), live: source.live, read: (id) => source.timeline(id, true), trial: source.trial?.bind(source) ?? null, pictures: source.pictures ?? null });
  dress(root, page.element);
  page.element.classList.toggle("whole", options.whole ?? false);
  // JupyterLab hears keys before we do, and leaves those of elements that say so.
  if (!options.whole) element.dataset["lmSuppressShortcuts"] = "true";

  const derive = createDerive();
  const writer = createWriter(address);
  const draw = (model: Model): void => {
    const view = derive(model);
    page.update(view);
    if (options.whole && document.title !== titleOf(view)) document.title = titleOf(view);
    if (!model.playing) writer.write(formatState(model.state));
  };
  const endings = [
    store.subscribe(draw),
    writer.stop,
    address.listen((hash) => {
      writer.changed();
      store.set(readAddress(hash));
    }),
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

/** The state that an address tells of, and a word on what in it is not known. */
function readAddress(hash: string): Pick<Model, "state" | "word"> {
  return { state: parseState(hash), word: unknownIn(hash).join(" ") || null };
}

/** A page that carries a second run was made to show both. */
function joinCarried(store: Store<Model>, actions: Actions): void {
  const second = store.get().catalog?.timelines[1];
  if (second) actions.chooseMerged(second.id);
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
