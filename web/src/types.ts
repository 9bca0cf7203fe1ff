// What the rooms of the viewer say to each other. Words are those of the Python side.

/** Everything that can be opened. */
export interface Catalog {
  timelines: Timeline[];
  /** What could not be opened, a sentence each. */
  problems: string[];
  /** Why a layout cannot be shown here, a sentence; those that can are not named. */
  withoutLayouts?: Partial<Record<LayoutBy, string>>;
}

/** One thing that changes along one axis: a run over its steps, or a ticket search over its levels. */
export interface Timeline {
  id: string;
  name: string;
  axis: "step" | "level";
  status: "done" | "running" | "interrupted";
  moments: Moment[];
  /** How many moments there are, where these are still to be asked for: `moments` is empty then. */
  unread?: number;
  layers: Layer[];
  /** Why unit outputs and the cost of removals are not to be had, a sentence; null where they are.
   * In a catalog it is also null where that is not known yet: `Source.timeline` finds out. */
  withoutData: string | null;
  /** Why it is not known what training added, a clause; null where it is. */
  withoutUpdates?: string | null;
  /** What was minimised, "cross_entropy" or "squared_error" say; null where nobody says. */
  objective: string | null;
  /** What it is chosen by among others, where that is known. */
  about?: About;
  /** What it was trained with: short words by dotted name; of a timeline in a long list not told. */
  settings?: Record<string, string>;
  /** What is missing, a sentence: a run without snapshots has no moments. */
  note?: string | null;
}

/** A run in a few words. */
export interface About {
  model: string;
  data: string;
  seed: number | null;
  /** In a search for tickets: "ticket", a control's name, or "tickets" of the whole search. */
  arm: string;
  level: number | null;
  /** Share of the weights that its mask keeps. */
  density: number | null;
  tags: string[];
}

/** One place on the axis. */
export interface Moment {
  /** The step or the level; ascending within a timeline. */
  at: number;
  epoch: number | null;
  /** The run whose weights are shown. */
  run: string;
}

export interface Layer {
  /** Dotted; empty for a network that is a single layer. */
  name: string;
  /** "linear", "convolution", "recurrent": in words. */
  kind: string;
  units: number;
  inputs: number;
  /** The inner product that chance does not reach in this layer: where links begin by default. */
  chance: number;
}

export type SourceOfSimilarity = "weights" | "updates" | "outputs";

/** Which picture is asked for. */
export interface Query {
  timeline: string;
  layer: string;
  source: SourceOfSimilarity;
  /** A moment's `at`. */
  at: number;
  /** Another timeline whose units of the same layer are added, or null. */
  merged: string | null;
}

/** What one quantity reaches over all moments. */
export interface Spread {
  low: number;
  high: number;
  /** Its 99th percentile over all units and moments. */
  q99: number;
}

/** What sizes, colours and axes are drawn to: one scale for all moments of a layer. Null: the
 * quantity is not known. */
export interface Scales {
  norm: Spread | null;
  /** Of what training added to weight vectors. */
  moved: Spread | null;
  /** Radians. */
  angle: Spread | null;
}

/** The graph of one layer at one moment. Links are sorted: the nearest two units come first. */
export interface GraphFrame {
  /** Units in all; those of a merged run come after the first run's. */
  units: number;
  /** Units of the first run; equal to `units` unless two are merged. */
  own: number;
  norm: Float32Array;
  /** Length of what training added to the weight vector; NaN where unknown. */
  moved: Float32Array;
  /** Angle between the weight vector and its initial one, radians; NaN where unknown. */
  angle: Float32Array;
  /** Fraction of the unit's weights that a mask keeps, in [0, 1]; 1 without a mask. */
  kept: Float32Array;
  source: Uint16Array;
  target: Uint16Array;
  /** Quantised cosine distance of each link: inner product = 1 - 2 apart / 65535. Ascending. */
  apart: Uint16Array;
  /** Links are complete from this inner product on; below it some are left out. */
  floor: number;
  /** The nearest neighbours of each unit, [units * neighbours], nearest first; null if not carried.
   * A unit's own number stands where there is none: it has no direction, or too few others have. */
  nearest: Uint16Array | null;
  nearestApart: Uint16Array | null;
  /** How many there are of each unit: by themselves or, with `nearest` null, among the links. */
  neighbours: number;
  /** What the user should know of this picture, a sentence, or null. */
  note: string | null;
  /** The inner product that chance does not reach at this moment, and the greatest `apart` from it
   * on; null where nothing is known of chance. */
  level?: number | null;
  levelApart?: number | null;
  /** The mean inner product of all pairs; null or left out where it is not known. */
  mean?: number | null;
}

