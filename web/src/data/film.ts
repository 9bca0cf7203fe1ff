// Reads a film (surfeit.viewer.bundles.film): a layer's links over many moments, as what changes.
import type { Spread } from "../types";
import { arrayOf, type Pack } from "./wire";

const STEPS = 65535;
const ESCAPE = 255;
/** The level of what has no value. */
const UNKNOWN = 255;

/** What the header says of a film. */
export interface FilmHeader {
  layer: string;
  source: string;
  merged: string | null;
  units: number;
  own: number;
  /** The moments that it has. */
  at: number[];
  notes: (string | null)[];
  /** Why the other moments are not there. */
  problems: Record<string, string>;
  lowest: number;
  step: number;
  error: number;
  series: Record<string, { low: number; high: number }>;
  /** Nearest neighbours of each unit that are among the links. */
  near?: number;
  /** At each moment the mean inner product of all pairs. */
  mean?: (number | null)[];
  /** At each moment the inner product that chance does not reach, and the greatest `apart` from it on. */
  level?: (number | null)[];
  level_apart?: (number | null)[];
}

/** Links, the nearest pair first. */
export interface Links {
  source: Uint16Array;
  target: Uint16Array;
  apart: Uint16Array;
}

export interface Film {
  readonly header: FilmHeader;
  /** The links at the moment of this number, of pairs whose units are both below `limit`. */
  links(moment: number, limit: number): Links;
  /** Links are complete from this inner product on. */
  floor(moment: number): number;
  /** What "norm", "moved" or "angle" reaches over all moments, of the first `units`; null if unknown. */
  spread(name: string, units: number): Spread | null;
  /** One number a unit: "norm", "moved", "angle" or "kept". */
  values(name: string, moment: number): Float32Array;
}

/** The film with this number in a bundle. It is read forwards; going back begins anew. */
export function openFilm(pack: Pack, header: FilmHeader, number: number): Film {
  const seek = reader(pack, header, number);
  const aparts = apartOfLevels(header);
  const floors = arrayOf(pack, `film_${number}_floor`, "f4");
  const spreads = new Map<string, Spread | null>();
  return {
    header,
    links: (moment, limit) => linksOf(seek(moment), header.units, aparts, limit),
    floor: (moment) => floors[moment] as number,
    spread(name, units) {
      const key = `${name} ${units}`;
      if (!spreads.has(key)) spreads.set(key, spreadOf(pack, header, `film_${number}_${name}`, name, units));
      return spreads.get(key) ?? null;
    },
    values: (name, moment) => valuesOf(pack, header, `film_${number}_${name}`, name, moment),
  };
}

/** A function that gives the level of every pair at a moment; 0: the pair is not carried. */
function reader(pack: Pack, header: FilmHeader, number: number): (moment: number) => Uint8Array {
  const array = (name: string) => arrayOf(pack, `film_${number}_${name}`, "u1");
  const gapEnds = arrayOf(pack, `film_${number}_gap_ends`, "u4");
  const entryEnds = arrayOf(pack, `film_${number}_entry_ends`, "u4");
  const levels = new Uint8Array((header.units * (header.units - 1)) / 2);
  const begin = () => ({ next: 0, carried: new Uint32Array(), changes: strip(array("gaps"), array("changes")), entries: strip(array("entries"), array("entered")) });
  let at = begin();
  return (moment) => {
    if (moment < at.next - 1) {
      levels.fill(0);
      at = begin();
    }
    for (; at.next <= moment; at.next += 1) {
      at.changes(gapEnds[at.next] as number, (place, change) => {
        const pair = at.carried[place] as number;
        // A byte that runs over begins anew at 0, as the writer's does.
        levels[pair] = change === 0 ? 0 : (levels[pair] as number) + change;
      });
      const entered: number[] = [];
      at.entries(entryEnds[at.next] as number, (pair, level) => {
        levels[pair] = level;
        entered.push(pair);
      });
      const kept = at.carried.filter((pair) => levels[pair] !== 0);
      at.carried = merged(kept, entered);
    }
    return levels;
  };
}

type Visit = (place: number, value: number) => void;

