// Runs as they are chosen among many: filtered by words, in groups, and what two of them differ in.

import type { About, Timeline } from "../types";
import { counted } from "./words";

export const GROUPINGS = {
  network: "model and data",
  ticket: "ticket with its controls",
  role: "role",
  density: "density",
  seed: "seed",
  tag: "tag",
} as const;

export type Grouping = keyof typeof GROUPINGS;

export interface Group {
  title: string;
  runs: Timeline[];
}

/** What a run is for: "ticket 3", "reinit 3", "dense", "masked"; empty of one like any other. */
export function roleOf({ about }: Timeline): string {
  if (!about) return "";
  if (about.arm === "tickets") return "ticket search";
  if (about.arm === "ticket" && about.level === 0) return "dense";
  if (about.arm !== "") return about.level === null ? about.arm : `${about.arm} ${about.level}`;
  return about.density === null ? "" : "masked";
}

/** "51.2 %", of a network without a mask nothing. */
export function densityOf({ about }: Timeline): string {
  return about?.density == null ? "" : `${Number((100 * about.density).toPrecision(3))} %`;
}

/** Whether each word is in what is known of a run: its name and key, role, density, tags, state. */
export function matches(timeline: Timeline, text: string): boolean {
  const { name, id, status, about } = timeline;
  const known = [name, id, status, roleOf(timeline), densityOf(timeline), ...(about?.tags ?? []), about?.seed == null ? "" : `seed ${about.seed}`];
  const hay = known.join(" ").toLowerCase();
  // "seed 1" is one word, and another one than "seed 12".
  const words = text.toLowerCase().match(/seed\s+\d+|\S+/g) ?? [];
  return words.every((word) => (word.startsWith("seed ") ? new RegExp(`${word.replace(/\s+/, " ")}(?!\\d)`).test(hay) : hay.includes(word)));
}

/** The runs in groups, in the order in which these first come; within one a ticket before its
 * controls, level by level. A run of several tags is in several groups. */
export function grouped(runs: readonly Timeline[], by: Grouping): Group[] {
  const groups = new Map<string, Timeline[]>();
  for (const run of runs) {
    for (const title of titlesOf(run, by)) groups.set(title, [...(groups.get(title) ?? []), run]);
  }
  const made = [...groups].map(([title, members]) => ({ title, runs: members.sort(inOrder) }));
  // Searches come level by level, all that belongs to none after them.
  return by === "ticket" ? made.sort((one, other) => strayed(one) - strayed(other) || inOrder(one.runs[0]!, other.runs[0]!)) : made;
}

const TITLES: Record<Grouping, (run: Timeline, about: About) => string[]> = {
  network: (_, { model, data }) => [networkOf(model, data)],
  ticket: (run, about) => {
    if (about.arm === "" || about.level === null) return ["not of a search for tickets"];
    const place = about.level === 0 ? "the dense network" : `level ${about.level}${densityOf(run) ? `, ${densityOf(run)} of the weights` : ""}`;
    return [`${networkOf(about.model, about.data)}, seed ${about.seed ?? "unknown"}: ${place}`];
  },
  role: (run, about) => [about.arm === "ticket" && about.level !== 0 ? "tickets" : about.arm !== "" && about.arm !== "ticket" && about.arm !== "tickets" ? `control: ${about.arm}` : roleOf(run) || "no role"],
  density: (run) => [densityOf(run) ? `${densityOf(run)} of the weights` : "all weights"],
  seed: (_, { seed }) => [seed === null ? "no seed" : `seed ${seed}`],
  tag: (_, { tags }) => (tags.length > 0 ? tags : ["no tag"]),
};

function titlesOf(run: Timeline, by: Grouping): string[] {
  return run.about ? TITLES[by](run, run.about) : ["nothing is known of these"];
}

function networkOf(model: string, data: string): string {
  return (model || "a network") + (data ? ` on ${data}` : "");
}

function strayed({ runs }: Group): number {
  return runs[0]?.about?.level == null ? 1 : 0;
}

/** Seeds, then levels, a ticket before its controls, then by name. */
function inOrder(one: Timeline, other: Timeline): number {
  const [left, right] = [rankOf(one), rankOf(other)];
  const at = left.findIndex((value, place) => value !== right[place]);
  return at >= 0 ? left[at]! - right[at]! : one.name.localeCompare(other.name, "en", { numeric: true });
}

function rankOf({ about }: Timeline): number[] {
  if (!about) return [Infinity, 0, 0];
  return [about.seed ?? -1, about.level ?? -1, about.arm === "ticket" || about.arm === "" ? 0 : 1];
}

export interface Difference {
  name: string;
  one: string;
  other: string;
}

/** The settings that differ, by name; "–" where one has none. Null where one's are not known. */
export function differences(one: Timeline, other: Timeline): Difference[] | null {
  if (!one.settings || !other.settings) return null;
  const [left, right] = [one.settings, other.settings];
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();
  return names.map((name) => ({ name, one: left[name] ?? "–", other: right[name] ?? "–" })).filter((row) => row.one !== row.other);
}

const TOLD = 6;

/** "The runs differ in recipe.lr (0.1, 0.03) and seed (0, 1)." */
export function differenceWords(one: Timeline, other: Timeline): string {
  const found = differences(one, other);
  if (found === null) return "";
  if (found.length === 0) return "The two runs have the same settings.";
  const told = found.slice(0, TOLD).map((row) => `${row.name} (${shortened(row.one)}, ${shortened(row.other)})`);
  if (found.length > TOLD) told.push(`${counted(found.length - TOLD)} more`);
  const last = told.pop()!;
  return `The two runs differ in ${told.length > 0 ? `${told.join(", ")} and ` : ""}${last}.`;
}

/** Digests are told apart by their beginning. */
function shortened(value: string): string {
  return /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 8) : value;
}
