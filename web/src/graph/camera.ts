// Where the picture's plane lies on the canvas, in pixels of the element.
import type { Bodies } from "./bodies.ts";

/** A place (x, y) is drawn at (x zoom + left, y zoom + top). */
export interface Camera {
  zoom: number;
  left: number;
  top: number;
}

export interface Bounds {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export const LEAST_ZOOM = 0.02;
export const MOST_ZOOM = 40;
const FIT_ZOOM = 3;
const MARGIN = 24;
// What the legend covers at the lower edge of a picture that is high enough to do without.
const LEGEND = 104;
const HIGH = 300;

/** The camera after zooming by a factor about a pixel, which stays where it is. */
export function zoomedAbout(camera: Camera, factor: number, x: number, y: number): Camera {
  const zoom = Math.min(Math.max(camera.zoom * factor, LEAST_ZOOM), MOST_ZOOM);
  const by = zoom / camera.zoom;
  return { zoom, left: x - (x - camera.left) * by, top: y - (y - camera.top) * by };
}

/** The camera that shows these bounds in a canvas of this size. */
export function fittedTo({ left, right, top, bottom }: Bounds, width: number, height: number): Camera {
  if (!(left <= right)) return { zoom: 1, left: width / 2, top: height / 2 };
  const wide = Math.max(width - 2 * MARGIN, 10) / Math.max(right - left, 1);
  const room = height > HIGH ? height - LEGEND : height - MARGIN;
  const high = Math.max(room - MARGIN, 10) / Math.max(bottom - top, 1);
  const zoom = Math.min(Math.max(Math.min(wide, high), LEAST_ZOOM), FIT_ZOOM);
  return {
    zoom,
    left: width / 2 - ((left + right) / 2) * zoom,
    top: (room + MARGIN) / 2 - ((top + bottom) / 2) * zoom,
  };
}

/** The camera that shows all units in a canvas of this size. */
export function fitted(bodies: Bodies, width: number, height: number): Camera {
  const { active, x, y, radius } = bodies;
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const unit of active) {
    left = Math.min(left, x[unit] - radius[unit]);
    right = Math.max(right, x[unit] + radius[unit]);
    top = Math.min(top, y[unit] - radius[unit]);
    bottom = Math.max(bottom, y[unit] + radius[unit]);
  }
  return fittedTo({ left, right, top, bottom }, width, height);
}

/** A camera on the way from one to another. */
export function between(from: Camera, to: Camera, share: number): Camera {
  const mix = (a: number, b: number): number => a + (b - a) * share;
  return { zoom: mix(from.zoom, to.zoom), left: mix(from.left, to.left), top: mix(from.top, to.top) };
}

/** Whether two cameras show the same to within a quarter of a pixel or so. */
export function alike(a: Camera, b: Camera): boolean {
  return (
    Math.abs(a.zoom / b.zoom - 1) < 5e-4 &&
    Math.abs(a.left - b.left) < 0.25 &&
    Math.abs(a.top - b.top) < 0.25
  );
}
