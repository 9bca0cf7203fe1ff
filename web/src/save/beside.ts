// Moments side by side: one picture of several, each under its own title, with one legend.

import { painted, pngOf } from "./canvas";
import { legendHeight, legendShapes } from "./legend";
import { LETTER, LINE, pictureOf, wrapped } from "./picture";
import { MOST } from "./png";
import type { Picture, Saving, SavingMatrix, Shape } from "./shapes";

const GAP = 12;
const TITLE = 24; // pixels over each graph
const HEAD = 40;
const MARGIN = 14;

/** One moment and its name. */
export interface Panel {
  saving: Saving | SavingMatrix;
  title: string;
}

/** The picture of all moments as a PNG, rows of about as many as there are rows. */
export function besideEachOther(panels: readonly Panel[], heading: string, words = ""): Promise<Blob> {
  const pictures = panels.map(({ saving }) => pictureOf(saving));
  const { width, height } = pictures[0]!.plot;
  const columns = Math.ceil(Math.sqrt(panels.length));
  const rows = Math.ceil(panels.length / columns);
  const whole = columns * width + (columns - 1) * GAP;
  const lines = wrapped(words, Math.floor((whole - 2 * MARGIN) / LETTER));
  const head = HEAD + LINE * lines.length;
  const grid = head + rows * (TITLE + height + GAP);
  const { saving, title: of } = panels[panels.length - 1]!;
  const last = saving.legend;
  // What is counted is of one moment, and each panel's pictures are of its own.
  const legend = {
    ...last,
    title: last.entries.length > 0 ? `${last.title}, as of ${of}` : last.title,
    ...(last.pictures ? { pictures: { ...last.pictures, when: "" } } : {}),
  };
  const zoom = "matrix" in saving ? 1 : saving.snapshot.zoom;
  const total = grid + legendHeight(legend, whole - 2 * MARGIN, zoom) + 16;
  const laid = panels.map(({ title }, place) => ({
    picture: titled(pictures[place]!, title),
    x: (place % columns) * (width + GAP),
    y: head + Math.floor(place / columns) * (TITLE + height + GAP),
  }));
  const around: Shape[] = [
    { kind: "text", x: MARGIN, y: 26, text: heading, size: 17, bold: true, anchor: "start" },
    ...lines.map((line, place): Shape => ({ kind: "text", x: MARGIN, y: 45 + LINE * place, text: line, size: 11, bold: false, anchor: "start" })),
    ...legendShapes(legend, whole - 2 * MARGIN, MARGIN, grid + 8, zoom),
  ];
  const frame: Picture = { width: whole, height: total, top: 0, plot: { width: 0, height: 0 }, graph: [], around };
  const scale = Math.min(1, MOST / Math.max(whole, total));
  return pngOf(painted(Math.round(whole * scale), Math.round(total * scale), scale, [{ picture: frame, x: 0, y: 0 }, ...laid]));
}

/** The graph alone under a title. */
function titled(picture: Picture, title: string): Picture {
  return {
    ...picture,
    top: TITLE,
    height: TITLE + picture.plot.height,
    around: [{ kind: "text", x: MARGIN, y: 16, text: title, size: 13, bold: true, anchor: "start" }],
  };
}