/** The eigenvalues of one layer at one moment and the noise fitted to them. */
export interface SpectrumFrame {
  /** Descending; those that are zero by the layer's shape are left out. */
  eigenvalues: Float32Array;
  /** The fitted Marchenko-Pastur density, on ascending eigenvalues; empty if there is no fit. */
  densityAt: Float32Array;
  density: Float32Array;
  /** Edges of the noise, and what a spike must pass; null without a fit. */
  fit: { lower: number; upper: number; threshold: number; spikes: number; fits: boolean } | null;
  /** Squared loadings of the leading eigenvectors on the units, [leading * units], rows sum to 1. */
  leading: number;
  loadings: Float32Array;
  units: number;
  note: string | null;
  /** Which other moment this is of, a sentence, where the one asked for is not to be had. */
  instead?: string | null;
  /** The moment that was asked for: while another one's is on its way, this may stand. */
  of?: number;
}

/** Removal orders of one layer at one moment and, with data, what they cost. */
export interface RemovalFrame {
  units: number;
  /** Examples that costs are measured on; 0 without data. */
  examples: number;
  /** What losses are of. */
  objective: string;
  split: string;
  criteria: RemovalOrder[];
  note: string | null;
  /** The least accuracy, or the greatest loss, that is accepted. */
  accepted?: number | null;
  /** The share that always naming one class would have right. */
  guess?: number | null;
  /** Nothing is measured at any moment, and never will be: there are orders alone. */
  bare?: boolean;
  /** Random orders: one standard deviation below their mean and above, after 0, 1, ..., units removals. */
  random?: { low: Float32Array; high: Float32Array } | null;
  /** At least and at most how many units can go, a sentence; null where it is not known. */
  answer?: string | null;
  /** The same in numbers, where it has bounds. */
  canGo?: { criterion: string; least: number; most: number; confidence: number } | null;
  /** As of a spectrum. */
  instead?: string | null;
  of?: number;
}

export interface RemovalOrder {
  /** "magnitude", "frame_potential" or "inner_product". */
  name: string;
  /** Units in the order in which they go, least important first. */
  order: Uint16Array;
  /** Accuracy (fraction) after 0, 1, ..., units removals; null without data or classes. */
  accuracy: Float32Array | null;
  /** The loss in its place where there are no classes: less is better. */
  loss: Float32Array | null;
}

/** What a layer's units answer to some examples. */
export interface Activity {
  units: number;
  examples: number;
  /** 0 where examples have no one class. */
  classes: number;
  /** So many examples a unit: those that it answers to most, [units * columns]. */
  columns: number;
  driving: Uint16Array;
  /** The answers to these; NaN where nothing drives the unit. */
  answers: Float32Array;
  /** The mean answer to the examples of a class, [units * classes]; NaN for a class without any. */
  byClass: Float32Array;
  note: string | null;
}

/** Pictures of the examples, each channel behind the other: [count * channels * height * width]. */
export interface Examples {
  count: number;
  shape: Shape | null;
  pixels: Uint8Array;
  /** Empty where examples have no one class. */
  labels: Uint16Array;
}

/** Channels, height and width. */
export type Shape = readonly [number, number, number];

/** Weight vectors as pictures, [units * channels * height * width], -127 to 127 of a unit's largest. */
export interface WeightPictures {
  shape: Shape | null;
  /** A pixel is the mean of so many by so many weights. */
  pooled: number;
  weight: Int8Array;
  /** What 127 stands for, [units]. */
  weightLargest: Float32Array;
  /** What training added; empty where it is not known. */
  update: Int8Array;
  updateLargest: Float32Array;
  why: string | null;
  /** The moment that they are of, where that is another than was asked for. */
  at?: number;
}

/** Units as small pictures on one scale, [units * channels * height * width], -127 to 127. */
export interface Thumbnails {
  shape: Shape;
  pixels: Int8Array;
}

