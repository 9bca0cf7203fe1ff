// What if these go: accuracy without the selected units beside as many at random, when it is asked for.

import type { Query, Trial } from "../types";
import { isScene, type View } from "./derive";
import { h } from "./dom";
import { sentenceOf } from "./failures";
import { listsOf } from "./lists";
import type { Part } from "./part";
import { unitQueryOf } from "./scene";

export type Ask = (query: Query, units: readonly number[], signal?: AbortSignal) => Promise<Trial>;

/** What is asked of one run. */
interface Question {
  query: Query;
  units: number[];
  name: string;
}

const TITLE = "Accuracy on validation images with exactly these units removed, beside as many drawn at random";

/** A button and its answer, which goes once it is no longer about what is selected and shown. */
export function createTrial(ask: Ask | null): Part {
  const button = h("button", { type: "button", title: TITLE, onclick: () => void answer() }, "What if these go?");
  const words = h("div", { class: "trial", role: "status" });
  const element = h("div", { hidden: true }, h("div", { class: "buttons" }, button), words);
  let questions: Question[] = [];
  let asked = "[]";
  let under = new AbortController();

  async function answer(): Promise<void> {
    if (ask === null) return;
    under.abort();
    const { signal } = (under = new AbortController());
    words.replaceChildren(h("p", { class: "hint" }, "Removing these units and as many at random, many times…"));
    for (const [place, { query, units, name }] of questions.entries()) {
      const said = await ask(query, units, signal).then((trial) => trial.words, (problem: unknown) => [sentenceOf(problem)]);
      if (signal.aborted) return;
      if (place === 0) words.replaceChildren();
      if (questions.length > 1) words.append(h("h3", {}, name));
      words.append(...said.map((text) => h("p", {}, text)));
    }
  }

  return {
    element,
    update(view) {
      questions = ask === null ? [] : questionsOf(view);
      element.hidden = questions.length === 0;
      const now = JSON.stringify(questions);
      if (now === asked) return;
      asked = now;
      under.abort();
      words.replaceChildren();
    },
    destroy: () => under.abort(),
  };
}

/** The selected units of each run that is shown. */
function questionsOf(view: View): Question[] {
  const { scene, state } = view;
  if (!isScene(scene)) return [];
  return listsOf(view).map(({ beside, units }) => ({
    units,
    query: unitQueryOf(scene, state, beside),
    name: (beside ? scene.merged : scene.timeline)?.name ?? "",
  }));
}
