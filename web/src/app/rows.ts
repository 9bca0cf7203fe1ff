// The rows of the table of units and their order.

import { degrees, type Facts } from "./facts";
import { short } from "./words";

export interface Row {
  unit: number;
  norm: number;
  /** Norm of what training added; NaN where unknown. */
  update: number;
  /** From the initial weight vector, degrees; NaN where unknown. */
  angle: number;
  links: number;
  /** 0: not drawn. */
  cluster: number;
  /** Percent of the weights. */
  kept: number;
  /** Place in the removal order; NaN where unknown. */
  place: number;
}

export type Column = keyof Row;

export interface Order {
  column: Column;
  descending: boolean;
}

interface ColumnWords {
  label: string;
  title: string;
  text(row: Row): string;
}

export const COLUMNS: Record<Column, ColumnWords> = {
  unit: { label: "unit", title: "Number of the unit", text: (row) => String(row.unit) },
  norm: { label: "norm", title: "Norm of its weight vector", text: (row) => short(row.norm) },
  update: { label: "update", title: "Norm of what training added to its weight vector", text: (row) => (Number.isFinite(row.update) ? short(row.update) : "–") },
  angle: { label: "angle", title: "Angle between its weight vector and its initial one", text: (row) => known(row.angle, "°") },
  links: { label: "links", title: "Links from the cutoff on, the dark ones where others are faint", text: (row) => String(row.links) },
  cluster: {
    label: "part",
    title: "Component: the part of the graph that it hangs together with by these links, 1 the largest; isolated units have none",
    text: (row) => (row.links === 0 ? "–" : String(row.cluster)),
  },
  kept: { label: "kept", title: "Share of the weights that the mask keeps", text: (row) => known(row.kept, "%") },
  place: { label: "order", title: "Place in the removal order, first to go is 1", text: (row) => known(row.place, "") },
};

function known(value: number, after: string): string {
  return Number.isFinite(value) ? value.toFixed(0) + after : "–";
}

/** A row for each unit. */
export function rowsOf(facts: Facts, places: Uint16Array | null): Row[] {
  const rows: Row[] = [];
  for (let unit = 0; unit < facts.units; unit += 1) {
    rows.push({
      unit,
      norm: facts.norm[unit]!,
      update: facts.moved[unit]!,
      angle: degrees(facts.angle[unit]!),
      links: facts.links[unit]!,
      cluster: facts.cluster[unit]!,
      kept: 100 * facts.kept[unit]!,
      place: places?.[unit] || NaN,
    });
  }
  return rows;
}

/** The rows in order; equal ones by number, those without a value last either way. What a search
 * means comes before all else. */
export function sorted(rows: readonly Row[], { column, descending }: Order, found: Uint8Array | null = null): Row[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    if (found && found[one.unit] !== found[other.unit]) return found[other.unit]! - found[one.unit]!;
    const [left, right] = [one[column], other[column]];
    if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || one.unit - other.unit;
    return sign * (left - right) || one.unit - other.unit;
  });
}

/** The columns worth showing. */
export function columnsOf(facts: Facts, places: Uint16Array | null): Column[] {
  const all: Column[] = ["unit", "norm", "links", "cluster"];
  if (facts.angle.some(Number.isFinite)) all.splice(2, 0, "angle");
  if (facts.moved.some(Number.isFinite)) all.splice(2, 0, "update");
  if (facts.kept.some((kept) => kept < 1)) all.push("kept");
  if (places) all.push("place");
  return all;
}
