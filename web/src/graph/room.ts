// Room around thousands of units: those that overlap are parted, by a grid in typed arrays.
import type { Bodies } from "./bodies.ts";

/** Parts units that would be nearer after this step than their radii times `room`. */
export function makeRoom(bodies: Bodies, room: number): void {
  const { active, radius } = bodies;
  let widest = 0;
  for (const unit of active) widest = Math.max(widest, radius[unit]);
  const cell = 2 * widest * room;
  if (!(cell > 0)) return;
  const grid = createGrid(bodies, cell);
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) partCell(bodies, room, grid, row, column);
  }
}

/** The active units, sorted by the square in which they are. */
interface Grid {
  rows: number;
  columns: number;
  /** [rows * columns + 1]: where each square's units begin in `units`. */
  start: Uint32Array;
  units: Uint16Array;
}

function createGrid(bodies: Bodies, least: number): Grid {
  const { active, x, y, vx, vy } = bodies;
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const unit of active) {
    left = Math.min(left, x[unit] + vx[unit]);
    right = Math.max(right, x[unit] + vx[unit]);
    top = Math.min(top, y[unit] + vy[unit]);
    bottom = Math.max(bottom, y[unit] + vy[unit]);
  }
  // Units that fly far apart must not make the grid larger than the crowd.
  const cell = Math.max(least, (right - left) / 256, (bottom - top) / 256);
  const columns = Math.floor((right - left) / cell) + 1;
  const rows = Math.floor((bottom - top) / cell) + 1;
  const square = Uint32Array.from(active, (unit) => {
    const column = Math.floor((x[unit] + vx[unit] - left) / cell);
    return Math.floor((y[unit] + vy[unit] - top) / cell) * columns + column;
  });
  const start = new Uint32Array(rows * columns + 1);
  for (const place of square) start[place + 1] += 1;
  for (let place = 0; place < rows * columns; place++) start[place + 1] += start[place];
  const free = start.slice();
  const units = new Uint16Array(active.length);
  active.forEach((unit, place) => (units[free[square[place]]++] = unit));
  return { rows, columns, start, units };
}

function partCell(bodies: Bodies, room: number, grid: Grid, row: number, column: number): void {
  const here = row * grid.columns + column;
  for (let place = grid.start[here]; place < grid.start[here + 1]; place++) {
    // The rest of this square and the next one in the row, then three squares of the row below.
    const after = column + 1 < grid.columns ? here + 2 : here + 1;
    partFrom(bodies, room, grid.units, place, place + 1, grid.start[after]);
    if (row + 1 < grid.rows) {
      const below = here + grid.columns;
      const first = grid.start[column > 0 ? below - 1 : below];
      partFrom(bodies, room, grid.units, place, first, grid.start[column + 1 < grid.columns ? below + 2 : below + 1]);
    }
  }
}

function partFrom(bodies: Bodies, room: number, units: Uint16Array, place: number, from: number, to: number): void {
  const { x, y, vx, vy, radius } = bodies;
  const a = units[place];
  for (let other = from; other < to; other++) {
    const b = units[other];
    const reach = (radius[a] + radius[b]) * room;
    const dx = x[a] + vx[a] - x[b] - vx[b] || (a - b) * 1e-6;
    const dy = y[a] + vy[a] - y[b] - vy[b];
    const square = dx * dx + dy * dy;
    if (square >= reach * reach) continue;
    const distance = Math.sqrt(square);
    const push = (reach - distance) / distance;
    // The smaller unit gives way more.
    const share = radius[b] ** 2 / (radius[a] ** 2 + radius[b] ** 2);
    vx[a] += dx * push * share;
    vy[a] += dy * push * share;
    vx[b] -= dx * push * (1 - share);
    vy[b] -= dy * push * (1 - share);
  }
}
