// The view as a list of shapes, light and with its legend: what both the SVG and the PNG are drawn from.

import type { Snapshot } from "../types";
import { legendHeight, legendShapes } from "./legend";
import { nodeShapes } from "./marks";
import { INK, isDrawn, type Picture, type Saving, type Shape } from "./shapes";

const MARGIN = 14;
const OPACITIES = 40; // links whose opacities differ by less are one shape

/** The picture of what is drawn now. */
export function pictureOf(saving: Saving): Picture {
  const { snapshot, legend, title, subtitle } = saving;
  const top = subtitle ? 54 : 36;
  const under = top + snapshot.height;
  const graph = [...linkShapes(snapshot), ...twinShapes(snapshot), ...nodeShapes(snapshot, saving.selected)];
  const around: Shape[] = [heading(title, 24, 15, true)];
  if (subtitle) around.push(heading(subtitle, 43, 11, false));
  around.push(...legendShapes(legend, snapshot.width - 2 * MARGIN, MARGIN, under + 8));
  const height = under + legendHeight(legend, snapshot.width - 2 * MARGIN) + 16;
  return { width: snapshot.width, height, top, plot: { width: snapshot.width, height: snapshot.height }, graph, around };
}

function heading(text: string, y: number, size: number, bold: boolean): Shape {
  return { kind: "text", x: MARGIN, y, text, size, bold, anchor: "start" };
}

/** Pairs of drawn units as x, y, x, y. */
function ends(snapshot: Snapshot, pairs: Uint16Array, pair: number): number[] | null {
  const [a, b] = [pairs[2 * pair], pairs[2 * pair + 1]];
  if (!isDrawn(snapshot, a) || !isDrawn(snapshot, b)) return null;
  const { places } = snapshot;
  return [places[2 * a], places[2 * a + 1], places[2 * b], places[2 * b + 1]];
}

/** Links of about one opacity are one shape, the faintest beneath. */
function linkShapes(snapshot: Snapshot): Shape[] {
  const groups = new Map<number, number[]>();
  for (let link = 0; link < snapshot.opacity.length; link += 1) {
    const level = Math.ceil(OPACITIES * snapshot.opacity[link] - 0.5) || Math.sign(snapshot.opacity[link]);
    const points = level > 0 ? ends(snapshot, snapshot.links, link) : null;
    if (!points) continue;
    const group = groups.get(level);
    if (group) group.push(...points);
    else groups.set(level, points);
  }
  const levels = [...groups.keys()].sort((a, b) => a - b);
  return levels.map((level) => ({ kind: "line", points: groups.get(level) as number[], colour: INK, width: 0.8, opacity: level / OPACITIES }));
}

function twinShapes(snapshot: Snapshot): Shape[] {
  const points: number[] = [];
  for (let pair = 0; pair < snapshot.twins.length / 2; pair += 1) points.push(...(ends(snapshot, snapshot.twins, pair) ?? []));
  return points.length > 0 ? [{ kind: "line", points, colour: "#d55e00", width: 1, opacity: 0.7, dash: [4, 3] }] : [];
}
