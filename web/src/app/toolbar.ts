// The choices above the graph: run, layer, what likeness rests on, a second run, colours.

import { layerName } from "../layers";
import type { Catalog, ColourBy, Layer, LayoutBy, MarksBy, SizeBy, SourceOfSimilarity, Timeline } from "../types";
import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { field, fillSelect, h } from "./dom";
import type { Part } from "./part";
import { sentenceOf } from "./failures";
import { layerSubjectOf } from "./measured";
import { mergeable, momentsIn, type Scene } from "./scene";
import { remember } from "./store";
import { BESIDE } from "./thumbnails";
import { withoutUpdates } from "./usual";
import { CRITERIA, criterionName, plural, SIMILARITY } from "./words";

const COLOUR_NAMES: Record<ColourBy, string> = {
  group: "group",
  class: "class answered most",
  cluster: "component",
  norm: "norm",
  moved: "update",
  movement: "angle moved",
  removal: "removal order",
  kept: "weights kept",
  model: "run",
};

const SIZE_NAMES: Record<SizeBy, string> = { moved: "update", norm: "weight vector" };

const MARK_NAMES: Record<MarksBy, string> = { discs: "none", weights: "weights", updates: "updates" };

const LAYOUT_NAMES: Record<LayoutBy, string> = {
  force: "forces",
  plane: "principal components",
  tsne: "t-SNE map",
  umap: "UMAP map",
  matrix: "matrix by group",
};

/** The row of choices. A page that is not live carries one run, and perhaps one to show beside it;
 * `pictured`: somebody knows whether weights are pictures. */
export function createToolbar(actions: Actions, live: boolean, pictured: boolean, browse: () => void): Part {
  const choice = (chosen: (value: string) => void): HTMLSelectElement =>
    h("select", { onchange: (event: Event) => chosen((event.target as HTMLSelectElement).value) });
  const run = choice(actions.chooseRun);
  const layer = choice(actions.chooseLayer);
  const source = createLikeness(actions);
  const layout = choice((value) => actions.change({ layout: value as LayoutBy }));
  const size = choice((value) => actions.change({ size: value as SizeBy }));
  const merged = choice((value) => actions.chooseMerged(value || null));
  const colour = choice((value) => actions.chooseColour(value as ColourBy));
  const marks = choice((value) => actions.change({ marks: value as MarksBy }));
  const marksField = field("pictures", marks);
  const criterion = choice((value) => actions.change({ criterion: value }));
  const twins = h("input", { type: "checkbox", onchange: () => actions.change({ twins: twins.checked }) });
  const joined = h("label", { class: "check", title: "Joins each unit to the unit of the same number in the other run" }, twins, "join twins");
  const runField = field("run", run, "field roomy");
  const browser = h("button", { type: "button", class: "square", "aria-label": "Browse…", title: "Browse: filter and group all runs, and see what differs between two", onclick: browse }, "…");
  const mergedField = field("beside", merged);
  const criterionField = field("by", criterion);
  // Of thousands of runs, made anew only where they have changed.
  const runOptions = remember((catalog: Catalog | null) => (catalog?.timelines ?? []).slice(0, live ? undefined : 1).map(runOption));
  const mergedOptions = remember(besideOptions);
  const element = h("div", { class: "toolbar", role: "group", "aria-label": "What is shown" },
    runField, browser, field("layer", layer), source.element, mergedField, joined, field("colour", colour), criterionField, field("size by", size), marksField, field("layout", layout));
  return {
    element,
    update(view) {
      const scene = isScene(view.scene) ? view.scene : null;
      const { catalog } = view.model;
      fillSelect(run, runOptions(catalog), scene?.timeline.id ?? view.state.run ?? "");
      fillSelect(layer, (scene?.timeline.layers ?? []).map(layerOption), scene?.layer.name ?? "");
      source.update(view);
      fillSelect(layout, layouts(catalog, live), view.state.layout);
      layout.title = Object.values(catalog?.withoutLayouts ?? {}).join(" ");
      fillSelect(size, sizes(scene), view.state.size);
      const lack = scene ? withoutPictures(view, scene) : null;
      fillSelect(marks, marksOptions(scene, lack), view.state.marks);
      marksField.title = lack === null ? "Draws each unit as a small picture of its weights, or of what training added to them" : `No pictures of units: ${lack}.`;
      marksField.hidden = !pictured || view.state.layout === "matrix";
      fillSelect(merged, mergedOptions(scene && catalog, scene?.timeline ?? null, scene?.layer ?? null), scene?.merged?.id ?? "");
      fillSelect(colour, colours(view), view.state.colour);
      browser.hidden = !live || run.options.length < 2;
      runField.classList.toggle("lone", !live && run.options.length < 2);
      run.title = scene?.timeline.name ?? "";
      merged.title = scene?.merged?.name ?? "";
      fillSelect(criterion, criteria(view), view.state.criterion);
      mergedField.hidden = merged.options.length < 2;
      mergedField.classList.toggle("roomy", Boolean(scene?.merged));
      joined.hidden = !scene?.merged;
      element.classList.toggle("single", !scene?.merged && view.state.colour !== "removal");
      twins.checked = view.state.twins;
      criterionField.hidden = view.state.colour !== "removal";
    },
  };
}

