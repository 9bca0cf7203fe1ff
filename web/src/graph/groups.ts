// Groups of units as colours that a unit keeps over the whole training.
import type { Legend } from "../types.ts";
import { GREY, mixed } from "./colour.ts";

/** The units' groups at one moment. */
export interface Grouping {
  /** From 0; 255: none. */
  labels: Uint8Array;
  /** The class that each unit answers to most; 255: it is silent. Null: not known. */
  classes: Uint8Array | null;
  groups: number;
  /** What units were divided by. */
  source: "updates" | "weights";
  /** The mean cosine of units to their group's mean direction, and that of random groups; null without groups. */
  own: number | null;
  random: number | null;
}

export const NO_GROUP = 255;

// Ten that stay apart for most colour visions: Paul Tol's muted scheme, and one of his vibrant one.
const COLOURS = [0x332288, 0xcc6677, 0x44aa99, 0xddcc77, 0x88ccee, 0x882255, 0x117733, 0xee7733, 0xaa4499, 0x999933];
const WHITE = 0xffffff;

/** The colour of a group, lighter on a dark page. */
export function groupColour(group: number, dark: boolean): number {
  if (group === NO_GROUP) return GREY;
  const colour = COLOURS[group % COLOURS.length];
  return dark ? mixed(colour, WHITE, 0.3) : colour;
}

/** Each unit's colour, and what the legend says of the groups among the units shown. */
export function byGroup(units: number, shown: Uint8Array, grouping: Grouping | string | null, dark: boolean): { colour: Uint32Array; legend: Legend } {
  if (grouping === null || typeof grouping === "string") {
    const note = grouping === null ? "computing…" : grouping;
    return { colour: new Uint32Array(units).fill(GREY), legend: { title: "Groups", entries: [], scale: null, note } };
  }
  const { labels, groups } = grouping;
  const colour = Uint32Array.from(labels, (group) => groupColour(group, dark));
  const sizes = new Uint32Array(groups + 1);
  labels.forEach((group, unit) => {
    if (shown[unit]) sizes[Math.min(group, groups)] += 1;
  });
  const entries: Legend["entries"] = Array.from(sizes.subarray(0, groups), (size, group) => ({ label: `${group + 1}: ${size}`, colour: groupColour(group, dark), shape: 0 }));
  if (sizes[groups] > 0) entries.push({ label: `none: ${sizes[groups]}`, colour: GREY, shape: 0 });
  const title = `Groups of units by ${grouping.source === "updates" ? "what training added" : "weight vectors"}`;
  return { colour, legend: { title, entries, scale: null, note: worth(grouping) } };
}

/** Classes that have colours of their own; the others share grey. */
const COLOURED = COLOURS.length;

/** Each unit's colour by the class that it answers to most, and what the legend says of it. */
export function byClass(units: number, shown: Uint8Array, grouping: Grouping | string | null, dark: boolean): { colour: Uint32Array; legend: Legend } {
  const title = "Class that a unit answers to most";
  const classes = grouping === null || typeof grouping === "string" ? null : grouping.classes;
  if (classes === null) {
    const note = grouping === null ? "computing…" : typeof grouping === "string" ? grouping : "Not known: that takes examples of classes.";
    return { colour: new Uint32Array(units).fill(GREY), legend: { title, entries: [], scale: null, note } };
  }
  const counts = new Map<number, number>();
  classes.forEach((one, unit) => shown[unit] && counts.set(one, (counts.get(one) ?? 0) + 1));
  const colourOf = (one: number): number => (one < COLOURED ? groupColour(one, dark) : GREY);
  const entries: Legend["entries"] = [...counts].filter(([one]) => one < COLOURED).sort(([a], [b]) => a - b).map(([one, size]) => ({ label: `${one}: ${size}`, colour: colourOf(one), shape: 0 }));
  const others = [...counts].reduce((sum, [one, size]) => (one >= COLOURED && one !== NO_GROUP ? sum + size : sum), 0);
  if (others > 0) entries.push({ label: `others: ${others}`, colour: GREY, shape: 0 });
  if (counts.has(NO_GROUP)) entries.push({ label: `silent: ${counts.get(NO_GROUP)}`, colour: GREY, shape: 0 });
  const note = "Largest mean output, over up to 512 validation examples.";
  return { colour: Uint32Array.from(classes, colourOf), legend: { title, entries, scale: null, note } };
}

/** What the division is worth: it would look like groups even of directions that have none. */
function worth({ own, random }: Grouping): string {
  const follow = "A way to follow units, not a discovery";
  if (own === null || random === null) return `${follow}.`;
  return `${follow}: mean cosine to the own group ${own.toFixed(2)}, in random groups ${random.toFixed(2)}.`;
}
