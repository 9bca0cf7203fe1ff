// The scale of sizes, colours and axes: one for all moments of a layer. Until it comes, it is taken
// from the moments that were seen, and stays as it is while time plays.

import { scalesOf, widened } from "../graph/scales";
import type { GraphFrame, LayoutBy, Query, Scales } from "../types";

export interface Measured {
  /** What is measured: a layer of one run, or of two. */
  subject: string;
  scales: Scales;
  /** Whether it is that of all moments, or only of those that were seen. */
  whole: boolean;
}

/** The units of a picture, whatever the moment and what likeness rests on. */
export function subjectOf({ timeline, layer, merged }: Query): string {
  return JSON.stringify([timeline, layer, merged]);
}

/** The units of the first run alone. */
export function layerSubjectOf({ timeline, layer }: Pick<Query, "timeline" | "layer">): string {
  return JSON.stringify([timeline, layer]);
}

/** The same by what likeness rests on and what places units. */
export function placingSubjectOf(query: Query, layout: LayoutBy): string {
  return JSON.stringify([subjectOf(query), query.source, layout]);
}

/** The scale after a picture has come; the very same one where nothing changes. */
export function measuredWith(old: Measured | null, query: Query, frame: GraphFrame, playing: boolean): Measured {
  const subject = subjectOf(query);
  const known = old?.subject === subject ? old : null;
  if (known && (playing || known.whole)) return known;
  const scales = known ? widened(known.scales, scalesOf(frame)) : scalesOf(frame);
  return known && JSON.stringify(known.scales) === JSON.stringify(scales) ? known : { subject, scales, whole: false };
}
