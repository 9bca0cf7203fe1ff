// The dialog in which a run is chosen among many: a filter, groups, and what differs from the one
// that is shown.

import type { Catalog, Timeline } from "../types";
import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { field, freshId, h, say } from "./dom";
import { sentenceOf } from "./failures";
import type { Part } from "./part";
import { densityOf, differenceWords, GROUPINGS, grouped, matches, roleOf, type Grouping } from "./runs";
import { mergeable, momentsIn, type Scene } from "./scene";
import { plural } from "./words";

const AT_FIRST = 150;

export interface Picker extends Part {
  readonly element: HTMLDialogElement;
  show(): void;
}

/** `read` looks up what a list does not tell of a run. */
export function createPicker(actions: Actions, read: (id: string) => Promise<Timeline>): Picker {
  let view: View | null = null;
  let most = AT_FIRST;
  let drawn: unknown = null;
  const filter = h("input", { type: "search", autocomplete: "off", spellcheck: "false", placeholder: "digits seed 1 ticket", oninput: () => ((most = AT_FIRST), redraw()) });
  const by = h("select", { onchange: () => redraw() }, ...Object.entries(GROUPINGS).map(([value, label]) => h("option", { value }, label)));
  const count = h("p", { class: "hint", role: "status" });
  const list = h("div", { class: "runs" });
  const more = h("button", { type: "button", onclick: () => ((most = Infinity), redraw()) }, "Show all");
  const close = h("button", { type: "button", onclick: () => element.close() }, "Close");
  const titleId = freshId("runs");
  const element: HTMLDialogElement = h("dialog", { class: "help picker", "aria-labelledby": titleId },
    h("h2", { id: titleId }, "Runs"),
    h("div", { class: "buttons" }, field("filter by words", filter), field("group by", by)),
    count, list, h("div", { class: "buttons end" }, more, close));
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close();
  });
  element.addEventListener("keydown", (event) => event.stopPropagation());

  const choose = (act: () => void): void => {
    act();
    element.close();
  };

  function redraw(): void {
    if (!view?.model.catalog || !element.open) return;
    const { catalog } = view.model;
    const scene = isScene(view.scene) ? view.scene : null;
    const found = catalog.timelines.filter((run) => matches(run, filter.value.trim()));
    const groups = grouped(found, by.value as Grouping);
    say(count, `${plural(found.length, "run")} of ${catalog.timelines.length.toLocaleString("en-US")} in ${plural(groups.length, "group")}`);
    let left = most;
    list.replaceChildren(...groups.flatMap(({ title, runs }) => {
      const some = runs.slice(0, left);
      left -= some.length;
      if (some.length === 0) return [];
      const rows = some.map((run) => rowOf(run, catalog, scene, { actions, read, choose }));
      return [h("table", {}, h("caption", {}, `${title} (${runs.length.toLocaleString("en-US")})`), HEAD(), h("tbody", {}, ...rows))];
    }));
    more.hidden = found.length <= most;
  }

  return {
    element,
    update(next) {
      view = next;
      if (!element.open) return;
      const needs = JSON.stringify([next.state.run, next.state.merged, next.state.layer]);
      if (next.model.catalog === drawn && element.dataset["needs"] === needs) return;
      drawn = next.model.catalog;
      element.dataset["needs"] = needs;
      redraw();
    },
    show() {
      if (!element.open) element.showModal();
      filter.focus();
      redraw();
    },
  };
}

const HEAD = (): HTMLElement =>
  h("thead", {}, h("tr", {}, ...["run", "role", "seed", "weights", "tags", "beside", "differs"].map((name) => h("th", { scope: "col" }, name))));

interface Deeds {
  actions: Actions;
  read(id: string): Promise<Timeline>;
  choose(act: () => void): void;
}

function rowOf(run: Timeline, catalog: Catalog, scene: Scene | null, { actions, read, choose }: Deeds): HTMLElement {
  const shown = scene?.timeline.id === run.id;
  const state = momentsIn(run) === 0 ? " (no snapshots)" : run.status === "running" ? " (running)" : "";
  const beside = scene && mergeable(catalog, scene.timeline, scene.layer).some(({ id }) => id === run.id);
  const differing = h("button", { type: "button", class: "link", title: `What differs between ${run.name} and the run that is shown`, onclick: () => void tell() }, "differs?");
  const words = h("p", { class: "hint", role: "status" });

  async function tell(): Promise<void> {
    if (!scene) return;
    try {
      const [one, other] = await Promise.all([scene.timeline, run].map((of) => (of.settings ? of : read(of.id))));
      say(words, differenceWords(one!, other!) || "Nothing is known of their settings.");
    } catch (problem) {
      say(words, sentenceOf(problem));
    }
  }

  return h("tr", { "aria-current": shown ? "true" : null },
    h("td", {}, h("button", { type: "button", class: "link", onclick: () => choose(() => actions.chooseRun(run.id)) }, run.name + state), words),
    h("td", {}, roleOf(run)),
    h("td", { "data-label": "seed" }, run.about?.seed == null ? "" : String(run.about.seed)),
    h("td", { "data-label": "weights" }, densityOf(run)),
    h("td", { "data-label": "tags" }, (run.about?.tags ?? []).join(", ")),
    h("td", {}, beside ? h("button", { type: "button", class: "link", title: `Show ${run.name} beside the run that is shown`, onclick: () => choose(() => actions.chooseMerged(run.id)) }, "beside") : null),
    h("td", {}, shown ? "shown" : differing));
}
