// Taking the view along: a picture, a file for `surfeit figure`, or a link.

import { layerName } from "../layers";
import { toPng, toSvg, toView, type Saving } from "../save";
import type { Choices, GraphView } from "../types";
import type { Actions } from "./actions";
import type { Address } from "./address";
import { isScene, paperAppearance, type View } from "./derive";
import { copy, download, fileName } from "./download";
import { sentenceOf } from "./failures";
import { h, icon } from "./dom";
import type { Part } from "./part";
import { formatState } from "./state";
import { linksOf, momentOf } from "./words";

const DOWN = "M7 1.500h2v7l2.300-2.300 1.400 1.400L8 12.300 3.300 7.600l1.400-1.400L7 8.500zM2 13h12v1.500H2z";

export function createSaveMenu(actions: Actions, graph: GraphView, address: Address): Part {
  const { link } = address;
  let view: View | null = null;
  let owed: ((view: View) => Promise<string>) | null = null;
  const item = (label: string, does: (view: View) => Promise<string>): HTMLElement =>
    h("li", {}, h("button", { type: "button", onclick: () => void run(does) }, label));
  const menu = h("details", { class: "menu" },
    h("summary", { title: "Save or share this view" }, icon(DOWN), "Save"),
    h("ul", {},
      item("Picture (PNG)", (now) => savePng(now, graph)),
      item("Picture (SVG)", (now) => saveSvg(now, graph)),
      item("File for surfeit figure (JSON)", (now) => saveView(now, graph)),
      link && item("Copy link to this view", (now) => copyLink(now, link))));

  async function run(does: (view: View) => Promise<string>): Promise<void> {
    menu.open = false;
    owed = null;
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
  return {
    element: menu,
    update(next) {
      view = next;
      if (owed && (next.current || next.model.failure !== null)) void run(owed);
    },
    destroy: () => document.removeEventListener("pointerdown", leave),
  };
}

async function savePng(view: View, graph: GraphView): Promise<string> {
  return download(await toPng(await savingOf(view, graph)), `${fileName(view)}.png`);
}

async function saveSvg(view: View, graph: GraphView): Promise<string> {
  return download(new Blob([toSvg(await savingOf(view, graph))], { type: "image/svg+xml" }), `${fileName(view)}.svg`);
}

async function saveView(view: View, graph: GraphView): Promise<string> {
  const state = explicit(view);
  const text = toView(await savingOf(view, graph), state, formatState(state));
  const name = `${fileName(view)}.json`;
  download(new Blob([text], { type: "application/json" }), name);
  return `Saved. Draw it with: surfeit figure ${name}`;
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

async function savingOf(view: View, graph: GraphView): Promise<Saving> {
  const paper = paperAppearance(view);
  const snapshot = await graph.snapshot();
  if (!paper) throw new Error("There is no picture to save yet");
  const scene = isScene(view.scene) ? view.scene : null;
  return {
    snapshot: { ...snapshot, appearance: paper.appearance },
    legend: paper.legend,
    title: scene ? `${scene.timeline.name}, ${layerName(scene.layer.name)}, ${momentOf(scene)}` : "",
    subtitle: linksOf(view),
    selected: view.state.selected,
  };
}
