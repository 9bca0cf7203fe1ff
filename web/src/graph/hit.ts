// Which units are where: under the pointer, in a rectangle, next in a direction. Pixels of the element.
import type { Bodies } from "./bodies.ts";
import type { Camera } from "./camera.ts";

export interface Area {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** The unit drawn at a pixel or within `reach` of it, the nearest by centre; null if none. */
export function unitAt(bodies: Bodies, camera: Camera, x: number, y: number, reach: number): number | null {
  let found: number | null = null;
  let least = Infinity;
  for (const unit of bodies.active) {
    const dx = bodies.x[unit] * camera.zoom + camera.left - x;
    const dy = bodies.y[unit] * camera.zoom + camera.top - y;
    const distance = Math.sqrt(dx * dx + dy * dy);
    if (distance <= bodies.radius[unit] * camera.zoom + reach && distance < least) {
      least = distance;
      found = unit;
    }
  }
  return found;
}

/** The units whose centres lie in an area, whichever corners it is given by. */
export function unitsIn(bodies: Bodies, camera: Camera, area: Area): number[] {
  const [left, right] = [Math.min(area.x0, area.x1), Math.max(area.x0, area.x1)];
  const [top, bottom] = [Math.min(area.y0, area.y1), Math.max(area.y0, area.y1)];
  return Array.from(bodies.active).filter((unit) => {
    const x = bodies.x[unit] * camera.zoom + camera.left;
    const y = bodies.y[unit] * camera.zoom + camera.top;
    return x >= left && x <= right && y >= top && y <= bottom;
  });
}

/** The next unit from one in the direction (dx, dy), ±1 or 0 each: near, and little aside. */
export function unitToward(bodies: Bodies, from: number, dx: number, dy: number): number | null {
  let found: number | null = null;
  let least = Infinity;
  for (const unit of bodies.active) {
    const x = bodies.x[unit] - bodies.x[from];
    const y = bodies.y[unit] - bodies.y[from];
    const ahead = x * dx + y * dy;
    const aside = Math.abs(x * dy - y * dx);
    if (unit === from || ahead <= 0 || aside > ahead) continue;
    const cost = ahead + 2 * aside;
    if (cost < least) {
      least = cost;
      found = unit;
    }
  }
  return found;
}
