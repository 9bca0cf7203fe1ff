// All that a picture is drawn from.
import type { Appearance, Thumbnails } from "../types.ts";
import type { Bodies } from "./bodies.ts";
import { type Buckets } from "./buckets.ts";
import type { Camera } from "./camera.ts";
import type { Area } from "./hit.ts";
import type { Springs } from "./springs.ts";
import type { Footprint } from "./trails.ts";

export interface Scene {
  /** Pixels of the element, and of the device for one of them. */
  width: number;
  height: number;
  ratio: number;
  dark: boolean;
  /** Units move: they are drawn plainly, without outlines. */
  moving: boolean;
  camera: Camera;
  bodies: Bodies;
  springs: Springs;
  buckets: Buckets;
  /** The first so many links are drawn apart from the others; 0: none is. */
  strong: number;
  appearance: Appearance;
  /** Pictures that units are drawn as; null: they are discs. */
  thumbnails: Thumbnails | null;
  /** Units in the order in which they are drawn: by look, which is then set once. */
  order: Uint16Array;
  selected: ReadonlySet<number>;
  /** What a search means. */
  found: ReadonlySet<number>;
  /** Where units were at the last moments, and whether that is drawn of the selected ones. */
  footprints: readonly Footprint[];
  trails: boolean;
  pinned: ReadonlySet<number>;
  hovered: number | null;
  /** Units of the first of two models if twins are joined, else 0. */
  twins: number;
  /** The rectangle that is being drawn. */
  area: Area | null;
}

/** The plain look of units before the page has said otherwise. */
export function plainAppearance(units: number): Appearance {
  return {
    colour: new Uint32Array(units).fill(0x999999),
    radius: new Float32Array(units).fill(5),
    opacity: new Float32Array(units).fill(1),
    shape: new Uint8Array(units),
  };
}

/** Units sorted by shape, opacity and colour; stable, so that equal looks stay in order. */
export function drawingOrder(appearance: Appearance, active: Uint16Array): Uint16Array {
  const { shape, opacity, colour } = appearance;
  return Uint16Array.from(active).sort(
    (a, b) => shape[b] - shape[a] || opacity[a] - opacity[b] || colour[a] - colour[b] || a - b,
  );
}

/** Pairs of twins, [2 * pairs], both shown: unit i of the first model and of the second. */
export function twinPairs(units: number, own: number, radius: Float32Array): Uint16Array {
  const pairs: number[] = [];
  for (let unit = 0; unit < own && own + unit < units; unit++) {
    if (radius[unit] > 0 && radius[own + unit] > 0) pairs.push(unit, own + unit);
  }
  return Uint16Array.from(pairs);
}
