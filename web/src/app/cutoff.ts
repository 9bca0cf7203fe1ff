// The cutoff in both its units, and how strongly links pull.

import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { h, say } from "./dom";
import { NEAREST, SIGMA, within } from "./limits";
import { createNumberField, createNumberInput } from "./numberfield";
import type { Part } from "./part";
import type { ViewState } from "../types";
import { foldable } from "./fold";
import { USUAL_NEAREST } from "./usual";
import { capOf, short, SIMILARITY } from "./words";

/** What each choice changes. */
const JOINS: Record<string, Partial<ViewState>> = {
  cutoff: { nearest: 0, mapping: "cosine" },
  nearest: { nearest: USUAL_NEAREST, mapping: "cosine" },
  report: { mapping: "report", cut: null },
};

const REPORT_TITLE = "Heitmann 2020: a link weighs exp(−d² / σ²) with d = (1 − cosine) / 2, σ the mean of d over all pairs; links of 0.37 and more are kept";

export function createCutoff(actions: Actions): Part {
  const inner = createNumberField({
    label: "cosine",
    range: { min: -0.2, max: 1, step: 0.005 },
    places: 3,
    title: "Units whose cosine is at least this are joined",
    changed: actions.setInnerProduct,
  });
  const weight = createNumberInput("link weight", actions.setWeight);
  const sigma = createNumberField({
    label: "sigma",
    range: SIGMA,
    places: 2,
    title: "A link weighs exp(−(1 − cosine) / sigma²)",
    changed: actions.setSigma,
  });
  const joins = h("select", { onchange: () => actions.change(JOINS[joins.value]!) },
    h("option", { value: "cutoff" }, "above the cutoff"), h("option", { value: "nearest" }, "also the nearest"),
    h("option", { value: "report", title: REPORT_TITLE }, "as the report’s program"));
  const nearest = createNumberField({
    label: "nearest", range: { ...NEAREST, min: 1 }, places: 0,
    title: "Each unit is joined with so many nearest to it",
    changed: (value) => actions.change({ nearest: Math.round(within(value, { ...NEAREST, min: 1 })) }),
  });
  const back = h("button", { type: "button", class: "link", onclick: actions.resetCutoff }, "");
  const cap = h("p", { class: "note" });
  const element = foldable("Links", true,
    h("label", { class: "number plain wide" }, h("span", {}, "join units"), joins),
    nearest.element,
    inner.element,
    h("label", { class: "number plain" }, h("span", {}, "link weight"), weight.element),
    sigma.element, back, cap);
  return {
    element,
    update(view) {
      const report = view.state.mapping === "report";
      joins.value = report ? "report" : view.state.nearest > 0 ? "nearest" : "cutoff";
      joins.title = report ? REPORT_TITLE : "";
      nearest.element.hidden = report || view.state.nearest === 0;
      nearest.show(Math.max(view.state.nearest, 1));
      inner.rename(SIMILARITY[view.state.source].measure);
      inner.show(view.innerProduct);
      weight.show(view.weight < 0.001 ? view.weight.toExponential(3) : String(Number(view.weight.toFixed(4))));
      sigma.show(view.reportSigma ?? view.state.sigma);
      say(back, defaultWords(view));
      back.disabled = view.state.cut === null && !report;
      const words = capOf(view);
      cap.hidden = words === null;
      say(cap, words ?? "");
    },
  };
}

function defaultWords(view: View): string {
  if (!isScene(view.scene)) return "";
  const value = short(view.usual);
  if (view.state.mapping === "report" && view.carried?.mean == null && view.carried) return "The mean distance is not known here: back to the default";
  const levels = { weights: "this layer’s chance level", outputs: "this moment’s chance level", updates: "what is usual among this moment’s updates" };
  const level = `${view.chance ? levels[view.state.source] : "the default"}, ${value}`;
  return view.state.cut === null && view.reportSigma === null ? `This is ${level}` : `Back to ${level}`;
}
