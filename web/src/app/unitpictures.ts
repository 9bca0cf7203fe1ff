// What a unit is: its weight vector as a picture, the images that drive it most, its answers by class.

import type { Activity, Examples, Query, UnitPictures, WeightPictures } from "../types";
import { isScene, type View } from "./derive";
import { h } from "./dom";
import { sentenceOf } from "./failures";
import { foldable } from "./fold";
import type { Part } from "./part";
import { imageOf, weightImageOf, type Image } from "./pixels";
import { unitQueryOf } from "./scene";
import { calledBack, createShelf } from "./shelf";
import { unitName } from "./unitwords";
import { momentName, short } from "./words";

/** Milliseconds that a view stands before pictures are asked for: not while a slider is pulled. */
const PAUSE = 150;
const ROOM = 6;

/** Whose pictures are shown. */
interface Subject {
  query: Query;
  /** As its own run numbers it. */
  unit: number;
  name: string;
  /** What a moment is called. */
  moment(at: number): string;
}

interface Known {
  /** Null where nobody can run the network. */
  driven: { activity: Activity; examples: Examples } | null;
  weights: WeightPictures;
}

/** The pictures of the unit that was selected last. */
export function createUnitPictures(source: UnitPictures | null): Part {
  const inside = h("div", { class: "unit-pictures" });
  const element = foldable("What the unit is", true, inside);
  element.hidden = true;
  const known = createShelf<Known>(ROOM);
  const samples = createShelf<Examples>(2);
  let wanted: Subject | null = null;
  let shown = "";
  let timer: ReturnType<typeof setTimeout> | null = null;

  async function load(query: Query, { driving, weights }: UnitPictures, signal: AbortSignal): Promise<Known> {
    const timeline = query.merged ?? query.timeline;
    const [activity, pictures, examples] = await Promise.all([
      driving?.activity(query, signal) ?? null,
      weights(query, signal),
      driving ? samples.fetch(timeline, (one) => driving.examples(timeline, one)) : null,
    ]);
    return { driven: activity && examples ? { activity, examples } : null, weights: pictures };
  }

  async function show(subject: Subject): Promise<void> {
    if (source === null) return;
    const key = JSON.stringify(subject.query);
    known.keepOnly(new Set([key]));
    try {
      const found = await known.fetch(key, (signal) => load(subject.query, source, signal));
      if (wanted === subject) inside.replaceChildren(...drawn(found, subject));
    } catch (problem) {
      if (wanted === subject && !calledBack(problem)) inside.replaceChildren(h("p", { class: "hint" }, sentenceOf(problem)));
    }
  }

  return {
    element,
    update(view) {
      const subject = source === null ? null : subjectOf(view);
      element.hidden = subject === null;
      const now = JSON.stringify(subject);
      if (now === shown) return;
      shown = now;
      wanted = subject;
      if (timer !== null) clearTimeout(timer);
      if (subject !== null) timer = setTimeout(() => void show(subject), PAUSE);
    },
    destroy() {
      if (timer !== null) clearTimeout(timer);
      wanted = null;
      known.clear();
      samples.clear();
    },
  };
}

function subjectOf(view: View): Subject | null {
  const { facts, scene, state } = view;
  if (!facts || !isScene(scene)) return null;
  const unit = [...state.selected].reverse().find((one) => one < facts.units);
  if (unit === undefined) return null;
  const beside = unit >= facts.own;
  return {
    query: unitQueryOf(scene, state, beside),
    unit: beside ? unit - facts.own : unit,
    name: unitName(view, unit),
    moment: (at) => momentName(scene.timeline, scene.timeline.moments.find((one) => one.at === at) ?? { at, epoch: null, run: "" }),
  };
}

function drawn({ driven, weights }: Known, { unit, name, moment }: Subject): Node[] {
  if (driven === null) return [...weightFigures(weights, unit, name), h("p", { class: "hint" }, `${whenWords(weights, moment)}What drives it, and its answers by class, \`surfeit view\` shows.`)];
  const { activity, examples } = driven;
  return [
    ...weightFigures(weights, unit, name),
    ...drivingFigures(activity, examples, unit, name),
    ...classBars(activity, unit, name),
    ...(activity.note === null ? [] : [h("p", { class: "hint" }, `${activity.note[0]!.toUpperCase()}${activity.note.slice(1)}.`)]),
  ];
}

/** Of which moment pictures are, where that is not the one that is shown. */
function whenWords({ at, shape }: WeightPictures, moment: (at: number) => string): string {
  return at === undefined || shape === null ? "" : `These are of ${moment(at)}, the nearest that this page holds. `;
}

function weightFigures({ shape, weight, update, why }: WeightPictures, unit: number, name: string): Node[] {
  if (shape === null) return why === null ? [] : [h("p", { class: "hint" }, `No picture of its weights: ${why}.`)];
  const figures = [picture(weightImageOf(weight, shape, unit), `weights of ${name}`, "weights")];
  if (update.length > 0) figures.push(picture(weightImageOf(update, shape, unit), `what training added to ${name}`, "what training added"));
  const colours = shape[0] === 1 ? "Orange is positive, blue negative, each to the largest of its own picture." : "Grey is 0, each to the largest of its own picture.";
  return [h("div", { class: "pictures" }, ...figures), h("p", { class: "hint" }, colours)];
}

function drivingFigures(activity: Activity, examples: Examples, unit: number, name: string): Node[] {
  const { columns, driving, answers } = activity;
  const first = unit * columns;
  if (columns === 0 || Number.isNaN(answers[first])) {
    return [h("p", { class: "hint" }, `Nothing drives it: its answer to all ${activity.examples} validation examples is the same.`)];
  }
  const { shape } = examples;
  if (shape === null) return [];
  const figures = Array.from({ length: columns }, (_, place) => {
    const example = driving[first + place]!;
    const label = examples.labels.length > 0 ? `class ${examples.labels[example]}` : `example ${example}`;
    const answer = short(answers[first + place]!);
    return picture(imageOf(examples.pixels, shape, example), `image ${place + 1} that drives ${name}: ${label}, answer ${answer}`, label, answer);
  });
  return [h("h4", {}, `Images that drive it most, of ${activity.examples}`), h("div", { class: "pictures small" }, ...figures)];
}

/** The mean answer to each class as a bar from 0. */
function classBars({ classes, byClass }: Activity, unit: number, name: string): Node[] {
  const means = byClass.subarray(unit * classes, (unit + 1) * classes);
  const largest = means.reduce((most, mean) => (Number.isFinite(mean) ? Math.max(most, Math.abs(mean)) : most), 0);
  if (classes < 2 || largest === 0) return [];
  const bars = Array.from(means, (mean, label) => {
    const told = Number.isFinite(mean) ? short(mean) : "no examples";
    const bar = h("span", { class: mean < 0 ? "bar below" : "bar" });
    bar.style.width = `${Number.isFinite(mean) ? (100 * Math.abs(mean)) / largest : 0}%`;
    return h("tr", {}, h("th", { scope: "row" }, String(label)), h("td", { class: "track" }, bar), h("td", { class: "told" }, told));
  });
  return [h("h4", {}, "Mean answer by class"), h("table", { class: "classes", "aria-label": `Mean answer of ${name} by class` }, h("tbody", {}, ...bars))];
}

/** A picture with words under it. */
function picture({ width, height, rgba }: Image, label: string, ...words: string[]): HTMLElement {
  const canvas = h("canvas", { role: "img", "aria-label": label, title: label });
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return h("figure", {}, canvas, h("figcaption", {}, ...words.map((word) => h("span", {}, word))));
}
