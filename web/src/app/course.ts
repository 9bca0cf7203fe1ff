// The groups of units over time: which of them each unit is in at the moment that is shown.

import type { Grouping } from "../graph/groups";
import type { Course, LayoutBy, Places, Plane, UnitMap } from "../types";
import type { Model } from "./model";

export type { Grouping };

/** The groups at a moment: those of the nearest one that the course has. A sentence says why there
 * are none; null: they are not there yet. */
export function groupingOf(known: Model["course"], subject: string, at: number, units: number): Grouping | string | null {
  if (known?.subject !== subject) return null;
  const { course } = known;
  if (typeof course === "string") return course;
  if (course.units !== units) return null;
  const moment = nearestMoment(course, at);
  return {
    labels: course.labels.subarray(moment * units, (moment + 1) * units),
    classes: course.classes && course.classes.subarray(moment * units, (moment + 1) * units),
    groups: course.groups,
    source: course.source,
    own: course.ownCosine[moment] ?? null,
    random: course.randomCosine[moment] ?? null,
  };
}

/** Whether a layout sends units to places of its own. */
export function isPlacing(layout: LayoutBy): boolean {
  return layout !== "force" && layout !== "matrix";
}

/** Where units lie at a moment by their principal components or on a map, and how much that says. A
 * sentence says why they cannot; null: forces lay out, or it is not there yet. */
export function placesAt(known: Model["placing"], subject: string, at: number, units: number): Placed | string | null {
  if (known?.subject !== subject) return null;
  const { placing } = known;
  if (typeof placing === "string") return placing;
  if (placing.units !== units) return null;
  const moment = nearestMoment(placing, at);
  const places = placing.places.subarray(2 * moment * units, 2 * (moment + 1) * units);
  const lying = { places, bounds: boundsOf(placing), at: placing.at[moment]! };
  return "method" in placing ? { ...lying, share: null, map: judgedAt(placing, moment) } : { ...lying, share: placing.share[moment] ?? null, map: null };
}

export interface Placed extends Places {
  /** The moment that they are of: the nearest that there is. */
  at: number;
  share: number | null;
  map: Judged | null;
}

/** How far a map is true at a moment. */
export interface Judged {
  method: UnitMap["method"];
  neighbours: number;
  trust: number | null;
  true: number | null;
  nowhere: number;
}

function judgedAt({ method, neighbours, trust, true: shares, nowhere }: UnitMap, moment: number): Judged {
  return { method, neighbours: neighbours[moment]!, trust: trust[moment] ?? null, true: shares[moment] ?? null, nowhere: nowhere[moment]! };
}

/** What all moments reach, so that what grows is seen to grow. */
function boundsOf({ places }: Plane | UnitMap): Places["bounds"] {
  const bounds = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (let at = 0; at < places.length; at += 2) {
    bounds.left = Math.min(bounds.left, places[at]!);
    bounds.right = Math.max(bounds.right, places[at]!);
    bounds.top = Math.min(bounds.top, places[at + 1]!);
    bounds.bottom = Math.max(bounds.bottom, places[at + 1]!);
  }
  return bounds;
}

function nearestMoment({ at }: Pick<Course, "at">, wanted: number): number {
  return at.reduce((best, one, moment) => (Math.abs(one - wanted) < Math.abs(at[best]! - wanted) ? moment : best), 0);
}
