// The help: how to read the picture, and the keys.

import { freshId, h } from "./dom";
import { KEYS } from "./keyboard";
import { SEARCH_WORDS } from "./search";

export interface Help {
  readonly element: HTMLDialogElement;
  show(): void;
}

const READING =
  "Each mark stands for one unit of the layer; the larger it is, the longer is the unit’s weight vector. Two units are joined " +
  "when their weight vectors point in nearly the same direction, more nearly than chance would have it, and joined units pull " +
  "each other close. Units in one tight cloud therefore do nearly the same thing and can stand for one another. Units that no " +
  "line reaches point somewhere of their own; where they are also small, they have hardly been trained. Move the slider to " +
  "see how training brings the units together, and select some to see in the charts what they cost to remove.";

const GESTURES =
  "Click a unit to select it, Shift-click to add one, Shift-drag to select an area. Drag a unit to pin it where you " +
  "leave it, double-click to release it. Drag beside the units to move the picture, scroll or pinch to zoom; within " +
  "a longer page click into the graph first.";

export function createHelp(): Help {
  const id = freshId("help");
  const keys = h("dl", { class: "keys" });
  for (const { keys: names, does } of KEYS) {
    const marks = names.split(" ").map((name) => h("kbd", {}, name));
    keys.append(h("dt", {}, ...marks), h("dd", {}, does));
  }
  const close = h("button", { type: "button", class: "primary", onclick: () => element.close() }, "Close");
  const element = h("dialog", { class: "help", "aria-labelledby": id },
    // Else the button below would take the focus, and a small window show the end of the help.
    h("h2", { id, tabindex: -1, autofocus: true }, "How to read this picture"),
    h("p", {}, READING),
    h("h3", {}, "In the graph"),
    h("p", {}, GESTURES),
    h("h3", {}, "Finding units"),
    h("p", {}, `Write ${SEARCH_WORDS}. Several conditions hold together; Enter selects what was found.`),
    h("h3", {}, "Keys"),
    keys,
    h("div", { class: "buttons end" }, close));
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close();
  });
  element.addEventListener("keydown", (event) => event.stopPropagation());
  return { element, show: () => void (element.open || element.showModal()) };
}