/** All layouts; those that cannot be shown say so, and the title says why. */
function layouts(catalog: Catalog | null, live: boolean) {
  const lacking = catalog?.withoutLayouts ?? {};
  return (Object.keys(LAYOUT_NAMES) as LayoutBy[]).map((value) => {
    const missing = lacking[value] !== undefined;
    return { value, label: `${LAYOUT_NAMES[value]}${missing ? (live ? " (not installed)" : " (not in this page)") : ""}`, disabled: missing };
  });
}

function runOption(timeline: Timeline): { value: string; label: string } {
  const { id, name, status } = timeline;
  const state = momentsIn(timeline) === 0 ? " (no snapshots)" : status === "running" ? " (running)" : "";
  return { value: id, label: name + state };
}

function layerOption(layer: Layer): { value: string; label: string } {
  return { value: layer.name, label: `${layerName(layer.name)} (${plural(layer.units, "unit")})` };
}

/** What likeness rests on: a button each, so that the others are one click away. */
function createLikeness(actions: Actions): Part {
  const buttons = (Object.keys(SIMILARITY) as SourceOfSimilarity[]).map((source) =>
    h("button", { type: "button", "data-source": source, onclick: () => actions.chooseSource(source) }, SIMILARITY[source].label));
  const element = h("div", { class: "field likeness", role: "group", "aria-label": "likeness of" },
    h("span", { class: "name", "aria-hidden": "true" }, "likeness of"), h("div", { class: "joined" }, ...buttons));
  return {
    element,
    update({ scene, state }) {
      for (const button of buttons) {
        const source = button.dataset["source"] as SourceOfSimilarity;
        const lack = isScene(scene) ? lackOf(scene, source) : null;
        button.setAttribute("aria-pressed", String(source === state.source));
        button.disabled = lack !== null && source !== state.source;
        button.title = lack ?? `Joins units ${SIMILARITY[source].alike}`;
      }
    },
  };
}

/** Why units cannot be compared by this, a sentence; null where they can. */
function lackOf(scene: Scene, source: SourceOfSimilarity): string | null {
  if (source === "outputs") return scene.timeline.withoutData && sentenceOf(scene.timeline.withoutData);
  const why = source === "updates" ? withoutUpdates(scene) : null;
  return why && `What training added is not known: ${why}.`;
}

/** Where it is not known what training added, there is one size alone. */
function sizes(scene: Scene | null) {
  const known = scene !== null && withoutUpdates(scene) === null;
  return (Object.keys(SIZE_NAMES) as SizeBy[]).map((value) => ({ value, label: SIZE_NAMES[value], disabled: value === "moved" && !known }));
}

/** Why units cannot be drawn as pictures, a clause; null where they can, or that is not known yet. */
function withoutPictures({ model }: View, scene: Scene): string | null {
  const { timeline, layer, merged } = scene;
  if (merged !== null) return BESIDE;
  if (timeline.withoutData !== null) return timeline.withoutData.replace(/\.$/, "");
  const known = model.unpicturable;
  return known?.subject === layerSubjectOf({ timeline: timeline.id, layer: layer.name }) ? known.why : null;
}

/** Those that cannot be drawn stay in sight: the title says why. */
function marksOptions(scene: Scene | null, lack: string | null) {
  const added = scene !== null && withoutUpdates(scene) === null;
  const disabled: Record<MarksBy, boolean> = { discs: false, weights: lack !== null, updates: lack !== null || !added };
  return (Object.keys(MARK_NAMES) as MarksBy[]).map((value) => ({ value, label: MARK_NAMES[value], disabled: disabled[value] }));
}

function besideOptions(catalog: Catalog | null, timeline: Timeline | null, layer: Layer | null) {
  const none = { value: "", label: "no other run" };
  if (!catalog || !timeline || !layer) return [none];
  const others = mergeable(catalog, timeline, layer);
  return [none, ...others.map(({ id, name }) => ({ value: id, label: name }))];
}

/** The colours that would tell something here, and the one in use. */
function colours({ state, scene, facts }: View) {
  const two = isScene(scene) && scene.merged !== null;
  const masked = (isScene(scene) && scene.timeline.axis === "level") || (facts?.kept.some((kept) => kept < 1) ?? false);
  const moved = facts?.moved.some(Number.isFinite) ?? false;
  const idle: Partial<Record<ColourBy, boolean>> = { model: !two, kept: !masked, moved: !moved, class: !isScene(scene) || scene.timeline.withoutData !== null };
  return (Object.keys(COLOUR_NAMES) as ColourBy[])
    .filter((value) => value === state.colour || !idle[value])
    .map((value) => ({ value, label: COLOUR_NAMES[value] }));
}

function criteria(view: View) {
  const { removal } = view.model;
  const names = removal !== null && typeof removal !== "string" ? removal.criteria.map(({ name }) => name) : Object.keys(CRITERIA);
  return names.map((value) => ({ value, label: criterionName(value) }));
}
