// Taking the view along: a picture, a file for `surfeit figure`, or a link.

import { layerName } from "../layers";
import { besideEachOther, createFilm, toPng, toSvg, toView, type Panel, type Saving, type SavingMatrix } from "../save";
import type { Choices, GraphView } from "../types";
import type { Actions } from "./actions";
import type { Address } from "./address";
import { isScene, paperAppearance, type View } from "./derive";
import { matrixLegend, orderOf } from "../graph/matrix";
import { copy, download, fileName } from "./download";
import { sentenceOf } from "./failures";
import { h, icon } from "./dom";
import type { Part } from "./part";
import { formatState } from "./state";
import { createWalk, evenly, type Walk } from "./walk";
import { counted, linksOf, matrixWords, momentOf, placesOf, SIMILARITY } from "./words";

/** Frames of a film, and moments side by side. */
const FRAMES = 100;
const PANELS = 9;
const DOWN = "M7 1.500h2v7l2.300-2.300 1.400 1.400L8 12.300 3.300 7.600l1.400-1.400L7 8.500zM2 13h12v1.500H2z";

export function createSaveMenu(actions: Actions, graph: GraphView, address: Address): Part {
  const { link } = address;
  let view: View | null = null;
  let owed: ((view: View) => Promise<string>) | null = null;
  const walk = createWalk(actions, graph);
  const item = (label: string, does: (view: View) => Promise<string>): HTMLElement =>
    h("li", {}, h("button", { type: "button", onclick: () => void run(does) }, label));
  const menu = h("details", { class: "menu" },
    h("summary", { title: "Save or share this view" }, icon(DOWN), "Save"),
    h("ul", {},
      item("Picture (PNG)", (now) => savePng(now, graph)),
      item("Picture (SVG)", (now) => saveSvg(now, graph)),
      item("Moments side by side (PNG)", (now) => saveMoments(now, graph, walk, actions)),
      item("Film of the training (GIF)", (now) => saveFilm(now, graph, walk, actions)),
      item("File for surfeit figure (JSON)", (now) => saveView(now, graph)),
      link && item("Copy link to this view", (now) => copyLink(now, link))));

  async function run(does: (view: View) => Promise<string>): Promise<void> {
    menu.open = false;
    owed = null;
    if (walk.walking) return actions.say("Moments are being taken: Escape stops it.");
    if (!view || view.model.failure !== null || !isScene(view.scene)) return actions.say("There is no picture to save.");
    // An earlier moment's picture must not be saved under this one's name.
    if (!view.current) {
      owed = does;
      return actions.say("The picture is still being computed; it is saved then.");
    }
    try {
      actions.say(await does(view));
    } catch (problem) {
      actions.say(`That did not work: ${sentenceOf(problem)}`);
    }
  }

  const leave = (event: Event): void => {
    if (menu.open && !event.composedPath().includes(menu)) menu.open = false;
  };
  const stop = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && walk.stop()) actions.say("Stopped; nothing is saved.");
  };
  const escape = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
    event.stopPropagation();
  };
  menu.addEventListener("keydown", escape);
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !menu.contains(relatedTarget)) menu.open = false;
  });
  document.addEventListener("pointerdown", leave);
  document.addEventListener("keydown", stop);
  return {
    element: menu,
    update(next) {
      view = next;
      walk.update(next);
      if (owed && (next.current || next.model.failure !== null)) void run(owed);
    },
    destroy() {
      walk.stop();
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("keydown", stop);
    },
  };
}

async function savePng(view: View, graph: GraphView): Promise<string> {
  return download(await toPng(await savingOf(view, graph)), `${fileName(view)}.png`);
}

async function saveSvg(view: View, graph: GraphView): Promise<string> {
  return download(new Blob([toSvg(await savingOf(view, graph))], { type: "image/svg+xml" }), `${fileName(view)}.svg`);
}

/** A film of the training, as the layout takes it from moment to moment. */
async function saveFilm(view: View, graph: GraphView, walk: Walk, actions: Actions): Promise<string> {
  const indices = momentsOf(view, FRAMES);
  const film = createFilm(Math.max(20, Math.round(1000 / view.state.speed)));
  const whole = await walk.through(indices, async (now, place) => {
    actions.say(`Film: moment ${counted(place + 1)} of ${counted(indices.length)}. Escape stops it.`);
    film.add(await savingOf(now, graph, true), place === indices.length - 1);
  });
  return whole ? download(film.finish(), `${fileName(view)}.gif`) : "Stopped; nothing is saved.";
}

