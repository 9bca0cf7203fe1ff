// Where moments lie on the slider: one after the other, by their step, or by its logarithm, which
// gives early training the room that it needs.

import type { Moment, SliderBy } from "../types";

/** How finely places by step are told apart; the slider counts in these. */
export const FINEST = 10_000;

/** The place of each moment, ascending from 0: its number, or a share of `FINEST` by step. */
export function sliderPlaces(moments: readonly Moment[], by: SliderBy): number[] {
  if (by === "moment") return moments.map((_, index) => index);
  const measure = by === "log" ? Math.log1p : (at: number): number => at;
  const first = moments.length > 0 ? moments[0]!.at : 0;
  const whole = moments.length > 0 ? measure(moments[moments.length - 1]!.at - first) : 0;
  return moments.map(({ at }) => (whole > 0 ? Math.round((FINEST * measure(at - first)) / whole) : 0));
}

/** The moment nearest to a place on the slider; the first of several on one spot. */
export function momentAtPlace(places: readonly number[], place: number): number {
  let best = 0;
  places.forEach((here, index) => {
    if (Math.abs(here - place) < Math.abs(places[best]! - place)) best = index;
  });
  return best;
}
