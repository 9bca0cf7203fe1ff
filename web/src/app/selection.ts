// The selected units: what is known of each, and its nearest neighbours.

import type { Actions } from "./actions";
import type { View } from "./derive";
import { h } from "./dom";
import { copy, download, fileName } from "./download";
import { foldable } from "./fold";
import { listsOf } from "./lists";
import { neighboursOf, type Neighbour } from "./neighbours";
import type { UnitPictures } from "../types";
import type { Part } from "./part";
import { remember } from "./store";
import { createTrial, type Ask } from "./trial";
import { createUnitPictures } from "./unitpictures";
import { unitFacts, unitMark, unitName } from "./unitwords";
import { counted, plural, short, SIMILARITY } from "./words";

const IN_CHIPS = 60;
const HINT =
  "Click a unit to see its nearest neighbours. Shift-click adds to the selection; Shift-drag selects an area.";

export function createSelection(actions: Actions, ask: Ask | null, source: UnitPictures | null): Part {
  const inside = h("div", { class: "selection" });
  const trails = h("input", { type: "checkbox", onchange: () => actions.change({ trails: trails.checked }) });
  const trailed = h("label", { class: "check", title: "Selected units trail their way in the graph over the last moments that were shown" }, trails, "trail their way over the last moments");
  const trial = createTrial(ask);
  const pictures = createUnitPictures(source);
  const element = foldable("Selection", true, inside, pictures.element, trial.element, trailed);
  const relevant = remember(
    (frame: unknown, facts: unknown, places: unknown, selected: unknown, pinned: unknown) =>
      ({ frame, facts, places, selected, pinned }),
  );
  let last: object | null = null;
  return {
    element,
    update(view) {
      trails.checked = view.state.trails;
      trial.update(view);
      pictures.update(view);
      const now = relevant(view.frame, view.facts, view.places, view.state.selected, view.state.pinned);
      if (now === last) return;
      last = now;
      const focused = focusedKey(inside);
      inside.replaceChildren(...contents(view, actions));
      if (focused !== null) inside.querySelector<HTMLElement>(`[data-focus="${focused}"]`)?.focus();
    },
    destroy() {
      trial.destroy?.();
      pictures.destroy?.();
    },
  };
}

function focusedKey(inside: HTMLElement): string | null {
  return inside.querySelector<HTMLElement>(":focus")?.dataset["focus"] ?? null;
}

function contents(view: View, actions: Actions): Node[] {
  const { selected } = view.state;
  const known = view.facts ? selected.filter((unit) => unit < view.facts!.units) : [];
  if (known.length === 0) return [h("p", { class: "hint" }, HINT)];
  const latest = known[known.length - 1]!;
  const head = h("div", { class: "buttons" },
    h("span", { class: "count" }, `${plural(known.length, "unit")} selected`),
    h("button", { type: "button", "data-focus": "save-list", title: "A file of the units by layer, which surfeit.prune.unit_mask takes: {\"fc1\": [0, 7]}", onclick: () => saveLists(view, actions) }, "Save list"),
    h("button", { type: "button", "data-focus": "copy-list", title: "The units by layer, as Python and JSON write them: {\"fc1\": [0, 7]}", onclick: () => void copyLists(view, actions) }, "Copy list"),
    h("button", { type: "button", "data-focus": "clear", onclick: () => actions.select([], false) }, "Clear"));
  return [head, unitCard(view, latest, known.length, actions), ...(known.length > 1 ? [others(view, known.slice(0, -1), actions)] : [])];
}

/** A file for each run that has selected units. */
function saveLists(view: View, actions: Actions): void {
  const words = listsOf(view).map(({ beside, text }) =>
    download(new Blob([`${text}\n`], { type: "application/json" }), `${fileName(view, beside)}-units.json`));
  actions.say(`${words.join(" ")} In Python: unit_mask(model, json.load(open(…)))`);
}

async function copyLists(view: View, actions: Actions): Promise<void> {
  actions.say(await copy(listsOf(view).map(({ text }) => text).join("\n"), "List"));
}

/** The other selected units; each comes to the front when it is clicked. */
function others(view: View, units: readonly number[], actions: Actions): HTMLElement {
  const forward = (unit: number): void => actions.select([...view.state.selected.filter((other) => other !== unit), unit], false);
  const chip = (unit: number): HTMLElement =>
    h("button", {
      type: "button", title: `Show ${unitName(view, unit)}`, "data-focus": `chip-${unit}`, onclick: () => forward(unit),
    }, unitMark(view, unit));
  const rest = units.length - IN_CHIPS;
  return h("div", { class: "chips", role: "group", "aria-label": "Other selected units" },
    ...units.slice(-IN_CHIPS).reverse().map(chip),
    rest > 0 ? h("span", { class: "hint" }, `and ${plural(rest, "more", "more")}`) : null);
}

/** What is known of the unit that was selected last, of so many. */
function unitCard(view: View, unit: number, selected: number, actions: Actions): HTMLElement {
  const pinned = view.state.pinned.includes(unit);
  const facts = h("dl", {});
  for (const [name, value] of unitFacts(view, unit)) facts.append(h("dt", {}, name), h("dd", {}, value));
  const neighbours = view.carried ? neighboursOf(view.carried, unit) : [];
  return h("article", { class: "unit" },
    h("div", { class: "unit-head" },
      h("h3", {}, (selected > 1 ? `last selected of ${counted(selected)}: ` : "") + unitName(view, unit)),
      h("button", {
        type: "button", class: "link", "data-focus": `pin-${unit}`, onclick: () => actions.togglePin(unit),
      }, pinned ? "Release" : "Pin")),
    facts,
    neighbours.length > 0 ? neighbourList(view, unit, neighbours, actions) : h("p", { class: "hint" }, "No neighbour is known."));
}

function neighbourList(view: View, unit: number, neighbours: Neighbour[], actions: Actions): HTMLElement {
  const name = `Nearest to ${unitName(view, unit)}`;
  return h("table", { class: "neighbours" },
    h("caption", {}, name),
    h("thead", {}, h("tr", {}, ...["unit", "angle", SIMILARITY[view.state.source].measure].map((label) => h("th", { scope: "col" }, label)))),
    h("tbody", {}, ...neighbours.map((one) =>
      h("tr", { onmouseenter: () => actions.hover(one.unit), onmouseleave: () => actions.hover(null) },
        h("td", {}, h("button", {
          type: "button", class: "link", "data-focus": `near-${unit}-${one.unit}`, title: `Select ${unitName(view, one.unit)}`,
          onclick: (event: MouseEvent) => actions.select([one.unit], event.shiftKey),
        }, `unit ${unitMark(view, one.unit)}`)),
        h("td", {}, `${one.angle.toFixed(1)}°`),
        h("td", {}, short(one.innerProduct))))));
}
