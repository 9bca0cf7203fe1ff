// What follows from the model: the scene, the cutoff in all its units, what is known of each unit,
// and how it looks. Each is computed anew only where what it rests on has changed.

import { apartOf, FARTHEST, innerProductOf, maxApartOf, REPORT_CUT, reportSigma, weightOf } from "../graph/apart";
import { appearanceOf } from "../graph/appearance";
import { matrixLegend } from "../graph/matrix";
import { nearestLinks } from "../graph/nearestLinks";
import type { Appearance, Choices, GraphFrame, Layer, Legend, Query, Scales, SourceOfSimilarity, ViewState } from "../types";
import { groupingOf, isPlacing, placesAt, type Grouping, type Placed } from "./course";
import { factsOf, placesOf, type Facts } from "./facts";
import type { Model, Shown } from "./model";
import { placingSubjectOf, subjectOf } from "./measured";
import { queryOf, sceneOf, type Scene } from "./scene";
import { search } from "./search";
import { DEFAULT_STATE } from "./state";
import { thumbedOf, type Thumbed } from "./thumbnails";
import { remember } from "./store";
import { choicesOf } from "./usual";
import { SIMILARITY } from "./words";

/** All that a part of the page is drawn from. */
export interface View {
  model: Model;
  state: Choices;
  /** What is shown; a sentence where nothing can be, null while the catalog is read. */
  scene: Scene | string | null;
  /** The picture of this run and layer, be it an earlier moment's; null until one comes. */
  frame: GraphFrame | null;
  /** The same as it came, with all links that are carried. */
  carried: GraphFrame | null;
  /** Whether the picture is of the very moment, and all of it is there: its places too, or its matrix. */
  current: boolean;
  maxApart: number;
  /** The sigma of the report's program where its mapping is in use; null otherwise. */
  reportSigma: number | null;
  /** Links up to this are drawn apart: all, unless units are joined with their nearest. */
  level: number;
  /** Units of which fewer nearest are known than were asked for; 0 with a cutoff. */
  lacking: number;
  /** The cutoff as an inner product and as a link weight. */
  innerProduct: number;
  weight: number;
  /** The inner product from which links are drawn by default, and whether it is where chance ends. */
  usual: number;
  chance: boolean;
  facts: Facts | null;
  order: Uint16Array | null;
  /** Each unit's place in the removal order, from 1. */
  places: Uint16Array | null;
  /** Units that the search means, a sentence where it is wrong, null without a search. */
  found: Uint8Array | string | null;
  /** By what units are coloured, and whose are hidden. */
  look: Choices;
  /** The units' groups at this moment; a sentence: why there are none, null: not asked for or not yet there. */
  grouping: Grouping | string | null;
  /** Where units lie by their principal components or on a map; a sentence: why they do not, null: forces lay out. */
  placed: Placed | string | null;
  /** The scale of all moments of these units. */
  scales: Scales | null;
  appearance: Appearance | null;
  /** What units are drawn as in place of discs; null: discs. */
  thumbed: Thumbed | null;
  legend: Legend | null;
}

const NONE: readonly number[] = [];

