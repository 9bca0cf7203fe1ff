// The similarity matrix in a saved picture: the cells as one image, groups as bars along two sides.

import { css } from "../graph/colour";
import { groupBars, matrixImage } from "../graph/matrix";
import type { Plot, SavingMatrix, Shape } from "./shapes";

const SIDE = 600;
const MARGIN = 14;
const BAR = 8;
const GAP = 2;

/** The matrix on white paper, 600 pixels a side. */
export function matrixPlot({ matrix, order, labels }: SavingMatrix): Plot {
  const [left, top] = [MARGIN + BAR + GAP, BAR + GAP];
  const each = SIDE / Math.max(order.length, 1);
  const bars = groupBars(order, labels, false).flatMap(({ start, length, colour }): Shape[] => {
    const paint = { fill: css(colour), stroke: "none", strokeWidth: 0, opacity: 1 };
    return [
      { kind: "rect", x: left + start * each, y: 0, width: length * each, height: BAR, ...paint },
      { kind: "rect", x: MARGIN, y: top + start * each, width: BAR, height: length * each, ...paint },
    ];
  });
  const cells: Shape = { kind: "image", x: left, y: top, width: SIDE, height: SIDE, source: matrixImage(matrix, order, false) };
  return { width: left + SIDE + MARGIN, height: top + SIDE + 4, graph: [...bars, cells] };
}
