// What has to be said above the graph: a server that is gone, what was asked for and is not there.

import { isScene, type View } from "./derive";
import { h, say } from "./dom";
import type { Part } from "./part";
import { plural } from "./words";

// Milliseconds a letter, so that long words can be read, and a link copied by hand.
const LETTER_STAYS = 150;
const WORD_STAYS = 4000;

/** The banner; `again` tries to reach the server at once. */
export function createBanner(again: () => void): Part {
  const goneWords = h("span", {});
  const retry = h("button", { type: "button", onclick: again }, "Try again");
  const gone = h("div", { class: "banner bad", role: "alert", hidden: true }, goneWords, retry);
  const notices = h("div", { class: "banner", role: "status", hidden: true });
  const problems = h("details", { class: "banner", hidden: true });
  const element = h("div", { class: "banners" }, gone, notices, problems);
  let told = "";
  return {
    element,
    update(view) {
      gone.hidden = !view.model.gone;
      say(goneWords, view.model.gone ? "The server has stopped; start `surfeit view` again." : "");
      const sentences = isScene(view.scene) ? view.scene.notices : [];
      notices.hidden = sentences.length === 0;
      say(notices, sentences.join(" "));
      const unopened = view.model.catalog?.problems ?? [];
      problems.hidden = unopened.length === 0;
      if (told !== unopened.join("\n")) {
        told = unopened.join("\n");
        problems.replaceChildren(
          h("summary", {}, `${plural(unopened.length, "thing")} could not be read`),
          h("ul", {}, ...unopened.map((sentence) => h("li", {}, sentence))));
      }
    },
  };
}

/** A word on what was just done, for a while. */
export function createWord(taken: () => void): Part {
  const element = h("p", { class: "word", role: "status", hidden: true });
  let timer: ReturnType<typeof setTimeout> | null = null;
  let shown: string | null = null;
  return {
    element,
    update({ model: { word } }) {
      if (word === shown) return;
      shown = word;
      element.hidden = word === null;
      say(element, word ?? "");
      if (timer !== null) clearTimeout(timer);
      timer = word === null ? null : setTimeout(taken, WORD_STAYS + LETTER_STAYS * word.length);
    },
    destroy() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** What stands in place of the graph: why there is none, or that it is on its way. */
export function createCover(): Part {
  const words = h("p", { role: "status" });
  const element = h("div", { class: "cover", hidden: true }, words);
  return {
    element,
    update(view) {
      const text = coverWords(view);
      element.hidden = text === null;
      element.classList.toggle("slight", text !== null && view.frame !== null && view.model.failure === null);
      say(words, text ?? "");
    },
  };
}

/** Null where the wanted picture is there. */
export function coverWords(view: View): string | null {
  if (typeof view.scene === "string") return view.scene;
  if (view.model.failure !== null) return view.model.failure;
  if (view.model.gone) return view.frame ? null : "There is nothing to show without the server.";
  if (view.scene === null || view.frame === null) return "computing…";
  if (view.model.waiting) return "computing…";
  if (!view.facts || view.facts.sizes.length > 0) return null;
  return isScene(view.scene) && view.scene.merged && view.state.hidden.length > 1
    ? "Both runs are switched off: the legend brings them back."
    : "The masks have left no unit of this layer any weight.";
}
