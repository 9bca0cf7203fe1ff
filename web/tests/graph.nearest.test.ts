// Links to each unit's nearest: against every pair, from what is carried.
import { describe, expect, it } from "vitest";

import type { GraphFrame } from "../src/types.ts";
import { nearestLinks } from "../src/graph/nearestLinks.ts";
import { frameOf, random } from "./graph.fixtures.ts";

const UNITS = 30;

/** How far each two units are apart, all distances different. */
function distances(): number[][] {
  const draw = random(7);
  const far = Array.from({ length: UNITS }, () => new Array<number>(UNITS).fill(0));
  for (let a = 0; a < UNITS; a++) for (let b = 0; b < a; b++) far[a][b] = far[b][a] = Math.floor(draw() * 60000);
  return far;
}

/** A picture that carries the `links` nearest pairs and, on request, each unit's `neighbours`. */
function carrying(far: number[][], links: number, neighbours = 0): GraphFrame {
  const pairs = far.flatMap((row, a) => row.slice(0, a).map((apart, b) => [b, a, apart])).sort((one, other) => one[2] - other[2]).slice(0, links);
  const near = far.map((row, unit) => [...row.keys()].filter((other) => other !== unit).sort((a, b) => row[a] - row[b]).slice(0, neighbours));
  return {
    ...frameOf(UNITS, 0),
    source: Uint16Array.from(pairs, (pair) => pair[0]),
    target: Uint16Array.from(pairs, (pair) => pair[1]),
    apart: Uint16Array.from(pairs, (pair) => pair[2]),
    neighbours,
    nearest: neighbours > 0 ? Uint16Array.from(near.flat()) : null,
    nearestApart: neighbours > 0 ? Uint16Array.from(near.flatMap((others, unit) => others.map((other) => far[unit][other]))) : null,
  };
}

/** The pairs of which one is among the other's k nearest, by brute force. */
function expected(far: number[][], k: number): string[] {
  const pairs = new Set<string>();
  far.forEach((row, unit) => {
    const others = [...row.keys()].filter((other) => other !== unit).sort((a, b) => row[a] - row[b]);
    for (const other of others.slice(0, k)) pairs.add(`${Math.min(unit, other)}-${Math.max(unit, other)}`);
  });
  return [...pairs].sort();
}

const pairsOf = ({ source, target }: GraphFrame): string[] => Array.from(source, (a, link) => `${Math.min(a, target[link])}-${Math.max(a, target[link])}`).sort();

describe("links to the nearest", () => {
  const far = distances();

  it.each([1, 2, 5])("are exact for k = %i where all pairs are carried", (k) => {
    const { frame, lacking } = nearestLinks(carrying(far, UNITS * UNITS), k, -1);
    expect(pairsOf(frame)).toEqual(expected(far, k));
    expect([...frame.apart]).toEqual([...frame.apart].sort((a, b) => a - b));
    expect(lacking).toBe(0);
  });

  it.each([0, 10, 40])("are exact up to the neighbours that are carried, with %i links", (links) => {
    const { frame, lacking } = nearestLinks(carrying(far, links, 5), 3, -1);
    expect(pairsOf(frame)).toEqual(expected(far, 3));
    expect([...frame.apart]).toEqual([...frame.apart].sort((a, b) => a - b));
    expect(lacking).toBe(0);
  });

  it.each([3000, 12000, 65535])("hold every link up to the level %i, whoever is nearest", (level) => {
    const near = new Set(expected(far, 2));
    const { frame } = nearestLinks(carrying(far, UNITS * UNITS), 2, level);
    const wanted = far.flatMap((row, a) => row.slice(0, a).flatMap((apart, b) => (apart <= level || near.has(`${b}-${a}`) ? [`${b}-${a}`] : [])));
    expect(pairsOf(frame)).toEqual(wanted.sort());
    expect([...frame.apart]).toEqual([...frame.apart].sort((a, b) => a - b));
  });

  it("miss nothing of units that have no direction, where neighbours are carried", () => {
    const away = far.map((row, a) => row.map((apart, b) => ((a === 7) === (b === 7) ? apart : 60001)));
    const silent = carrying(away, 0, 5);
    silent.nearest!.fill(7, 35, 40);
    expect(nearestLinks(silent, 2, -1).lacking).toBe(0);
    // Where they are among the links, units without any have none.
    const links = carrying(far, UNITS * UNITS);
    links.source.forEach((a, link) => {
      if (a === 7 || links.target[link] === 7) links.source[link] = links.target[link] = 0;
    });
    expect(nearestLinks({ ...links, neighbours: 10 }, 2, -1).lacking).toBe(0);
    expect(nearestLinks(links, 2, -1).lacking).toBe(1);
  });

  it("count the units of which not enough is known", () => {
    const { frame, lacking } = nearestLinks(carrying(far, 10), 3, -1);
    const degree = new Array<number>(UNITS).fill(0);
    frame.source.forEach((a, link) => ((degree[a] += 1), (degree[frame.target[link]] += 1)));
    expect(lacking).toBe(degree.filter((links) => links < 3).length);
    expect(nearestLinks(carrying(far, 0, 5), 6, -1).lacking).toBeGreaterThan(0);
  });

  it("ask nothing of units without weights, and no more than there are units", () => {
    const dead = carrying(far, UNITS * UNITS);
    dead.kept[4] = 0;
    dead.norm[5] = 0;
    dead.source.forEach((a, link) => {
      if ([4, 5].includes(a) || [4, 5].includes(dead.target[link])) dead.source[link] = dead.target[link] = 0;
    });
    expect(nearestLinks(dead, 2, -1).lacking).toBe(0);
    const two = { ...frameOf(2, 0), source: Uint16Array.of(0), target: Uint16Array.of(1), apart: Uint16Array.of(9) };
    expect(nearestLinks(two, 5, -1)).toMatchObject({ lacking: 0, frame: { apart: Uint16Array.of(9) } });
  });
});