/** Goes on through gaps, up to one that is given, and visits each place between them with its value. */
function strip(gaps: Uint8Array, values: Uint8Array): (end: number, visit: Visit) => void {
  let gap = 0;
  let value = 0;
  return (end, visit) => {
    let place = 0;
    for (; gap < end; gap += 1) {
      const skipped = gaps[gap] as number;
      place += skipped;
      if (skipped !== ESCAPE) {
        visit(place, values[value] as number);
        value += 1;
        place += 1;
      }
    }
  };
}

/** Two ascending rows of numbers as one. */
function merged(one: Uint32Array, other: readonly number[]): Uint32Array<ArrayBuffer> {
  const found = new Uint32Array(one.length + other.length);
  for (let place = 0, i = 0, j = 0; place < found.length; place += 1) {
    const first = j >= other.length || (i < one.length && (one[i] as number) < (other[j] as number));
    found[place] = (first ? one[i++] : other[j++]) as number;
  }
  return found;
}

/** The quantised distance that each level stands for. */
function apartOfLevels(header: FilmHeader): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, level) => {
    const product = header.lowest + (level - 1) * header.step;
    return Math.round(Math.min(1, Math.max(0, (1 - product) / 2)) * STEPS);
  });
}

function linksOf(levels: Uint8Array, units: number, aparts: Uint16Array, limit: number): Links {
  const starts = startsOf(levels, units, limit);
  const count = starts[0] as number;
  const found = { source: new Uint16Array(count), target: new Uint16Array(count), apart: new Uint16Array(count) };
  for (let one = 0, pair = 0; one < units; one += 1) {
    for (let other = one + 1; other < units; other += 1, pair += 1) {
      const level = levels[pair] as number;
      if (level !== 0 && other < limit) {
        const place = (starts[level] as number)++;
        found.source[place] = one;
        found.target[place] = other;
        found.apart[place] = aparts[level] as number;
      }
    }
  }
  return found;
}

/** Where the links of each level begin, the highest level first; at 0: how many there are. */
function startsOf(levels: Uint8Array, units: number, limit: number): Uint32Array {
  const counts = new Uint32Array(256);
  for (let one = 0, pair = 0; one < units; one += 1) {
    for (let other = one + 1; other < units; other += 1, pair += 1) {
      if (other < limit) {
        counts[levels[pair] as number]! += 1;
      }
    }
  }
  let before = 0;
  for (let level = 255; level > 0; level -= 1) {
    const here = counts[level] as number;
    counts[level] = before;
    before += here;
  }
  counts[0] = before;
  return counts;
}

/** Differences over time, summed up to the moment, as surfeit.viewer.bundles.series writes them. */
function valuesOf(pack: Pack, header: FilmHeader, array: string, name: string, moment: number): Float32Array {
  const changes = arrayOf(pack, array, "u1");
  const levels = new Uint8Array(header.units);
  for (let place = 0; place < (moment + 1) * header.units; place += 1) {
    const unit = place % header.units;
    levels[unit] = (levels[unit] as number) + (changes[place] as number);
  }
  const range = header.series[name] ?? { low: 0, high: 0 };
  const scale = (range.high - range.low) / (UNKNOWN - 1);
  return Float32Array.from(levels, (level) => (level === UNKNOWN ? NaN : range.low + level * scale));
}

/** Least, greatest and 99th percentile of all values, from how often each level occurs. */
function spreadOf(pack: Pack, header: FilmHeader, array: string, name: string, units: number): Spread | null {
  const changes = arrayOf(pack, array, "u1");
  const levels = new Uint8Array(header.units);
  const counts = new Uint32Array(UNKNOWN + 1);
  for (let place = 0; place < changes.length; place += 1) {
    const unit = place % header.units;
    levels[unit] = (levels[unit] as number) + (changes[place] as number);
    if (unit < units) counts[levels[unit] as number]! += 1;
  }
  counts[UNKNOWN] = 0;
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  const { low, high } = header.series[name] ?? { low: 0, high: 0 };
  const value = (level: number): number => low + (level * (high - low)) / (UNKNOWN - 1);
  let seen = 0;
  const q99 = counts.findIndex((count) => (seen += count) >= 0.99 * all);
  return { low: value(counts.findIndex((count) => count > 0)), high: value(counts.findLastIndex((count) => count > 0)), q99: value(q99) };
}