/** A function from models to views that remembers the last of each thing it computes. */
export function createDerive(): (model: Model) => View {
  const scenes = remember(sceneOf);
  const facts = remember(factsOf);
  const places = remember(placesOf);
  const appearances = remember(paint);
  const joined = remember(nearestLinks);
  const groupings = remember(groupingOf);
  const tables = remember(matrixLegend);
  const chosen = remember(choicesOf);
  const placings = remember(placesAt);
  const finds = remember((text: string, from: Facts, ranks: Uint16Array | null, state: ViewState) =>
    search(text, { ...from, places: ranks, selected: state.selected, pinned: state.pinned }),
  );
  const looks = remember(lookOf);
  const thumbs = remember(thumbedOf);
  const legends = remember(withPictures);
  // Only what a scene depends on, so that it stays the same one while colours change.
  const wishes = remember((run: string | null, merged: string | null, layer: string | null, at: number | null) => ({ run, merged, layer, at }));
  return (model) => {
    const wish = model.state;
    const scene = model.catalog ? scenes(model.catalog, wishes(wish.run, wish.merged, wish.layer, wish.at)) : null;
    const state = chosen(wish, isScene(scene) ? scene : null);
    const shown = isScene(scene) ? model.shown : null;
    const carried = shown && isScene(scene) && mayStand(model, shown, queryOf(scene, state)) ? shown.frame : null;
    const layer = isScene(scene) ? scene.layer : null;
    const report = reported(state, carried);
    const level = report === null ? cutoffOf(layer, state, carried) : maxApartOf(REPORT_CUT, report, true);
    const near = carried && state.nearest > 0 && report === null ? joined(carried, state.nearest, level) : null;
    const frame = near?.frame ?? carried;
    const maxApart = near ? FARTHEST : level;
    const order = orderOf(model, state.criterion, isScene(scene) ? scene.moment.at : null);
    const names = isScene(scene) ? scene : null;
    // What a single run hides, no legend brings back.
    const hidden = names?.merged ? state.hidden : NONE;
    const known = frame && facts(frame, maxApart, hidden, level);
    const ranks = frame && order ? places(order, frame.units) : null;
    const found = known ? finds(model.search, known, ranks, state) : null;
    const look = looks(state.colour, state.size, state.criterion, hidden, names?.timeline.name ?? null, names?.merged?.name ?? null);
    const scales = shown && frame && model.measured?.subject === subjectOf(shown.query) ? model.measured.scales : null;
    const grouping = shown && frame && (state.colour === "group" || state.colour === "class" || state.layout === "matrix") ? groupings(model.course, subjectOf(shown.query), groupedAt(model, state, shown), frame.units) : null;
    const placed = shown && frame && isPlacing(state.layout) ? placings(model.placing, placingSubjectOf(shown.query, state.layout), shown.query.at, frame.units) : null;
    const whole = state.layout === "matrix" ? model.matrix?.subject === JSON.stringify(shown?.query) : !isPlacing(state.layout) || placed !== null;
    const pictured = shown && model.pictured && sameLayer(model.pictured.query, shown.query) ? model.pictured : null;
    const thumbed = shown && frame && names ? thumbs(state.layout === "matrix" ? "discs" : state.marks, pictured, names.timeline, names.merged !== null, shown.query.at, scales, names.layer.inputs, model.dark) : null;
    const picture = frame && appearances(frame, look, level, state.colour === "removal" ? order : null, model.dark, scales, grouping, Boolean(thumbed?.thumbnails));
    return {
      model,
      state,
      scene,
      frame,
      carried,
      current: frame !== null && isScene(scene) && shown?.query.at === scene.moment.at && !model.waiting && whole && !thumbed?.waiting,
      maxApart,
      reportSigma: report,
      level,
      lacking: near?.lacking ?? 0,
      innerProduct: innerProductOf(level),
      usual: layer ? innerProductOf(usualApart(layer, state.source, carried)) : 0,
      chance: state.source !== "outputs" || carried?.level != null,
      weight: report === null ? weightOf(level, state.sigma) : REPORT_CUT,
      facts: known,
      order,
      places: ranks,
      found,
      look,
      grouping,
      placed,
      scales,
      appearance: picture?.appearance ?? null,
      thumbed,
      legend: frame && state.layout === "matrix" ? tables(frame.units, grouping, SIMILARITY[state.source].measure, model.dark) : picture && legends(picture.legend, thumbed),
    };
  };
}

export function isScene(scene: Scene | string | null): scene is Scene {
  return scene !== null && typeof scene !== "string";
}

// Where nothing is known of chance, outputs share their examples: this much is worth a link.
const OUTPUTS_ALIKE = 0.5;

