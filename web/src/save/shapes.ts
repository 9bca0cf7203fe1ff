// What a saved picture is made of.

import type { Image } from "../graph/thumbnails";
import type { Legend, Matrix, Snapshot, Thumbnails } from "../types";

/** All that a saved picture shows. */
export interface Saving {
  snapshot: Snapshot;
  legend: Legend;
  title: string;
  subtitle: string;
  selected: readonly number[];
  /** Pictures that units are drawn as, where they are large enough. */
  thumbnails?: Thumbnails | null;
}

/** The same where the matrix stands in place of the graph. */
export interface SavingMatrix {
  matrix: Matrix;
  /** The units from top to bottom and from left to right, and the group of each; null without groups. */
  order: readonly number[];
  labels: Uint8Array | null;
  legend: Legend;
  title: string;
  subtitle: string;
  selected: readonly number[];
}

/** The graph as it is drawn: zoomed, and where units are selected the others dimmed. */
export interface Drawn {
  /** Pixels; 0 where a unit is hidden. */
  radius: number[];
  opacity: number[];
  /** Of each link. */
  links: number[];
}

/** One shape; lines and marks lie in the plot's own pixels, as the snapshot's places do. */
export type Shape =
  | { kind: "line"; points: number[]; colour: string; width: number; opacity: number; dash?: number[] }
  | { kind: "circle"; x: number; y: number; radius: number; opacity: number; unit?: number } & Paint
  | { kind: "rect"; x: number; y: number; width: number; height: number; opacity: number; unit?: number } & Paint
  | { kind: "thumbnail"; x: number; y: number; width: number; height: number; opacity: number; unit: number; image: Image }
  | { kind: "image"; x: number; y: number; width: number; height: number; source: HTMLCanvasElement }
  | { kind: "text"; x: number; y: number; text: string; size: number; bold: boolean; anchor: "start" | "end" };

interface Paint {
  fill: string;
  stroke: string;
  strokeWidth: number;
}

/** A picture: the graph is clipped to its own rectangle, `around` lies outside it. */
export interface Picture {
  width: number;
  height: number;
  /** Where the graph's rectangle begins, from the top. */
  top: number;
  plot: { width: number; height: number };
  graph: Shape[];
  around: Shape[];
}

/** What is drawn within its own rectangle. */
export interface Plot {
  width: number;
  height: number;
  graph: Shape[];
}

export const INK = "#1f2328";
export const FONT = "DejaVu Sans, Verdana, Arial, sans-serif";
