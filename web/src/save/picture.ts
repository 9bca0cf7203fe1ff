// The view as a list of shapes, light and with its legend: what both the SVG and the PNG are drawn from.

import { css } from "../graph/colour";
import { fading } from "../graph/trails";
import type { Snapshot } from "../types";
import { drawnOf } from "./drawn";
import { legendHeight, legendShapes } from "./legend";
import { nodeShapes } from "./marks";
import { matrixPlot } from "./matrix";
import type { Drawn, Picture, Plot, Saving, SavingMatrix, Shape } from "./shapes";

const MARGIN = 14;
export const LETTER = 6.2; // pixels a letter of the subtitle takes, about
export const LINE = 16;
const TITLE_LETTER = 9.8; // the same of the bold title
const TITLE_LINE = 20;
const LINES = 2048; // in one path, as on the page
const LINK = "#5f6771";
const TWIN = "#444444";

/** The picture of what is drawn now. */
export function pictureOf(saving: Saving | SavingMatrix): Picture {
  if ("matrix" in saving) return framed(saving, matrixPlot(saving), 1);
  const { snapshot } = saving;
  const drawn = drawnOf(saving);
  const graph = [...linkShapes(snapshot, drawn), ...twinShapes(snapshot, drawn), ...trailShapes(snapshot, drawn), ...nodeShapes(saving, drawn)];
  return framed(saving, { width: snapshot.width, height: snapshot.height, graph }, snapshot.zoom);
}

/** A plot between its words and its legend. */
function framed({ legend, title, subtitle }: Pick<Saving, "legend" | "title" | "subtitle">, plot: Plot, zoom: number): Picture {
  const { width, height, graph } = plot;
  const room = width - 2 * MARGIN;
  const titles = title === "" ? [] : wrapped(title, Math.floor(room / TITLE_LETTER));
  const lines = wrapped(subtitle, Math.floor(room / LETTER));
  const first = TITLE_LINE * Math.max(titles.length - 1, 0);
  const top = first + 36 + LINE * lines.length + (lines.length > 0 ? 2 : 0);
  const under = top + height;
  const around: Shape[] = [
    ...titles.map((line, place) => heading(line, 24 + TITLE_LINE * place, 15, true)),
    ...lines.map((line, place) => heading(line, first + 43 + LINE * place, 11, false)),
  ];
  return {
    width,
    height: under + legendHeight(legend, room, zoom) + 16,
    top,
    plot: { width, height },
    graph,
    around: [...around, ...legendShapes(legend, room, MARGIN, under + 8, zoom)],
  };
}

/** Words in lines of so many letters; none of no words. */
export function wrapped(words: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of words.split(" ").filter((one) => one !== "")) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + 1 + word.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function heading(text: string, y: number, size: number, bold: boolean): Shape {
  return { kind: "text", x: MARGIN, y, text, size, bold, anchor: "start" };
}

/** A pair of drawn units as x, y, x, y. */
function ends({ places }: Snapshot, { radius }: Drawn, pairs: Uint16Array, pair: number): number[] | null {
  const [a, b] = [pairs[2 * pair], pairs[2 * pair + 1]];
  if (!(radius[a] > 0 && radius[b] > 0)) return null;
  return [places[2 * a], places[2 * a + 1], places[2 * b], places[2 * b + 1]];
}

/** Links of one opacity are one path, or a few, the faintest beneath. */
function linkShapes(snapshot: Snapshot, drawn: Drawn): Shape[] {
  const groups = new Map<number, number[][]>();
  drawn.links.forEach((opacity, link) => {
    const points = ends(snapshot, drawn, snapshot.links, link);
    if (!points) return;
    const level = Math.max(Math.round(1000 * opacity), 1);
    const paths = groups.get(level) ?? [[]];
    groups.set(level, paths);
    if (paths[paths.length - 1].length >= 4 * LINES) paths.push([]);
    paths[paths.length - 1].push(...points);
  });
  const levels = [...groups].sort(([a], [b]) => a - b);
  return levels.flatMap(([level, paths]) =>
    paths.map((points): Shape => ({ kind: "line", points, colour: LINK, width: 0.8, opacity: level / 1000 })),
  );
}

/** The way of selected units, fading as on the page. */
function trailShapes({ trails, appearance }: Snapshot, { radius }: Drawn): Shape[] {
  return (trails ?? []).filter(({ unit }) => radius[unit] > 0).flatMap(({ unit, way }) => {
    const pieces = way.length / 2 - 1;
    return Array.from({ length: pieces }, (_, piece): Shape => {
      const points = way.slice(2 * piece, 2 * piece + 4);
      return { kind: "line", points, colour: css(appearance.colour[unit]), width: 2, opacity: fading(piece, pieces) };
    });
  });
}

function twinShapes(snapshot: Snapshot, drawn: Drawn): Shape[] {
  const points: number[] = [];
  for (let pair = 0; pair < snapshot.twins.length / 2; pair += 1) points.push(...(ends(snapshot, drawn, snapshot.twins, pair) ?? []));
  return points.length > 0 ? [{ kind: "line", points, colour: TWIN, width: 1, opacity: 0.55, dash: [4, 3] }] : [];
}
