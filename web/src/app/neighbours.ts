// The nearest neighbours of a unit: those that the picture carries, or else the ends of its links.

import { innerProductOf } from "../graph/apart";
import type { GraphFrame } from "../types";
import { degrees } from "./facts";

export interface Neighbour {
  unit: number;
  innerProduct: number;
  /** Between the two weight vectors, degrees. */
  angle: number;
}

const MOST = 5;

/** Nearest first. */
export function neighboursOf(frame: GraphFrame, unit: number): Neighbour[] {
  return frame.nearest && frame.nearestApart ? carried(frame, unit) : linked(frame, unit);
}

function carried(frame: GraphFrame, unit: number): Neighbour[] {
  const found: Neighbour[] = [];
  for (let place = 0; place < Math.min(MOST, frame.neighbours); place += 1) {
    const other = frame.nearest![unit * frame.neighbours + place]!;
    // Places that are not filled name the unit itself or none at all.
    if (other === unit || other >= frame.units) continue;
    found.push(neighbour(other, frame.nearestApart![unit * frame.neighbours + place]!));
  }
  return found;
}

function linked(frame: GraphFrame, unit: number): Neighbour[] {
  const found: Neighbour[] = [];
  for (let link = 0; link < frame.source.length && found.length < MOST; link += 1) {
    if (frame.source[link] === unit) found.push(neighbour(frame.target[link]!, frame.apart[link]!));
    else if (frame.target[link] === unit) found.push(neighbour(frame.source[link]!, frame.apart[link]!));
  }
  return found;
}

function neighbour(unit: number, apart: number): Neighbour {
  const innerProduct = innerProductOf(apart);
  return { unit, innerProduct, angle: degrees(Math.acos(innerProduct)) };
}
