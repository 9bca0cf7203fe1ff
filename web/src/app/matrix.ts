// The similarity matrix in place of the graph: rows and columns are units, ordered by group, so that
// groups are seen as squares, and units that are opposite too.

import { css } from "../graph/colour";
import { groupBars, matrixColour, matrixImage, NONE, orderOf, STEPS } from "../graph/matrix";
import type { Matrix } from "../types";
import type { Actions } from "./actions";
import type { View } from "./derive";
import { h, say } from "./dom";
import type { Part } from "./part";
import { unitMark } from "./unitwords";
import { short, SIMILARITY } from "./words";

/** Pixels: of the bars that show the groups, and around the matrix. */
const BAR = 6;
const MARGIN = 16;
/** What the note above takes, and the legend and the words under the matrix. */
const ABOVE = 16;
const BENEATH = 128;
const LEAST_SIDE = 40;

interface Shown {
  matrix: Matrix;
  order: number[];
  left: number;
  top: number;
  side: number;
}

export { matrixColour, orderOf };

export function createMatrix(actions: Actions): Part {
  const canvas = h("canvas", { role: "img" });
  const words = h("p", { class: "hint", role: "status" });
  const element = h("div", { class: "matrix", hidden: true }, canvas, words);
  let shown: Shown | null = null;
  let drawn: readonly unknown[] = [];
  let view: View | null = null;

  const pairAt = (event: MouseEvent): [number, number] | null => {
    if (!shown) return null;
    const box = canvas.getBoundingClientRect();
    const place = (pixel: number, from: number): number => Math.floor(((pixel - from) / shown!.side) * shown!.order.length);
    const [column, row] = [place(event.clientX - box.left, shown.left), place(event.clientY - box.top, shown.top)];
    const [a, b] = [shown.order[row], shown.order[column]];
    return a === undefined || b === undefined ? null : [a, b];
  };
  canvas.addEventListener("pointermove", (event) => {
    const pair = pairAt(event);
    actions.hover(pair?.[0] ?? null);
    say(words, pair && shown && view ? pairWords(view, shown.matrix, ...pair) : "");
  });
  canvas.addEventListener("pointerleave", () => {
    actions.hover(null);
    say(words, "");
  });
  canvas.addEventListener("click", (event) => {
    const pair = pairAt(event);
    if (pair) actions.select([...new Set(pair)], event.shiftKey);
  });
  const draw = (): void => {
    if (!view || element.hidden) return;
    const { matrix } = view.model;
    const found = matrix && typeof matrix.matrix !== "string" && view.frame?.units === matrix.matrix.units ? matrix.matrix : null;
    const why = matrix && typeof matrix.matrix === "string" ? matrix.matrix : "computing…";
    const grouping = typeof view.grouping === "string" ? null : view.grouping;
    const above = ABOVE + (element.parentElement?.querySelector<HTMLElement>(".picture-note")?.offsetHeight ?? 0);
    const needs = [found, grouping, view.model.dark, element.clientWidth, element.clientHeight, above];
    canvas.hidden = found === null;
    if (!found) {
      shown = null;
      drawn = [];
      return say(words, why);
    }
    if (needs.every((need, at) => need === drawn[at])) return;
    drawn = needs;
    if (words.textContent === why) say(words, "");
    const order = orderOf(found.units, grouping?.labels ?? null);
    canvas.setAttribute("aria-label", `Similarity matrix of ${found.units} units${grouping ? ", ordered by group" : ""}`);
    shown = { matrix: found, order, ...paint(canvas, element, above, found, order, grouping?.labels ?? null, view.model.dark) };
  };
  if (typeof ResizeObserver !== "undefined") new ResizeObserver(draw).observe(element);
  return {
    element,
    update(next) {
      view = next;
      element.hidden = next.state.layout !== "matrix" || next.frame === null;
      draw();
    },
  };
}

function pairWords(view: View, { products, units }: Matrix, a: number, b: number): string {
  const product = products[a * units + b]!;
  const { measure } = SIMILARITY[view.state.source];
  const names = `units ${unitMark(view, a)} and ${unitMark(view, b)}`;
  return product === NONE ? `${names}: one has no direction` : `${names}: ${measure} ${short(product / STEPS)}`;
}

/** Draws the matrix as large as there is room, and gives where it lies. */
function paint(canvas: HTMLCanvasElement, room: HTMLElement, above: number, matrix: Matrix, order: readonly number[], labels: Uint8Array | null, dark: boolean): Pick<Shown, "left" | "top" | "side"> {
  const [width, height] = [room.clientWidth, room.clientHeight];
  const ratio = window.devicePixelRatio || 1;
  const side = Math.max(Math.min(width - 2 * MARGIN - BAR, height - above - BAR - (height > 420 ? BENEATH : MARGIN + 20)), LEAST_SIDE);
  const [left, top] = [Math.max((width - side) / 2, MARGIN), above + BAR];
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round((top + side + 2) * ratio) });
  const pen = canvas.getContext("2d");
  if (!pen) return { left, top, side };
  pen.scale(ratio, ratio);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(matrixImage(matrix, order, dark), left, top, side, side);
  const each = side / order.length;
  for (const { start, length, colour } of groupBars(order, labels, dark)) {
    pen.fillStyle = css(colour);
    pen.fillRect(left + start * each, top - BAR - 2, length * each, BAR);
    pen.fillRect(left - BAR - 2, top + start * each, BAR, length * each);
  }
  return { left, top, side };
}