/** The graph at several moments in one picture. */
async function saveMoments(view: View, graph: GraphView, walk: Walk, actions: Actions): Promise<string> {
  const indices = momentsOf(view, PANELS);
  const panels: Panel[] = [];
  const whole = await walk.through(indices, async (now, place) => {
    actions.say(`Moment ${counted(place + 1)} of ${counted(indices.length)}. Escape stops it.`);
    const scene = isScene(now.scene) ? now.scene : null;
    panels.push({ saving: await savingOf(now, graph, true), title: scene ? `${scene.timeline.axis} ${counted(scene.moment.at)}` : "" });
  });
  if (!whole) return "Stopped; nothing is saved.";
  const { scene } = view;
  const heading = isScene(scene) ? `${scene.timeline.name}, ${layerName(scene.layer.name)}` : "";
  return download(await besideEachOther(panels, heading, view.state.layout === "matrix" ? matrixWords(view) : placesOf(view)), `${fileName(view)}-moments.png`);
}

function momentsOf({ scene }: View, most: number): number[] {
  const count = isScene(scene) ? scene.timeline.moments.length : 0;
  if (count < 2) throw new Error("there is one moment alone: nothing changes");
  return evenly(count, most);
}

async function saveView(view: View, graph: GraphView): Promise<string> {
  const state = explicit(view);
  const text = toView(await savingOf(view, graph), state, formatState(state));
  const name = `${fileName(view)}.json`;
  download(new Blob([text], { type: "application/json" }), name);
  const discs = view.thumbed?.thumbnails ? " It draws circles in place of pictures." : "";
  return `Saved. Draw it with: surfeit figure ${name}${discs && `.${discs}`}`;
}

function copyLink(view: View, linkOf: (hash: string) => string): Promise<string> {
  return copy(linkOf(formatState(explicit(view))), "Link");
}

/** The state with its run, layer and moment named, so that it means the same elsewhere. */
function explicit({ state, scene }: View): Choices {
  if (!isScene(scene)) return state;
  return {
    ...state,
    run: scene.timeline.id.slice(0, scene.timeline.id.startsWith("tickets-") ? undefined : 12),
    merged: scene.merged?.id ?? null,
    layer: scene.layer.name,
    at: scene.moment.at,
  };
}

async function savingOf(view: View, graph: GraphView, several = false): Promise<Saving | SavingMatrix> {
  if (view.state.layout === "matrix") return matrixSavingOf(view, several);
  const paper = paperAppearance(view);
  const snapshot = await graph.snapshot();
  if (!paper) throw new Error("There is no picture to save yet");
  return {
    snapshot: { ...snapshot, appearance: paper.appearance },
    legend: paper.legend,
    title: pictureTitle(view),
    subtitle: [linksOf(view), placesOf(view)].filter((words) => words !== "").join(". "),
    selected: view.state.selected,
    thumbnails: view.thumbed?.thumbnails ?? null,
  };
}

function pictureTitle({ scene }: View): string {
  return isScene(scene) ? `${scene.timeline.name}, ${layerName(scene.layer.name)}, ${momentOf(scene)}` : "";
}

/** The matrix as it is shown, on paper, which is light. */
function matrixSavingOf(view: View, several: boolean): SavingMatrix {
  const found = view.model.matrix?.matrix ?? null;
  if (found === null) throw new Error("There is no picture to save yet");
  if (typeof found === "string") throw new Error(found);
  // One and the same under the names of all would be no film.
  if (several && found.instead) throw new Error("This page holds the matrix of one moment alone: `surfeit view` has those of all.");
  const grouping = typeof view.grouping === "string" ? null : view.grouping;
  const labels = grouping?.labels ?? null;
  return {
    matrix: found,
    order: orderOf(found.units, labels),
    labels,
    legend: matrixLegend(found.units, view.grouping, SIMILARITY[view.state.source].measure, false),
    title: pictureTitle(view),
    subtitle: matrixWords(view),
    selected: view.state.selected,
  };
}