/** What tells what single units are. Of a query that names a merged timeline they are that one's. */
export interface UnitPictures {
  /** What drives units; null where nobody can run the network. */
  driving: {
    activity(query: Query, signal?: AbortSignal): Promise<Activity>;
    examples(timeline: string, signal?: AbortSignal): Promise<Examples>;
  } | null;
  weights(query: Query, signal?: AbortSignal): Promise<WeightPictures>;
  /** Why a layer's weight vectors are no pictures, a clause; null where they are. */
  why(query: Query, signal?: AbortSignal): Promise<string | null>;
}

/** What a network is worth without some units, in sentences; there are figures besides. */
export interface Trial {
  words: string[];
}

/** The metrics of a timeline, one row a measurement; NaN where nothing was measured. */
export interface Learning {
  /** Steps, or levels. */
  at: Float64Array;
  /** By column, "train_accuracy", "test_r2" or "density" say. */
  columns: Record<string, Float64Array>;
  /** Between what the same columns of its replicates lie, this one included. */
  spread?: Spreads | null;
}

/** The least and the most over so many replicates; NaN where no other one was measured. */
export interface Spreads {
  replicates: number;
  least: Record<string, Float64Array>;
  most: Record<string, Float64Array>;
}

/** Where pictures come from: a server, the page itself, or a notebook. Failures are Errors whose
 * message is a sentence for the user. */
export interface Source {
  catalog(): Promise<Catalog>;
  /** One timeline as it is now: a run being written grows. A quick look does not find out whether
   * its data are there. */
  timeline(id: string, quick?: boolean): Promise<Timeline>;
  graph(query: Query, signal?: AbortSignal): Promise<GraphFrame>;
  spectrum(query: Query, signal?: AbortSignal): Promise<SpectrumFrame>;
  removal(query: Query, signal?: AbortSignal): Promise<RemovalFrame>;
  learning(timeline: string): Promise<Learning>;
  /** What the network is worth without these units of the layer; those of the merged timeline, if
   * the query names one. Only a server can measure it. */
  trial?(query: Query, units: readonly number[], signal?: AbortSignal): Promise<Trial>;
  /** What single units are; a server runs the network for it. */
  pictures?: UnitPictures;
  /** The scale of a layer's units over all moments; the query's source and moment are of no account. */
  scales(query: Query, signal?: AbortSignal): Promise<Scales>;
  /** The groups of a layer's units over all moments; likewise. */
  course(query: Query, signal?: AbortSignal): Promise<Course>;
  /** Units by their principal components; the query's moment is of no account. */
  plane(query: Query, signal?: AbortSignal): Promise<Plane>;
  /** Units on a map of who is next to whom; likewise. */
  map(query: Query, method: MapMethod, signal?: AbortSignal): Promise<UnitMap>;
  matrix(query: Query, signal?: AbortSignal): Promise<Matrix>;
  /** Whether timelines may grow and others may be merged: true for a server. */
  readonly live: boolean;
}

/** Groups of units over all moments: a way to follow units. */
export interface Course {
  /** What units were divided by. */
  source: "updates" | "weights";
  units: number;
  own: number;
  /** The moments, ascending. */
  at: number[];
  groups: number;
  /** The group of each unit at each moment, [moments * units]; 255: none. */
  labels: Uint8Array;
  /** The class that each unit answers to most, [moments * units]; 255: it is silent. Null: not known. */
  classes: Uint8Array | null;
  /** At each moment, the mean cosine of units to their group's mean direction; the same of random groups. */
  ownCosine: (number | null)[];
  randomCosine: (number | null)[];
}

/** Where units lie at all moments, by their first two principal components. */
export interface Plane {
  source: "updates" | "weights";
  units: number;
  own: number;
  at: number[];
  /** On one scale, [moments * units * 2]. */
  places: Float32Array;
  /** At each moment, the share of the variance in the plane; null where all units are the same. */
  share: (number | null)[];
}

export type MapMethod = "tsne" | "umap";

/** Where units lie at some moments so that neighbours stay neighbours, and how far that is true. */
export interface UnitMap {
  method: MapMethod;
  units: number;
  own: number;
  at: number[];
  /** [moments * units * 2]; units without a direction stand in rows under the others. */
  places: Float32Array;
  /** At each moment: how many neighbours are looked at, the trustworthiness, the share of them that
   * are truly among the nearest; null of fewer than 3 units. */
  neighbours: number[];
  trust: (number | null)[];
  true: (number | null)[];
  /** How many units have no direction. */
  nowhere: number[];
}

