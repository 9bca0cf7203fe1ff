// The choices above the graph: run, layer, what likeness rests on, a second run, colours.

import { layerName } from "../layers";
import type { Catalog, ColourBy, Layer, SourceOfSimilarity, Timeline } from "../types";
import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { field, fillSelect, h } from "./dom";
import type { Part } from "./part";
import { mergeable, momentsIn } from "./scene";
import { remember } from "./store";
import { CRITERIA, criterionName, plural, SIMILARITY } from "./words";

const COLOUR_NAMES: Record<ColourBy, string> = {
  cluster: "component",
  norm: "norm",
  movement: "angle moved",
  removal: "removal order",
  kept: "weights kept",
  model: "run",
};

/** The row of choices. A page that is not live carries one run, and perhaps one to show beside it. */
export function createToolbar(actions: Actions, live: boolean, browse: () => void): Part {
  const choice = (chosen: (value: string) => void): HTMLSelectElement =>
    h("select", { onchange: (event: Event) => chosen((event.target as HTMLSelectElement).value) });
  const run = choice(actions.chooseRun);
  const layer = choice(actions.chooseLayer);
  const source = choice((value) => actions.chooseSource(value as SourceOfSimilarity));
  const merged = choice((value) => actions.chooseMerged(value || null));
  const colour = choice((value) => actions.chooseColour(value as ColourBy));
  const criterion = choice((value) => actions.change({ criterion: value }));
  const twins = h("input", { type: "checkbox", onchange: () => actions.change({ twins: twins.checked }) });
  const joined = h("label", { class: "check", title: "Joins each unit to the unit of the same number in the other run" }, twins, "join twins");
  const runField = field("run", run, "field roomy");
  const browser = h("button", { type: "button", title: "Filter and group all runs, and see what differs between two", onclick: browse }, "Browse…");
  const mergedField = field("beside", merged);
  const criterionField = field("by", criterion);
  // Of thousands of runs, made anew only where they have changed.
  const runOptions = remember((catalog: Catalog | null) => (catalog?.timelines ?? []).slice(0, live ? undefined : 1).map(runOption));
  const mergedOptions = remember(besideOptions);
  const element = h("div", { class: "toolbar", role: "group", "aria-label": "What is shown" },
    runField, browser, field("layer", layer), field("likeness of", source), mergedField, joined, field("colour", colour), criterionField);
  return {
    element,
    update(view) {
      const scene = isScene(view.scene) ? view.scene : null;
      const { catalog } = view.model;
      fillSelect(run, runOptions(catalog), scene?.timeline.id ?? view.state.run ?? "");
      fillSelect(layer, (scene?.timeline.layers ?? []).map(layerOption), scene?.layer.name ?? "");
      fillSelect(source, sources(scene?.timeline ?? null), view.state.source);
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
      twins.checked = view.state.twins;
      criterionField.hidden = view.state.colour !== "removal";
    },
  };
}

function runOption(timeline: Timeline): { value: string; label: string } {
  const { id, name, status } = timeline;
  const state = momentsIn(timeline) === 0 ? " (no snapshots)" : status === "running" ? " (running)" : "";
  return { value: id, label: name + state };
}

function layerOption(layer: Layer): { value: string; label: string } {
  return { value: layer.name, label: `${layerName(layer.name)} (${plural(layer.units, "unit")})` };
}

function sources(timeline: Timeline | null) {
  return (Object.keys(SIMILARITY) as SourceOfSimilarity[]).map((value) => {
    const disabled = value === "outputs" && timeline?.withoutData != null;
    return { value, label: SIMILARITY[value].label + (disabled ? " (no data)" : ""), disabled };
  });
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
  const idle: Partial<Record<ColourBy, boolean>> = { model: !two, kept: !masked };
  return (Object.keys(COLOUR_NAMES) as ColourBy[])
    .filter((value) => value === state.colour || !idle[value])
    .map((value) => ({ value, label: COLOUR_NAMES[value] }));
}

function criteria(view: View) {
  const { removal } = view.model;
  const names = removal !== null && typeof removal !== "string" ? removal.criteria.map(({ name }) => name) : Object.keys(CRITERIA);
  return names.map((value) => ({ value, label: criterionName(value) }));
}