/** The sigma of the report's program, where its mapping is chosen and the mean distance is known. */
function reported({ mapping }: Choices, frame: GraphFrame | null): number | null {
  return mapping === "report" && frame?.mean != null ? reportSigma(frame.mean) : null;
}

/** The moment whose groups are shown: beside a matrix, its own. */
function groupedAt({ matrix }: Model, { layout }: Choices, { query }: Shown): number {
  return layout === "matrix" && matrix && typeof matrix.matrix !== "string" ? (matrix.matrix.at ?? query.at) : query.at;
}

type Levelled = Pick<GraphFrame, "level" | "levelApart"> | null;

/** Where links end unless the state says otherwise: where chance begins at this moment, or in this layer. */
function usualApart(layer: Layer, source: SourceOfSimilarity, frame: Levelled): number {
  if (frame?.level != null) return frame.levelApart ?? apartOf(frame.level);
  return apartOf(source === "outputs" ? OUTPUTS_ALIKE : layer.chance);
}

/** The greatest `apart` of a link: by the state, or by default in this layer and picture. */
export function cutoffOf(layer: Layer | null, state: Pick<Choices, "cut" | "sigma" | "source">, frame: Levelled): number {
  if (state.cut !== null) return maxApartOf(state.cut, state.sigma);
  return layer ? usualApart(layer, state.source, frame) : 0;
}

/** The units of a picture painted for paper, which is light. */
export function paperAppearance(view: View): { appearance: Appearance; legend: Legend } | null {
  const { frame, scene, model, thumbed } = view;
  if (!frame) return null;
  const { appearance, legend } = appearanceOf(frame, view.look, { level: view.level, order: view.order, dark: false, scales: view.scales, grouping: view.grouping, pictured: Boolean(thumbed?.thumbnails) });
  if (!thumbed || !isScene(scene) || !model.shown) return { appearance, legend };
  const light = thumbedOf(view.state.marks, model.pictured, scene.timeline, scene.merged !== null, model.shown.query.at, view.scales, scene.layer.inputs, false);
  return { appearance, legend: withPictures(legend, light) };
}

function lookOf(
  colour: Choices["colour"],
  size: Choices["size"],
  criterion: string,
  hidden: readonly number[],
  run: string | null,
  merged: string | null,
): Choices {
  return { ...choicesOf(DEFAULT_STATE, null), colour, size, criterion, hidden, run, merged };
}

function withPictures(legend: Legend, thumbed: Thumbed | null): Legend {
  return thumbed ? { ...legend, pictures: thumbed.legend } : legend;
}

function sameLayer(one: Query, other: Query): boolean {
  return one.timeline === other.timeline && one.layer === other.layer;
}

type Painting = [frame: GraphFrame, look: Choices, level: number, order: Uint16Array | null, dark: boolean, scales: Scales | null, grouping: Grouping | string | null, pictured: boolean];

function paint(...[frame, look, level, order, dark, scales, grouping, pictured]: Painting) {
  return appearanceOf(frame, look, { level, order, dark, scales, grouping, pictured });
}

/** The order at this moment; while time goes on that of a moment before may stand, no number rests on it. */
function orderOf({ removal, playing }: Model, criterion: string, at: number | null): Uint16Array | null {
  if (removal === null || typeof removal === "string") return null;
  if (removal.of !== undefined && removal.of !== at && !playing) return null;
  return removal.criteria.find(({ name }) => name === criterion)?.order ?? null;
}

/** Whether the last picture may stand for the wanted one: it is that, or an earlier moment of the same
 * units while the wanted one is on its way. */
function mayStand({ waiting, gone, failure }: Model, { query }: Shown, wanted: Query): boolean {
  if (query.at !== wanted.at && (failure !== null || (gone && !waiting))) return false;
  return alike(query, wanted);
}

function alike(one: object, other: object): boolean {
  return JSON.stringify({ ...one, at: 0 }) === JSON.stringify({ ...other, at: 0 });
}