export type Mapping = "cosine" | "report";

/** What says where units lie: forces between them, their principal components, or a map of who is
 * next to whom; or a matrix of all pairs in place of the graph. */
export type LayoutBy = "force" | "plane" | MapMethod | "matrix";

/** The inner products of all pairs of units. */
export interface Matrix {
  units: number;
  /** [units * units], in steps of 1/127; -128 where a unit has no direction. */
  products: Int8Array;
  /** Which moment's it is in place of the one asked for, a clause; and that moment. */
  instead?: string | null;
  at?: number;
}

/** Places that units go to, and what of the plane is to be in sight. */
export interface Places {
  /** [units * 2]. */
  places: Float32Array;
  bounds: { left: number; right: number; top: number; bottom: number };
}

export type ColourBy = "group" | "class" | "cluster" | "norm" | "moved" | "movement" | "removal" | "model" | "kept";

/** What the area of a unit's mark tells. */
export type SizeBy = "norm" | "moved";

/** What a unit is drawn as: a disc, or a picture of its weights or of what training added to them. */
export type MarksBy = "discs" | "weights" | "updates";

/** How moments lie on the slider: evenly, by their step, or by the step's logarithm. */
export type SliderBy = "moment" | "step" | "log";

export interface Forces {
  charge: number;
  gravity: number;
  length: number;
  strength: number;
  collision: number;
}

/** All that the address holds. Defaults are left out of it; null: what is usual for what is shown. */
export interface ViewState {
  run: string | null;
  merged: string | null;
  layer: string | null;
  source: SourceOfSimilarity | null;
  /** A moment's `at`; null: the last one, followed while the run is written. */
  at: number | null;
  /** Least link weight exp(-(1 - inner product) / sigma^2); null: the layer's chance level. */
  cut: number | null;
  sigma: number;
  colour: ColourBy | null;
  size: SizeBy | null;
  marks: MarksBy;
  criterion: string;
  forces: Forces;
  selected: readonly number[];
  pinned: readonly number[];
  twins: boolean;
  layout: LayoutBy;
  /** How links weigh and where they end: by the cosine or, as the report's program had it, by half
   * of one less it, squared, over the mean distance. */
  mapping: Mapping;
  /** Each unit is joined with so many nearest ones, beside the links above the cutoff. */
  nearest: number | null;
  /** Whether selected units trail their way. */
  trails: boolean;
  frozen: boolean;
  /** Models (0: own, 1: merged) that the legend has switched off. */
  hidden: readonly number[];
  slider: SliderBy;
  /** Steps of the slider a second. */
  speed: number;
  loop: boolean;
}

/** The state with what is usual in place of what was not chosen. */
export interface Choices extends ViewState {
  source: SourceOfSimilarity;
  colour: ColourBy;
  size: SizeBy;
  nearest: number;
}

/** How each unit is drawn; one entry a unit. */
export interface Appearance {
  /** 0xRRGGBB. */
  colour: Uint32Array;
  /** Radius in pixels at zoom 1; 0 hides the unit and its links. */
  radius: Float32Array;
  /** 0 to 1: units that lost their weights fade. */
  opacity: Float32Array;
  /** 0 circle, 1 square, 2 ring (isolated). */
  shape: Uint8Array;
}

/** The graph as an element on the page. It lays out and draws, in a worker where there is one. */
export interface GraphView {
  readonly element: HTMLElement;
  /** Another picture: units keep their places, links are exchanged. `fresh` begins anew; `moved` says
   * that it is of another moment, which trails remember. */
  setFrame(frame: GraphFrame, options: { fresh: boolean; moved?: boolean }): void;
  /** Links with `apart` up to this are drawn and pull; sigma gives their strength. */
  /** Those up to `level` are drawn apart from the weaker ones, if there is one; `squared`: weights fall
   * with the square of the distance. */
  setLinks(options: { maxApart: number; sigma: number; twins: boolean; level?: number; squared?: boolean }): void;
  setAppearance(appearance: Appearance): void;
  /** Pictures that units are drawn as where they are large enough; null: discs. */
  setThumbnails(thumbnails: Thumbnails | null): void;
  setForces(forces: Forces): void;
  /** Places that units go to in place of what forces give; null: forces again. */
  setPlaces(places: Places | null): void;
  setSelected(units: readonly number[]): void;
  /** Units that a search means: they are ringed. */
  setFound(units: readonly number[]): void;
  /** Whether selected units trail their way over the last moments. */
  setTrails(on: boolean): void;
  /** Whether clicks add to the selection and drags select an area, as with Shift. */
  setSeveral(on: boolean): void;
  setHovered(unit: number | null): void;
  setPinned(units: readonly number[]): void;
  setFrozen(frozen: boolean): void;
  setDark(dark: boolean): void;
  /** With reduced motion the layout is settled first and then shown at rest. */
  setReducedMotion(reduced: boolean): void;
  /** Lays out from fresh places. */
  reset(): void;
  /** Brings all units into sight. */
  fit(): void;
  zoomBy(factor: number): void;
  /** What is drawn now, with places in pixels of the element. */
  snapshot(): Promise<Snapshot>;
  on(listener: Partial<GraphEvents>): void;
  destroy(): void;
}

