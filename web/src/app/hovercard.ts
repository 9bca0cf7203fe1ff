// A few words on the unit under the pointer: number, norm, movement, and the units nearest to it.

import type { View } from "./derive";
import { h } from "./dom";
import { neighboursOf } from "./neighbours";
import type { Part } from "./part";
import { unitFacts, unitMark, unitName } from "./unitwords";
import { short, SIMILARITY } from "./words";

const NEAREST = 3;
/** Of what is known of a unit; the selection tells the rest. */
const TOLD = ["norm", "update", "angle moved", "weights kept"];
/** Pixels between the pointer and the card. */
const AWAY = 14;

/** The card over `graph`: beside the pointer, or in a corner where the keyboard leads. What the
 * pointer meets elsewhere, in a chart or the table, has words there. */
export function createHoverCard(graph: HTMLElement): Part {
  const element = h("div", { class: "hover-card", hidden: true });
  let pointer: { x: number; y: number } | null = null;
  let keyed = false;
  const place = (): void => placeAt(element, graph, pointer);
  const moved = (event: PointerEvent): void => {
    const box = graph.getBoundingClientRect();
    keyed = false;
    pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
    if (!element.hidden) place();
  };
  const left = (): void => {
    [pointer, keyed] = [null, false];
  };
  graph.addEventListener("pointermove", moved);
  graph.addEventListener("pointerleave", left);
  graph.addEventListener("focusout", () => (keyed = false));
  graph.addEventListener("keydown", () => ([pointer, keyed] = [null, true]), { capture: true });
  return {
    element,
    update(view) {
      const { hovered } = view.model;
      const here = pointer !== null || keyed;
      const known = here && hovered !== null && view.facts !== null && hovered < view.facts.units && !view.model.playing;
      element.hidden = !known;
      if (!known) return;
      element.replaceChildren(...contents(view, hovered));
      place();
    },
  };
}

function contents(view: View, unit: number): Node[] {
  const facts = h("dl", {});
  for (const [name, value] of unitFacts(view, unit).filter(([name]) => TOLD.includes(name))) facts.append(h("dt", {}, name), h("dd", {}, value));
  const near = view.carried ? neighboursOf(view.carried, unit).slice(0, NEAREST) : [];
  const words = near.map((one) => `${unitMark(view, one.unit)} (${short(one.innerProduct)})`).join(", ");
  const { measure } = SIMILARITY[view.state.source];
  facts.append(h("dt", {}, `nearest (${measure})`), h("dd", {}, words || "none is known"));
  return [h("p", { class: "title" }, unitName(view, unit)), facts];
}

/** Beside the pointer, on whichever side there is room. */
function placeAt(element: HTMLElement, graph: HTMLElement, pointer: { x: number; y: number } | null): void {
  const { clientWidth: width, clientHeight: height } = graph;
  const [wide, high] = [element.offsetWidth, element.offsetHeight];
  const x = pointer === null ? 12 : pointer.x + AWAY + wide < width ? pointer.x + AWAY : pointer.x - AWAY - wide;
  const y = pointer === null ? 12 : pointer.y + AWAY + high < height ? pointer.y + AWAY : pointer.y - AWAY - high;
  element.style.setProperty("left", `${Math.max(0, x)}px`);
  element.style.setProperty("top", `${Math.max(0, y)}px`);
}
