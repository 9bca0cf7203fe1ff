// The search field: units that it means are ringed in the graph and come first in the table; Enter
// selects them.

import type { Actions } from "./actions";
import type { View } from "./derive";
import { freshId, h, say } from "./dom";
import type { Part } from "./part";
import { unitsOf } from "./search";
import { plural } from "./words";

export interface SearchField extends Part {
  focus(): void;
}

export function createSearchField(actions: Actions): SearchField {
  let view: View | null = null;
  const id = freshId("search");
  const answerId = freshId("answer");
  const input = h("input", {
    type: "search", id, autocomplete: "off", spellcheck: "false", placeholder: "17, norm<0.3", "aria-describedby": answerId,
    oninput: () => actions.setSearch(input.value),
    onkeydown: (event: KeyboardEvent) => {
      if (event.key === "Enter" && view) selectFound(view, actions);
      if (event.key === "Escape") leave(input, actions);
    },
  });
  const answer = h("p", { class: "answer", id: answerId, role: "status" });
  const element = h("div", { class: "search" }, h("label", { for: id, class: "name" }, "find units"), input, answer);
  return {
    element,
    focus() {
      input.focus();
      input.select();
    },
    update(next) {
      view = next;
      if (input.value !== next.model.search) input.value = next.model.search;
      say(answer, answerOf(next));
      input.setAttribute("aria-invalid", String(typeof next.found === "string"));
      element.classList.toggle("wrong", typeof next.found === "string");
    },
  };
}

function selectFound(view: View, actions: Actions): void {
  if (view.found === null || typeof view.found === "string") return;
  const units = unitsOf(view.found);
  // What was selected stays where nothing was found.
  if (units.length > 0) actions.select(units, false);
}

function leave(input: HTMLInputElement, actions: Actions): void {
  actions.setSearch("");
  input.value = "";
  input.blur();
}

function answerOf({ found }: View): string {
  if (found === null) return "";
  if (typeof found === "string") return found;
  const count = unitsOf(found).length;
  return count === 0 ? "no unit" : `${plural(count, "unit")}; Enter selects`;
}
