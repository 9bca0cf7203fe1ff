// All that the page is drawn from: the state in the address and what has come in for it.

import type { Catalog, GraphFrame, Learning, Query, RemovalFrame, SpectrumFrame, ViewState } from "../types";
import { DEFAULT_STATE } from "./state";

/** A picture and what it is a picture of. */
export interface Shown {
  query: Query;
  frame: GraphFrame;
}

export interface Model {
  state: ViewState;
  catalog: Catalog | null;
  /** The last picture that came; an older moment's while the wanted one is on its way. */
  shown: Shown | null;
  /** Whether the wanted picture is still on its way. */
  waiting: boolean;
  /** Why the wanted picture cannot be shown, a sentence. */
  failure: string | null;
  learning: Learning | string | null;
  spectrum: SpectrumFrame | string | null;
  removal: RemovalFrame | string | null;
  /** Nothing answers any more. */
  gone: boolean;
  playing: boolean;
  hovered: number | null;
  /** What stands in the search field. */
  search: string;
  dark: boolean;
  reduced: boolean;
  /** A short word on what was just done ("Link copied."), or null. */
  word: string | null;
}

export function firstModel(state: ViewState = DEFAULT_STATE): Model {
  return {
    state,
    catalog: null,
    shown: null,
    waiting: true,
    failure: null,
    learning: null,
    spectrum: null,
    removal: null,
    gone: false,
    playing: false,
    hovered: null,
    search: "",
    dark: false,
    reduced: false,
    word: null,
  };
}
