// How marks are shaped and how what is selected stands out: on the page, and in what is saved of it.

/** Opacity of units that are not selected while others are. */
export const DIMMED = 0.3;

/** Opacity of links while units are selected. */
export const FAINT = 0.4;

/** Half a square's side, as a share of the radius of the circle of the same area. */
export const HALF_SIDE = Math.sqrt(Math.PI) / 2;

/** Opacity of the links of selected units: the fewer, the stronger. */
export function strengthOf(links: number): number {
  return Math.min(Math.max(6 / Math.sqrt(Math.max(links, 1)), 0.12), 0.7);
}
