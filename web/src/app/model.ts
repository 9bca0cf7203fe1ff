// All that the page is drawn from: the state in the address and what has come in for it.

import type { Catalog, Course, GraphFrame, Learning, Matrix, Plane, Query, RemovalFrame, SecondRun, SpectrumFrame, UnitMap, ViewState, WeightPictures } from "../types";
import type { Measured } from "./measured";
import { DEFAULT_STATE } from "./state";

/** A picture and what it is a picture of. */
export interface Shown {
  query: Query;
  frame: GraphFrame;
}

/** Pictures of a layer's weights and what was asked for; a sentence: why there are none. */
export interface Pictured {
  query: Query;
  pictures: WeightPictures | string;
}

export interface Model {
  state: ViewState;
  catalog: Catalog | null;
  /** The last picture that came; an older moment's while the wanted one is on its way. */
  shown: Shown | null;
  /** Whether the wanted picture is still on its way. */
  waiting: boolean;
  /** The scale of the layer over time, as far as it is known. */
  measured: Measured | null;
  /** The groups of these units over time; a sentence: why there are none. */
  course: { subject: string; course: Course | string } | null;
  /** Where units lie by their principal components or on a map; likewise. */
  placing: { subject: string; placing: Plane | UnitMap | string } | null;
  /** All pairs of units at a moment; likewise. */
  matrix: { subject: string; matrix: Matrix | string } | null;
  /** Pictures of these units' weights, where units are drawn as such. */
  pictured: Pictured | null;
  /** Why weights of this layer are no pictures, a clause; null where they are. */
  unpicturable: { subject: string; why: string | null } | null;
  /** Whether the scale of all moments is still on its way. */
  spanning: boolean;
  /** Why the wanted picture cannot be shown, a sentence. */
  failure: string | null;
  learning: Learning | string | null;
  spectrum: SpectrumFrame | string | null;
  removal: RemovalFrame | string | null;
  /** The same of the run beside the first. */
  second: Second;
  /** Nothing answers any more. */
  gone: boolean;
  playing: boolean;
  hovered: number | null;
  /** What stands in the search field. */
  search: string;
  dark: boolean;
  reduced: boolean;
  /** How large the graph is drawn: pixels for a pixel of a unit's radius. */
  zoom: number;
  /** A short word on what was just done ("Link copied."), or null. */
  word: string | null;
}

export type Second = Pick<SecondRun, "learning" | "spectrum" | "removal">;

const NO_SECOND: Second = { learning: null, spectrum: null, removal: null };

export function firstModel(state: ViewState = DEFAULT_STATE): Model {
  return {
    state,
    catalog: null,
    shown: null,
    waiting: true,
    measured: null,
    course: null,
    placing: null,
    matrix: null,
    pictured: null,
    unpicturable: null,
    spanning: false,
    failure: null,
    learning: null,
    spectrum: null,
    removal: null,
    second: NO_SECOND,
    gone: false,
    playing: false,
    hovered: null,
    search: "",
    dark: false,
    reduced: false,
    zoom: 1,
    word: null,
  };
}
