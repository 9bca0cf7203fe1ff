// The groups of units over time: which of them each unit is in at the moment that is shown.

import type { Grouping } from "../graph/groups";
import type { Course } from "../types";
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
    groups: course.groups,
    source: course.source,
    own: course.ownCosine[moment] ?? null,
    random: course.randomCosine[moment] ?? null,
  };
}

function nearestMoment({ at }: Course, wanted: number): number {
  return at.reduce((best, one, moment) => (Math.abs(one - wanted) < Math.abs(at[best]! - wanted) ? moment : best), 0);
}
