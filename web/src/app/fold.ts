// A part of the side that can be folded away.

import { h } from "./dom";

/** A titled part; `open` at first or not. */
export function foldable(title: string, open: boolean, ...children: (Node | string)[]): HTMLDetailsElement {
  return h("details", { class: "fold", open }, h("summary", {}, h("h2", {}, title)), h("div", { class: "inside" }, ...children));
}
