// The page's sentences about what is seen.

import { innerProductOf, REPORT_CUT } from "../graph/apart";
import { layerName } from "../layers";
import type { LayoutBy, Moment, SourceOfSimilarity, Timeline } from "../types";
import { isPlacing } from "./course";
import { isScene, type View } from "./derive";
import { sentenceOf } from "./failures";
import type { Model } from "./model";
import { momentBeside, type Scene } from "./scene";
import { withoutUpdates } from "./usual";

const ENGLISH = "en-US";

/** 9600 as "9,600", and a third of an epoch as 0.33. */
export function counted(number: number): string {
  return number.toLocaleString(ENGLISH, { maximumFractionDigits: 2 });
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${counted(number)} ${number === 1 ? one : many}`;
}

/** A cosine or a norm in two places after the point, three where it is small. */
export function short(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 0.001) return value.toExponential(1);
  return value.toFixed(Math.abs(value) < 0.1 ? 3 : 2);
}

/** What likeness rests on, what is said of units that are alike, and what measures it. */
export const SIMILARITY: Record<SourceOfSimilarity, { label: string; alike: string; measure: string; by: string }> = {
  updates: {
    label: "what training added", alike: "whose weight vectors training changed in the same direction", measure: "cosine",
    by: "what training added to their weight vectors",
  },
  weights: { label: "weight vectors", alike: "whose weight vectors point the same way", measure: "cosine", by: "the direction of their weight vectors" },
  outputs: { label: "unit outputs", alike: "whose outputs on the same examples go together", measure: "correlation", by: "the correlation of their outputs" },
};

/** What the picture is, in one sentence. */
export function leadOf(view: View): string {
  if (!isScene(view.scene)) return view.scene === null && view.model.failure === null && !view.model.gone ? "Reading what there is to see…" : "";
  const { layer, timeline, merged } = view.scene;
  const marks = merged
    ? `Each mark is a unit of ${layerName(layer.name)}: circles of ${timeline.name}, squares of ${merged.name}${elsewhere(view.scene)}`
    : `Each mark is a unit of ${layerName(layer.name)}`;
  // Where chance ends, the picture says.
  if (!view.frame) return `${marks}.`;
  const { alike, measure, by } = SIMILARITY[view.state.source];
  const end = placedOf(view) + insteadOf(view);
  if (view.state.layout === "matrix") return matrixWords(view) + insteadOf(view);
  if (view.reportSigma !== null) return `${marks}; joined as in the report’s program, with σ the mean distance ${short(view.reportSigma)} and cutoff ${REPORT_CUT}, are units ${alike}, ${measure} at least ${short(view.innerProduct)}.${end}`;
  if (view.state.nearest > 0 && view.facts?.drawn === 0) return `${marks}; none are joined.${end}`;
  if (view.state.nearest > 0) return `${marks}; each is joined with the ${nearestWords(view)} by ${by}.${strongOf(view)}${end}`;
  return `${marks}; joined are units ${alike}, ${measure} at least ${short(view.innerProduct)}.${noneOf(view) || fewOf(view)}${end}`;
}

/** What the matrix shows in place of the graph. */
export function matrixWords({ state, model, scene, grouping }: View): string {
  const layer = isScene(scene) ? layerName(scene.layer.name) : "this layer";
  const of = { updates: "the cosine of what training added to them", weights: "the cosine of their weight vectors", outputs: "the correlation of their outputs" };
  return `Rows and columns are the units of ${layer}, ordered by group; colour is ${of[state.source]}: violet where they are alike, orange where they are opposite.${grouping !== null && typeof grouping !== "string" ? " Bars show the groups." : ""}${insteadOfMatrix(model)}`;
}

function insteadOfMatrix({ matrix }: Model): string {
  const instead = matrix && typeof matrix.matrix !== "string" ? matrix.matrix.instead : null;
  return instead ? ` ${sentenceOf(instead)}` : "";
}

/** Where units lie by their principal components or on a map: what that shows. */
function placedOf({ placed, state, scene, model }: View): string {
  const { layout, source } = state;
  if (!isPlacing(layout)) return "";
  const map = MAPS[layout];
  if (placed === null) return map ? ` The ${map} is being computed: the first time that can take a minute or two.` : " Their principal components are being computed.";
  if (typeof placed === "string") return ` Forces say where they lie: ${placed}`;
  const late = isScene(scene) && placed.at !== model.shown?.query.at ? `, those of ${scene.timeline.axis} ${counted(placed.at)}, the nearest that there is` : "";
  if (map) return ` They lie on a ${map} of who is next to whom${late}.`;
  const share = placed.share === null ? "" : ` (${Math.round(100 * placed.share)} % of the variance)`;
  return ` They lie by the first two principal components of ${source === "updates" ? "what training added" : "their weight vectors"}${share}, on one scale for all moments${late}.`;
}

const MAPS: Partial<Record<LayoutBy, string>> = { tsne: "t-SNE map", umap: "UMAP map" };

/** What places mean, for a picture that is saved; nothing where forces say where units lie. */
export function placesOf(view: View): string {
  const warning = warningOf(view);
  return warning !== "" || typeof view.placed === "string" || view.placed === null ? warning : placedOf(view).trim();
}

/** What a map says and what it does not, how true it is, and who is not on it: for whoever sees the
 * picture. Nothing where units lie by anything else. */
export function warningOf({ placed }: View): string {
  if (placed === null || typeof placed === "string" || !placed.map) return "";
  const { method, neighbours, trust, true: share, nowhere } = placed.map;
  const true_ = trust === null ? "" : ` Of the ${plural(neighbours, "unit")} nearest to one here, ${(neighbours * share!).toFixed(1)} on average are among the ${counted(neighbours)} most like it (trustworthiness ${short(trust)}: 1 is perfect, 0.5 chance).`;
  const rows = nowhere === 0 ? "" : nowhere === 1 ? " The unit below has no place on it." : ` The ${counted(nowhere)} units in rows below have no place on it.`;
  return `On a ${MAPS[method]} distances mislead: only who stands beside whom counts. How far groups are apart, how large and how dense they look means nothing.${true_}${rows}`;
}

/** Where weight vectors are compared because it is not known what training added: why. */
function insteadOf({ model, scene }: View): string {
  if (model.state.source !== null || !isScene(scene)) return "";
  const why = withoutUpdates(scene);
  return why === null ? "" : ` Weight vectors are compared since what training added is not known: ${why}.`;
}

/** "3 units nearest to it", or "unit nearest to it". */
function nearestWords({ state }: View): string {
  return state.nearest === 1 ? "unit nearest to it" : `${state.nearest} units nearest to it`;
}

/** Which of the links to nearest units stand out, and what the others may be. */
function strongOf({ facts, innerProduct, state, chance }: View): string {
  if (!facts) return "";
  const { measure } = SIMILARITY[state.source];
  const usual = state.source === "updates" ? "what is usual among this layer’s updates" : "chance";
  const byChance = chance && state.cut === null;
  const level = `${byChance ? usual : "the cutoff"}, ${measure} ${short(innerProduct)}`;
  const faint = "faint ones show who is nearest, be it by chance.";
  // Few links are no sign of little redundancy: units that share some of what they learned can go too.
  const question = byChance ? " How many units can go is another question, which “Removing units” answers." : "";
  if (facts.strong === 0) return facts.drawn === 0 ? "" : ` No link is above ${level}; ${faint}${question}`;
  const dark = facts.strong === 1 ? "Dark is the one link" : `Dark are the ${counted(facts.strong)} links`;
  return ` ${dark} above ${level}; ${faint}`;
}

/** Where the second run has nothing at this moment: which of its moments is shown. */
function elsewhere({ merged, moment }: Scene): string {
  const beside = merged && momentBeside(merged, moment.at);
  return merged && beside && beside.at !== moment.at ? ` at its ${merged.axis} ${counted(beside.at)}` : "";
}

/** Where no two units are joined: how near the nearest two are, and what would join them. */
function noneOf({ facts, frame, state, maxApart }: View): string {
  if (!facts || !frame || facts.drawn > 0 || !(frame.apart[0]! > maxApart)) return "";
  const nearest = short(innerProductOf(frame.apart[0]!));
  if (state.cut !== null || state.source !== "weights") return ` No two are that near: the nearest two reach ${nearest}. Lower the cutoff to join them.`;
  return ` No two point the same way more than chance would have it: the nearest two reach ${nearest}. Lower the cutoff to join them all the same.`;
}

// With a smaller share of the units joined the picture shows next to nothing.
const FEW = 0.1;

/** Where hardly any unit is joined: what would join more. */
function fewOf({ facts }: View): string {
  if (!facts) return "";
  const { linked, isolated } = facts;
  if (isolated < 2 || linked >= FEW * (linked + isolated)) return "";
  return ` Only ${counted(linked)} of ${plural(linked + isolated, "unit")} are joined: lower the cutoff to join more.`;
}

/** What the window is called while the viewer has the whole of it. */
export function titleOf({ scene }: View): string {
  if (!isScene(scene)) return "Surfeit";
  const { layer, timeline, merged } = scene;
  return `${layerName(layer.name)} of ${timeline.name}${merged ? ` beside ${merged.name}` : ""} – Surfeit`;
}

/** "epoch 12 of 40 · step 9,600", or "level 3 of 12". */
export function momentOf(scene: Scene): string {
  const { timeline, moment } = scene;
  const last = timeline.moments[timeline.moments.length - 1]!;
  if (timeline.axis === "level") return `level ${counted(moment.at)} of ${counted(last.at)}`;
  const step = `step ${counted(moment.at)}`;
  if (moment.epoch === null || last.epoch === null) return `${step} of ${counted(last.at)}`;
  return `epoch ${counted(moment.epoch)} of ${counted(last.epoch)} · ${step}`;
}

/** "epoch 12", short enough for a slider to say. */
export function momentName(timeline: Timeline, moment: Moment): string {
  if (timeline.axis === "level") return `level ${counted(moment.at)}`;
  return moment.epoch === null ? `step ${counted(moment.at)}` : `epoch ${counted(moment.epoch)}`;
}

/** "210 linked units, 90 isolated · 4,312 links from cosine 0.21". */
export function linksOf(view: View): string {
  if (!view.facts) return "";
  const { linked, isolated, drawn } = view.facts;
  const from = `${SIMILARITY[view.state.source].measure} ${short(view.innerProduct)}`;
  if (view.state.nearest === 0 || view.reportSigma !== null) return `${plural(linked, "linked unit")}, ${counted(isolated)} isolated · ${plural(drawn, "link")} from ${from}`;
  const { strong } = view.facts;
  return `${plural(linked, "unit")} with dark links, ${counted(isolated)} without · ${plural(strong, "dark link")} from ${short(view.innerProduct)}, ${counted(drawn - strong)} faint`;
}

/** What a screen reader is told when the moment or the links change. */
export function spokenOf(view: View): string {
  if (!isScene(view.scene) || !view.facts || !view.current) return "";
  const { timeline, moment } = view.scene;
  const { drawn, strong, linked, isolated } = view.facts;
  const name = momentName(timeline, moment);
  if (view.state.nearest === 0 || view.reportSigma !== null) return `${name}: ${plural(drawn, "link")}, ${plural(isolated, "isolated unit")}`;
  return `${name}: ${plural(strong, "dark link")} among ${plural(linked, "unit")}, ${counted(drawn - strong)} faint`;
}

/** What is left out of the picture at this cutoff, or null. */
export function capOf(view: View): string | null {
  if (view.lacking > 0) return `Of ${plural(view.lacking, "unit")} fewer than ${view.state.nearest} nearest are carried; what is missing is not drawn.`;
  if (!view.facts?.capped || !view.frame) return null;
  const carried = counted(view.frame.source.length);
  const from = `${SIMILARITY[view.state.source].measure} ${short(view.frame.floor)}`;
  return `Only the ${carried} nearest pairs are carried, so links are complete from ${from} on; weaker ones are not drawn.`;
}

export const CRITERIA: Record<string, string> = {
  magnitude: "magnitude",
  frame_potential: "frame potential",
  inner_product: "inner product",
};

export function criterionName(name: string): string {
  return CRITERIA[name] ?? name.replaceAll("_", " ");
}
