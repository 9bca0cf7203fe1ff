// The help: how to read the picture, and the keys.

import { freshId, h } from "./dom";
import { KEYS } from "./keyboard";
import { SEARCH_WORDS } from "./search";

export interface Help {
  readonly element: HTMLDialogElement;
  show(): void;
}

const READING =
  "Each mark stands for one unit of the layer; its area is proportional to the norm of what training added to the unit’s weight " +
  "vector, or of the weight vector itself, on one scale for the whole training, so that what grows is seen to grow. Each unit is " +
  "joined with those nearest to it; dark links are above what is usual among the layer’s updates, faint ones show who is nearest, be it by chance. Or two units are " +
  "joined wherever their likeness reaches the cutoff, which begins where chance ends. Joined units pull each other close, all " +
  "others push each other apart: only who is joined with whom has a meaning, not where on the sheet a unit lies. Placed by their " +
  "principal components, units lie as their vectors do in two of many directions; the matrix shows all pairs, opposite ones too. On a t-SNE or UMAP map only who stands beside whom means something. " +
  "Groups divide units by what training added at the end and are followed back in time: a way to follow units, not a discovery. " +
  "Where a layer reads images, units may be drawn as pictures of their weights or of what training added: orange is positive, blue " +
  "negative, on one scale for all units and moments, so that faint is small; the area still tells the norm. " +
  "Move the slider to see how training changes the picture, and select units to see in the charts what they cost to remove.";

const MEASURES =
  "The cosine is that of the angle between two weight vectors, the inner product of both brought to length 1: 1 is the same " +
  "direction, 0.5 an angle of 60°, 0 a right angle. Of what training added, the weight vectors less those before training, it is the " +
  "same; a link says that two units’ changes are more alike than this layer’s usually are, not that the labels did it. Of unit outputs it is their correlation over the same examples: 1 where they " +
  "rise and fall together, 0 where they know nothing of each other. A link weighs exp(−(1 − cosine) / sigma²). Sigma changes " +
  "only how fast weaker links fade and pull less, not which links there are.";

const GESTURES =
  "Click a unit to select it, Shift-click to add one, Shift-drag to select an area; with a finger, press “Select several” first. Drag a unit to pin it where you " +
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
    h("h3", {}, "What the cutoff measures"),
    h("p", {}, MEASURES),
    h("h3", {}, "In the graph"),
    h("p", {}, GESTURES),
    h("h3", {}, "Finding units"),
    h("p", {}, `Write ${SEARCH_WORDS}. Several conditions hold together. What was found is ringed and comes first in the table; Enter selects it.`),
    h("h3", {}, "Keys"),
    keys,
    h("div", { class: "buttons end" }, close));
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close();
  });
  element.addEventListener("keydown", (event) => event.stopPropagation());
  return { element, show: () => void (element.open || element.showModal()) };
}
