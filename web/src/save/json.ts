// The view as JSON: `surfeit figure` draws the same places again with matplotlib.

import type { ViewState } from "../types";
import { hex } from "./marks";
import { isDrawn, type Saving } from "./shapes";

export const FORMAT = "surfeit-view";
export const VERSION = 1;

/** The saved view; `address` is the hash that opens it again. */
export function toView(saving: Saving, state: ViewState, address: string): string {
  const { snapshot, legend, title, subtitle, selected } = saving;
  const { appearance, places } = snapshot;
  const units = Array.from(appearance.radius, (_, unit) => unit);
  const drawn = units.map((unit) => isDrawn(snapshot, unit));
  const nodes = {
    x: units.map((unit) => (drawn[unit] ? short(places[2 * unit]) : 0)),
    y: units.map((unit) => (drawn[unit] ? short(places[2 * unit + 1]) : 0)),
    radius: units.map((unit) => (drawn[unit] ? short(appearance.radius[unit]) : 0)),
    colour: Array.from(appearance.colour, hex),
    opacity: Array.from(appearance.opacity, short),
    shape: Array.from(appearance.shape),
  };
  const links = { source: every(snapshot.links, 0), target: every(snapshot.links, 1), opacity: Array.from(snapshot.opacity, short) };
  const sources = every(snapshot.twins, 0);
  const twins = every(snapshot.twins, 1).map((target, pair) => [sources[pair], target]);
  const { width, height, zoom } = snapshot;
  return JSON.stringify({
    format: FORMAT,
    version: VERSION,
    title,
    subtitle,
    width,
    height,
    zoom,
    state,
    address,
    nodes,
    links,
    twins,
    selected: selected.filter((unit) => unit < units.length),
    legend,
  });
}

/** Firsts or seconds of pairs. */
function every(pairs: Uint16Array, offset: 0 | 1): number[] {
  return Array.from({ length: pairs.length / 2 }, (_, pair) => pairs[2 * pair + offset]);
}

/** Thousandths of a pixel are enough. */
function short(value: number): number {
  return Number(value.toFixed(3));
}
