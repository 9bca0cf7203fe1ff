// All that can be done to the view. Panels, keys, charts and the graph call these and nothing else.

import { DEFAULT_FORCES } from "../graph/forces";
import { apartOf, innerProductOf, maxApartOf, weightOf } from "../graph/apart";
import type { ColourBy, Forces, SourceOfSimilarity, ViewState } from "../types";
import { cutoffOf, isScene } from "./derive";
import { clamp, SIGMA, within } from "./limits";
import type { Model } from "./model";
import { nearestIndex, sceneOf, type Scene } from "./scene";
import { leastCut } from "./state";
import type { Store } from "./store";
import { choicesOf } from "./usual";

export type Actions = ReturnType<typeof createActions>;

export function createActions(store: Store<Model>) {
  const change = (patch: Partial<ViewState>): void => store.set({ state: { ...store.get().state, ...patch } });
  return {
    change,
    ...createChoices(store, change),
    ...createTravel(store, change),
    ...createCutoff(store, change),
    ...createSelection(store, change),
    setForce(name: keyof Forces, value: number): void {
      change({ forces: { ...store.get().state.forces, [name]: value } });
    },
    resetForces: () => change({ forces: DEFAULT_FORCES }),
    setFrozen: (frozen: boolean) => change({ frozen }),
    setSearch: (text: string) => store.set({ search: text }),
    hover: (unit: number | null) => store.set({ hovered: unit }),
    /** The graph is drawn so large now; what nobody would see is passed over. */
    zoomed(zoom: number): void {
      if (Math.abs(Math.log(zoom / store.get().zoom)) > 0.02) store.set({ zoom });
    },
    say: (word: string | null) => store.set({ word }),
  };
}

type Change = (patch: Partial<ViewState>) => void;

function createChoices(store: Store<Model>, change: Change) {
  return {
    /** Another run: what is known only of the old one is dropped, the layer is kept if it is there. */
    chooseRun(run: string): void {
      const old = store.get().state;
      const layers = store.get().catalog?.timelines.find(({ id }) => id === run)?.layers ?? [];
      const layer = layers.some(({ name }) => name === old.layer) ? old.layer : null;
      store.set({ playing: false });
      change({ run, layer, at: null, merged: null, ...plain(old), selected: [], pinned: [], hidden: [] });
    },
    chooseSource: (source: SourceOfSimilarity) => change({ source, cut: null }),
    chooseLayer(layer: string): void {
      change({ layer, cut: null, selected: [], pinned: [] });
    },
    /** With two runs colours tell them apart, until others are chosen. */
    chooseMerged(merged: string | null): void {
      const colour: Partial<ViewState> = merged === null ? plain(store.get().state) : { colour: null };
      change({ merged, ...colour, selected: [], pinned: [], hidden: [], twins: false });
    },
    chooseColour: (colour: ColourBy) => change({ colour }),
    toggleModel(model: number): void {
      const { hidden } = store.get().state;
      change({ hidden: hidden.includes(model) ? hidden.filter((other) => other !== model) : [...hidden, model] });
    },
  };
}

/** Without a second run there is nothing to tell apart by colour. */
function plain({ colour }: ViewState): Partial<ViewState> {
  return colour === "model" ? { colour: null } : {};
}

function createTravel(store: Store<Model>, change: Change) {
  const scene = (): Scene | null => {
    const { catalog, state } = store.get();
    const found = catalog ? sceneOf(catalog, state) : null;
    return isScene(found) ? found : null;
  };
  const goToIndex = (index: number): void => {
    const now = scene();
    if (!now) return;
    const last = now.timeline.moments.length - 1;
    const place = clamp(index, 0, last);
    // The last moment of a run that is still written is followed.
    change({ at: place === last ? null : now.timeline.moments[place]!.at });
  };
  return {
    goToIndex,
    /** The moment nearest to a step or level. */
    goTo(at: number): void {
      const now = scene();
      if (now) goToIndex(nearestIndex(now.timeline.moments, at));
    },
    stepBy(moments: number): void {
      const now = scene();
      store.set({ playing: false });
      if (now) goToIndex(now.index + moments);
    },
    goToEnd(last: boolean): void {
      store.set({ playing: false });
      goToIndex(last ? Infinity : 0);
    },
    /** Starts or stops; at the end it starts from the beginning. */
    play(on: boolean): void {
      const now = scene();
      if (!now || now.timeline.moments.length < 2) return;
      if (on && now.index === now.timeline.moments.length - 1) goToIndex(0);
      store.set({ playing: on });
    },
  };
}

function createCutoff(store: Store<Model>, change: Change) {
  const setInnerProduct = (value: number): void => {
    const { sigma } = store.get().state;
    change({ cut: weightOf(apartOf(value), sigma), mapping: "cosine" });
  };
  return {
    setInnerProduct,
    setWeight(value: number): void {
      change({ cut: clamp(value, leastCut(store.get().state.sigma), 1), mapping: "cosine" });
    },
    resetCutoff: () => change({ cut: null, mapping: "cosine" }),
    moveCutoff(by: number): void {
      const { catalog, state, shown } = store.get();
      const found = catalog ? sceneOf(catalog, state) : null;
      if (!isScene(found)) return;
      const now = innerProductOf(cutoffOf(found.layer, choicesOf(state, found), shown?.frame ?? null));
      setInnerProduct(clamp(Math.round((now + by) * 1000) / 1000, -1, 1));
    },
    /** Another sigma; the same links stay, their strengths change. */
    setSigma(value: number): void {
      const { state } = store.get();
      const sigma = within(value, SIGMA);
      change({ sigma, mapping: "cosine", cut: state.cut === null ? null : weightOf(maxApartOf(state.cut, state.sigma), sigma) });
    },
  };
}

function createSelection(store: Store<Model>, change: Change) {
  return {
    /** Selects these units; with `add`, each joins or leaves what is selected. */
    select(units: readonly number[], add: boolean): void {
      const { selected } = store.get().state;
      if (!add) return change({ selected: [...new Set(units)] });
      const chosen = new Set(selected);
      const leave = units.length > 0 && units.every((unit) => chosen.has(unit));
      for (const unit of units) leave ? chosen.delete(unit) : chosen.add(unit);
      change({ selected: [...chosen] });
    },
    pin(unit: number): void {
      const { pinned } = store.get().state;
      if (!pinned.includes(unit)) change({ pinned: [...pinned, unit] });
    },
    unpin(unit: number): void {
      change({ pinned: store.get().state.pinned.filter((other) => other !== unit) });
    },
    togglePin(unit: number): void {
      const { pinned } = store.get().state;
      change({ pinned: pinned.includes(unit) ? pinned.filter((other) => other !== unit) : [...pinned, unit] });
    },
    releasePins: () => change({ pinned: [] }),
  };
}
