// The view as JSON: `surfeit figure` draws the same places again with matplotlib.

import { css } from "../graph/colour";
import type { ViewState } from "../types";
import { drawnOf } from "./drawn";
import { groupBars } from "../graph/matrix";
import type { Saving, SavingMatrix } from "./shapes";

export const FORMAT = "surfeit-view";
export const VERSION = 1;
/** Of a saved matrix, which older readers do not know. */
export const MATRIX_VERSION = 2;

/** The saved view, sizes and opacities as drawn; `address` is the hash that opens it again. */
export function toView(saving: Saving | SavingMatrix, state: ViewState, address: string): string {
  return "matrix" in saving ? toMatrixView(saving, state, address) : toGraphView(saving, state, address);
}

/** The saved matrix in the order shown: the inner products in steps of 1/127 as base64 of bytes. */
function toMatrixView({ matrix, order, labels, legend, title, subtitle, selected }: SavingMatrix, state: ViewState, address: string): string {
  const { products, units } = matrix;
  const bytes = order.flatMap((a) => order.map((b) => products[a * units + b]! & 255));
  const bars = groupBars(order, labels, false).map(({ start, length, colour }) => ({ start, length, colour: css(colour) }));
  return JSON.stringify({ format: FORMAT, version: MATRIX_VERSION, title, subtitle, state, address, matrix: { units, order, products: base64(bytes), bars }, selected: selected.filter((unit) => unit < units), legend });
}

function base64(bytes: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 4096) parts.push(String.fromCharCode(...bytes.slice(at, at + 4096)));
  return btoa(parts.join(""));
}

function toGraphView(saving: Saving, state: ViewState, address: string): string {
  const { snapshot, legend, title, subtitle, selected } = saving;
  const { appearance, places } = snapshot;
  const { radius, opacity, links: strength } = drawnOf(saving);
  const place = (unit: number, axis: 0 | 1): number => (radius[unit] > 0 ? short(places[2 * unit + axis]) : 0);
  const nodes = {
    x: radius.map((_, unit) => place(unit, 0)),
    y: radius.map((_, unit) => place(unit, 1)),
    radius: radius.map(short),
    colour: Array.from(appearance.colour, css),
    opacity: opacity.map(short),
    shape: Array.from(appearance.shape),
  };
  const links = { source: every(snapshot.links, 0), target: every(snapshot.links, 1), opacity: strength.map(short) };
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
    selected: selected.filter((unit) => unit < radius.length),
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
