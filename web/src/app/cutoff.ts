// The cutoff in both its units, and how strongly links pull.

import type { Actions } from "./actions";
import { defaultInnerProduct, isScene, type View } from "./derive";
import { h, say } from "./dom";
import { SIGMA } from "./limits";
import { createNumberField, createNumberInput } from "./numberfield";
import type { Part } from "./part";
import { foldable } from "./fold";
import { capOf, short, SIMILARITY } from "./words";

export function createCutoff(actions: Actions): Part {
  const inner = createNumberField({
    label: "inner product",
    range: { min: -0.2, max: 1, step: 0.005 },
    places: 3,
    title: "Units whose inner product is at least this are joined",
    changed: actions.setInnerProduct,
  });
  const weight = createNumberInput("link weight", actions.setWeight);
  const sigma = createNumberField({
    label: "sigma",
    range: SIGMA,
    places: 2,
    title: "A link weighs exp(−(1 − inner product) / sigma²)",
    changed: actions.setSigma,
  });
  const back = h("button", { type: "button", class: "link", onclick: actions.resetCutoff }, "");
  const cap = h("p", { class: "note" });
  const element = foldable("Cutoff", true,
    inner.element,
    h("label", { class: "number plain" }, h("span", {}, "link weight"), weight.element),
    sigma.element, back, cap);
  return {
    element,
    update(view) {
      inner.rename(SIMILARITY[view.state.source].measure);
      inner.show(view.innerProduct);
      weight.show(view.weight < 0.001 ? view.weight.toExponential(3) : String(Number(view.weight.toFixed(4))));
      sigma.show(view.state.sigma);
      say(back, defaultWords(view));
      back.disabled = view.state.cut === null;
      const words = capOf(view);
      cap.hidden = words === null;
      say(cap, words ?? "");
    },
  };
}

function defaultWords(view: View): string {
  if (!isScene(view.scene)) return "";
  const { state, scene } = view;
  const value = short(defaultInnerProduct(scene.layer, state.source));
  const level = state.source === "outputs" ? `the default, ${value}` : `this layer’s chance level, ${value}`;
  return state.cut === null ? `This is ${level}` : `Back to ${level}`;
}
