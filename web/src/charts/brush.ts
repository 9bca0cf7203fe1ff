// Selecting units with the pointer: a click takes the one beneath, dragging those between.

import type { ChartActions } from "../types";
import type { Place, PointerListener } from "./pointer";
import type { Paper } from "./shell";
import { count } from "./words";

export interface Brushed {
  unitUnder(place: Place): number | null;
  between(from: Place, to: Place): number[];
  /** Shows what is dragged over; null: no more. */
  show(dragged: [Place, Place] | null): void;
}

/** The part of a chart's pointer that selects. */
export function brushOf(paper: Paper, actions: ChartActions, { unitUnder, between, show }: Brushed): PointerListener {
  return {
    click(place, add) {
      const unit = unitUnder(place);
      actions.select(unit === null ? [] : [unit], add);
    },
    drag(from, to) {
      paper.tip(count(between(from, to).length, "unit"), to.x, to.y);
      show([from, to]);
    },
    drop(from, to, add) {
      paper.tip(null);
      if (from) actions.select(between(from, to), add);
      show(null);
    },
  };
}
