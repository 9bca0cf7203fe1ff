// Units as pictures of their weights: on one scale of colours, and what the legend says of them.

import { FULL, weightColour } from "../graph/thumbnails";
import type { Legend, MarksBy, Scales, Spread, Thumbnails, Timeline, WeightPictures } from "../types";
import type { Pictured } from "./model";
import { momentName, short } from "./words";

/** Full colour, in root mean squares of the weights of a unit with a large norm: the 99th percentile
 * over all units and moments, to which marks are sized too. */
const FULL_AT = 3;
const STEPS = 15;

/** Pictures of units; without them the legend says why. */
export interface Thumbed {
  thumbnails: Thumbnails | null;
  legend: NonNullable<Legend["pictures"]>;
  /** Whether those of this very moment are still on their way. */
  waiting: boolean;
}

const NAMES: Record<Exclude<MarksBy, "discs">, string> = { weights: "weights", updates: "what training added" };

/** What units are drawn as at a moment; null: discs, as nobody asked for more. */
export function thumbedOf(
  marks: MarksBy,
  pictured: Pictured | null,
  timeline: Timeline,
  merged: boolean,
  at: number,
  scales: Scales | null,
  inputs: number,
  dark: boolean,
): Thumbed | null {
  if (marks === "discs") return null;
  if (merged) return refused(BESIDE);
  if (pictured === null) return { thumbnails: null, legend: { title: "Pictures of units", when: "", scale: null, note: "on their way…" }, waiting: true };
  if (typeof pictured.pictures === "string") return refused(lowered(pictured.pictures));
  const found = pictured.pictures;
  const spread = scales && (marks === "weights" ? scales.norm : scales.moved);
  const why = lackOf(found, marks) ?? (spread && spread.q99 > 0 ? null : "the scale of the weights is not known");
  if (why !== null) return refused(why);
  const reach = reachOf(spread!, inputs);
  const shown = timeline.moments.find((moment) => moment.at === (found.at ?? pictured.query.at));
  return {
    thumbnails: onOneScale(found, marks, reach),
    legend: { title: `Pictures: ${NAMES[marks]}`, when: shown ? momentName(timeline, shown) : "", ...toldOf(found, reach, dark) },
    waiting: pictured.query.at !== at,
  };
}

/** Why pictures are not offered beside another run, a clause. */
export const BESIDE = "beside another run circles and squares tell the runs apart";

function refused(why: string): Thumbed {
  return { thumbnails: null, legend: { title: "No pictures of units", when: "", scale: null, note: `${why[0]!.toUpperCase()}${why.slice(1)}.` }, waiting: false };
}

/** A sentence as a clause. */
function lowered(sentence: string): string {
  return sentence.replace(/\.$/, "");
}

function lackOf({ shape, why, update }: WeightPictures, marks: MarksBy): string | null {
  if (shape === null) return why ?? "the weights are no pictures";
  return marks === "updates" && update.length === 0 ? "what training added is not known" : null;
}

/** The weight that has full colour: one for all units and moments of a layer. */
export function reachOf({ q99 }: Spread, inputs: number): number {
  return (FULL_AT * q99) / Math.sqrt(inputs);
}

/** Pictures whose 127 is the weight `reach`; what is beyond is cut off. */
export function onOneScale({ shape, weight, weightLargest, update, updateLargest }: WeightPictures, marks: MarksBy, reach: number): Thumbnails {
  const [values, largest] = marks === "updates" ? [update, updateLargest] : [weight, weightLargest];
  const size = values.length / Math.max(largest.length, 1);
  const pixels = new Int8Array(values.length);
  for (let unit = 0; unit < largest.length; unit += 1) {
    const factor = largest[unit]! / reach;
    for (let at = unit * size; at < (unit + 1) * size; at += 1) {
      pixels[at] = Math.max(-FULL, Math.min(FULL, Math.round(values[at]! * factor)));
    }
  }
  return { shape: shape!, pixels };
}

function toldOf({ shape, pooled }: WeightPictures, reach: number, dark: boolean): Pick<NonNullable<Legend["pictures"]>, "scale" | "note"> {
  const coloured = shape![0] !== 1;
  const colours = Array.from({ length: STEPS }, (_, step) => weightColour(Math.round(FULL * ((2 * step) / (STEPS - 1) - 1)), dark));
  const scale = coloured ? null : { colours, low: `≤ −${short(reach)}`, high: `≥ ${short(reach)}` };
  const what = coloured ? `Grey is 0, full colour ±${short(reach)}: ` : "";
  const means = pooled > 1 ? ` A pixel is the mean of ${pooled} × ${pooled} weights.` : "";
  return { scale, note: `${what}${what ? "o" : "O"}ne scale for all units and moments, so faint is small. Frames have the colours above.${means}` };
}