export interface GraphEvents {
  /** A click, a drag over an area (shift), or a click beside (empty). `add` with shift or ctrl. */
  select(units: number[], add: boolean): void;
  hover(unit: number | null): void;
  /** A unit was dragged to a place and stays there. */
  pin(unit: number): void;
  /** A pinned unit was let go by a double click. */
  unpin(unit: number): void;
  /** About twice a second, and when it comes to rest. */
  status(status: GraphStatus): void;
}

export interface GraphStatus {
  settled: boolean;
  /** Pictures drawn a second, and links in the last one. */
  drawn: number;
  links: number;
  /** Pixels of the element that a pixel of a radius takes. */
  zoom: number;
  /** Whether a worker does the work. */
  worker: boolean;
}

/** A picture as it stands, enough to be drawn again elsewhere. */
export interface Snapshot {
  width: number;
  height: number;
  /** [units * 2], pixels from the top left. */
  places: Float32Array;
  zoom: number;
  /** Pairs of units and the opacity of each link. */
  links: Uint16Array;
  opacity: Float32Array;
  appearance: Appearance;
  /** Pairs of twins, if they are joined. */
  twins: Uint16Array;
  /** The way of each selected unit, x and y by turns in pixels, oldest first. */
  trails?: { unit: number; way: number[] }[];
}

/** What the legend says of the colours. */
export interface Legend {
  title: string;
  /** Kinds, each with its colour 0xRRGGBB and shape; or a scale from low to high. */
  entries: { label: string; colour: number; shape: number; model?: number }[];
  scale: { colours: number[]; low: string; high: string } | null;
  /** What is to be known of the kinds, a sentence. */
  note?: string | null;
  /** What sizes mean: marks of some norms, radii in pixels at zoom 1. */
  sizes?: { title: string; marks: { label: string; radius: number }[] };
  /** What pictures of units show: their colours from least to greatest, or why there are none.
   * `when`: the moment that they are of, or nothing. */
  pictures?: { title: string; when: string; scale: Legend["scale"]; note: string } | null;
}

/** What a chart may ask of the viewer. */
export interface ChartActions {
  select(units: number[], add: boolean): void;
  hover(unit: number | null): void;
  /** Moves the one slider to the moment nearest to this step or level. */
  goTo(at: number): void;
}

/** What charts show of the run beside the first: at its last moment that is not later. */
export interface SecondRun {
  name: string;
  timeline: Timeline;
  at: number;
  learning: Learning | string | null;
  spectrum: SpectrumFrame | string | null;
  removal: RemovalFrame | string | null;
}

/** What all charts are drawn from; null: not there yet, a string: why it never will be. */
export interface ChartModel {
  timeline: Timeline;
  layer: Layer;
  at: number;
  frame: GraphFrame | null;
  learning: Learning | string | null;
  spectrum: SpectrumFrame | string | null;
  removal: RemovalFrame | string | null;
  /** The run beside the first, as far as it has come; its units are numbered by itself. */
  second?: SecondRun | null | undefined;
  appearance: Appearance | null;
  /** The scale over all moments; null before a picture comes. */
  scales?: Scales | null | undefined;
  selected: readonly number[];
  hovered: number | null;
  dark: boolean;
}

/** A chart as an element on the page. */
export interface Chart {
  readonly element: HTMLElement;
  update(model: ChartModel): void;
  /** Whether there is nothing to draw, now and later. */
  lacks(): boolean;
  destroy(): void;
}
