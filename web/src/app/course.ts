// The groups of units over time: which of them each unit is in at the moment that is shown.

import type { Grouping } from "../graph/groups";
import type { Course, Places, Plane } from "../types";
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

/** Where units lie at a moment by their principal components, and how much of the variance that is.
 * A sentence says why they cannot; null: forces lay out, or it is not there yet. */
export function placesAt(known: Model["plane"], subject: string, at: number, units: number): Placed | string | null {
  if (known?.subject !== subject) return null;
  const { plane } = known;
  if (typeof plane === "string") return plane;
  if (plane.units !== units) return null;
  const moment = nearestMoment(plane, at);
  return { places: plane.places.subarray(2 * moment * units, 2 * (moment + 1) * units), bounds: boundsOf(plane), share: plane.share[moment] ?? null };
}

export interface Placed extends Places {
  share: number | null;
}

/** What all moments reach, so that what grows is seen to grow. */
function boundsOf({ places }: Plane): Places["bounds"] {
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
