// What the page and the engine say to each other, through a worker or directly.
import type { Appearance, Forces, GraphFrame, GraphStatus, Places, Snapshot, Thumbnails } from "../types.ts";

/** From the page. Those that are states are remembered, in case a worker is lost. */
export type Command =
  | { kind: "size"; width: number; height: number; ratio: number }
  | { kind: "frame"; frame: GraphFrame; fresh: boolean; moved?: boolean }
  | { kind: "links"; maxApart: number; sigma: number; twins: boolean; level?: number; squared?: boolean }
  | { kind: "appearance"; appearance: Appearance }
  | { kind: "thumbnails"; thumbnails: Thumbnails | null }
  | { kind: "forces"; forces: Forces }
  | { kind: "places"; places: Places | null }
  | { kind: "selected"; units: number[] }
  | { kind: "found"; units: number[] }
  | { kind: "trails"; on: boolean }
  | { kind: "hovered"; unit: number | null }
  | { kind: "pinned"; units: number[] }
  | { kind: "frozen"; frozen: boolean }
  | { kind: "dark"; dark: boolean }
  | { kind: "reduced"; reduced: boolean }
  | Deed;

/** Commands that act once. */
export type Deed =
  | { kind: "reset" }
  | { kind: "fit" }
  | { kind: "zoom"; factor: number }
  | { kind: "snapshot"; ticket: number }
  | { kind: "wheel"; x: number; y: number; factor: number }
  | { kind: "key"; key: string; add: boolean }
  | { kind: "blur" }
  | Pointer;

/** A finger, a pen or the mouse, in pixels of the element. */
export interface Pointer {
  kind: "pointer";
  phase: "down" | "move" | "up" | "cancel" | "leave" | "double";
  id: number;
  x: number;
  y: number;
  touch: boolean;
  /** Shift or ctrl is held: adds to the selection. */
  add: boolean;
  /** Shift is held: draws a rectangle. */
  area: boolean;
}

/** From the engine. */
export type Told =
  | { kind: "select"; units: number[]; add: boolean }
  | { kind: "hover"; unit: number | null }
  | { kind: "pin"; unit: number }
  | { kind: "unpin"; unit: number }
  | { kind: "status"; status: Omit<GraphStatus, "worker"> }
  | { kind: "snapshot"; ticket: number; snapshot: Snapshot }
  | { kind: "cursor"; cursor: string }
  /** A unit reached by the keyboard, to be read out. */
  | { kind: "reached"; unit: number; links: number };
