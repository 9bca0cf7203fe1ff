// What may be written into the search field, and which units it means: "17", "3-10, 40",
// "norm<0.3", "isolated", "component 1". Numbers add up; all other conditions must hold together.

import { degrees, type Facts } from "./facts";

/** What a search may look at beside the facts of the picture. */
export interface Searched extends Facts {
  places: Uint16Array | null;
  selected: readonly number[];
  pinned: readonly number[];
}

type Condition = (unit: number) => boolean;
type Quantity = (from: Searched) => (unit: number) => number;

export const SEARCH_WORDS =
  "a number (17), a range (3-10), norm<0.3, update>0.5, angle>60, links>=5, kept<50%, place<=20, component 1, isolated, linked, selected or pinned; of two runs shown together, run 2";

const QUANTITIES: Record<string, Quantity> = {
  unit: numberOf,
  norm: (from) => (unit) => from.norm[unit]!,
  update: (from) => (unit) => from.moved[unit]!,
  angle: (from) => (unit) => degrees(from.angle[unit]!),
  links: (from) => (unit) => from.links[unit]!,
  kept: (from) => (unit) => from.kept[unit]!,
  place: (from) => (unit) => from.places?.[unit] || NaN,
  cluster: (from) => (unit) => from.cluster[unit]!,
  run: (from) => (unit) => (unit < from.own ? 1 : 2),
};

const OTHER_NAMES: Record<string, string> = {
  moved: "angle",
  movement: "angle",
  removal: "place",
  order: "place",
  part: "cluster",
  component: "cluster",
  degree: "links",
  model: "run",
};

const KINDS: Record<string, (from: Searched) => Condition> = {
  isolated: (from) => (unit) => from.cluster[unit]! > 0 && from.links[unit] === 0,
  linked: (from) => (unit) => from.links[unit]! > 0,
  selected: (from) => (unit) => from.selected.includes(unit),
  pinned: (from) => (unit) => from.pinned.includes(unit),
};

const COMPARISONS: Record<string, (left: number, right: number) => boolean> = {
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
  "=": (left, right) => left === right,
};

/** The units that a search means, 1 each; null for an empty search, a sentence for a wrong one. */
export function search(text: string, from: Searched): Uint8Array | string | null {
  const terms = termsOf(text);
  if (terms.length === 0) return null;
  const numbers: Condition[] = [];
  const conditions: Condition[] = [];
  for (const term of terms) {
    const range = /^#?(\d+)(?:-(\d+))?$/.exec(term);
    if (range) {
      const ends = [Number(range[1]), Number(range[2] ?? range[1])];
      const [first, last] = [Math.min(...ends), Math.max(...ends)];
      const number = numberOf(from);
      numbers.push((unit) => number(unit) >= first && number(unit) <= last);
    } else {
      const condition = conditionOf(term, from);
      if (condition === null) return `“${term}” is not understood. Write ${SEARCH_WORDS}.`;
      conditions.push(condition);
    }
  }
  if (numbers.length > 0) conditions.push((unit) => numbers.some((number) => number(unit)));
  return Uint8Array.from({ length: from.units }, (_, unit) => Number(conditions.every((holds) => holds(unit))));
}

/** A unit's number in its own run: beside another run, both have a unit 17. */
function numberOf({ own }: Searched): (unit: number) => number {
  return (unit) => (unit < own ? unit : unit - own);
}

/** The units of a search as numbers. */
export function unitsOf(found: Uint8Array): number[] {
  return [...found.keys()].filter((unit) => found[unit] === 1);
}

function termsOf(text: string): string[] {
  return text
    .toLowerCase()
    .replaceAll("≤", "<=")
    .replaceAll("≥", ">=")
    .replace(/\s*([<>]=?|=)\s*/g, "$1")
    .replace(/(\d)\s*[-–]\s*(?=\d)/g, "$1-")
    .replace(/\b(cluster|component|unit|run|model)\s+(?=\d)/g, "$1=")
    .split(/[\s,;]+/)
    .filter((term) => term !== "" && term !== "and" && term !== "°");
}

function conditionOf(term: string, from: Searched): Condition | null {
  const opposite = /^(?:not-|!)(.+)$/.exec(term);
  if (opposite) {
    const inner = conditionOf(opposite[1]!, from);
    return inner && ((unit) => !inner(unit));
  }
  if (Object.hasOwn(KINDS, term)) return KINDS[term]!(from);
  const parts = /^([a-z]+)([<>]=?|=)(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)(%|°)?$/.exec(term);
  if (!parts) return null;
  const name = OTHER_NAMES[parts[1]!] ?? parts[1]!;
  if (!Object.hasOwn(QUANTITIES, name)) return null;
  const quantity = QUANTITIES[name]!(from);
  const bound = Number(parts[3]) / (parts[4] === "%" ? 100 : 1);
  const compare = COMPARISONS[parts[2]!]!;
  return (unit) => compare(quantity(unit), bound);
}
