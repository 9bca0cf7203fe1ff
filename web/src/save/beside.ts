// Moments side by side: one picture of several, each under its own title, with one legend.

import { painted, pngOf } from "./canvas";
import { legendHeight, legendShapes } from "./legend";
import { pictureOf } from "./picture";
import { MOST } from "./png";
import type { Picture, Saving, Shape } from "./shapes";

const GAP = 12;
const TITLE = 24; // pixels over each graph
const HEAD = 40;
const MARGIN = 14;

/** One moment and its name. */
export interface Panel {
  saving: Saving;
  title: string;
}

/** The picture of all moments as a PNG, rows of about as many as there are rows. */
export function besideEachOther(panels: readonly Panel[], heading: string): Promise<Blob> {
  const { width, height } = panels[0]!.saving.snapshot;
  const columns = Math.ceil(Math.sqrt(panels.length));
  const rows = Math.ceil(panels.length / columns);
  const whole = columns * width + (columns - 1) * GAP;
  const grid = HEAD + rows * (TITLE + height + GAP);
  const { legend, snapshot } = panels[panels.length - 1]!.saving;
  const total = grid + legendHeight(legend, whole - 2 * MARGIN, snapshot.zoom) + 16;
  const laid = panels.map(({ saving, title }, place) => ({
    picture: titled(pictureOf(saving), title),
    x: (place % columns) * (width + GAP),
    y: HEAD + Math.floor(place / columns) * (TITLE + height + GAP),
  }));
  const around: Shape[] = [
    { kind: "text", x: MARGIN, y: 26, text: heading, size: 17, bold: true, anchor: "start" },
    ...legendShapes(legend, whole - 2 * MARGIN, MARGIN, grid + 8, snapshot.zoom),
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
