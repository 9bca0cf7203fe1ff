// Repulsion of thousands of units by the method of Barnes & Hut (1986), in typed arrays: far groups
// of units count as one body at their centre.
import type { Bodies } from "./bodies.ts";

/** Groups that look smaller than this (their width over their distance) count as one, as in D3. */
const THETA = 0.9;
// Beyond this depth, units on one spot share a leaf.
const DEEPEST = 40;
const EMPTY = -1;

/** A quadtree: cells by number, the root is 0; leaves are chains of units. */
interface Tree {
  cells: number;
  /** [cells * 4]: a cell's number; EMPTY; or -2 - unit, the first of a chain. */
  child: Int32Array;
  /** The next unit in the same leaf, or EMPTY. */
  next: Int32Array;
  width: Float64Array;
  mass: Float64Array;
  x: Float64Array;
  y: Float64Array;
}

/** A repulsion that keeps its memory from call to call. */
export function createBarnesHut(theta = THETA): (bodies: Bodies, charge: number) => void {
  let tree = allocate(64, 0);
  const stack = new Int32Array(4 * (DEEPEST + 2));
  return (bodies, charge) => {
    if (tree.next.length < bodies.units) tree = allocate(4 * bodies.units + 64, bodies.units);
    tree = build(tree, bodies);
    weigh(tree, bodies);
    for (const unit of bodies.active) push(unit, tree, bodies, charge, theta * theta, stack);
  };
}

function allocate(cells: number, units: number): Tree {
  return {
    cells: 0,
    child: new Int32Array(4 * cells),
    next: new Int32Array(units),
    width: new Float64Array(cells),
    mass: new Float64Array(cells),
    x: new Float64Array(cells),
    y: new Float64Array(cells),
  };
}

function build(old: Tree, bodies: Bodies): Tree {
  let tree = old;
  const { x, y, active } = bodies;
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const unit of active) {
    left = Math.min(left, x[unit]);
    right = Math.max(right, x[unit]);
    top = Math.min(top, y[unit]);
    bottom = Math.max(bottom, y[unit]);
  }
  tree.cells = 0;
  addCell(tree, Math.max(right - left, bottom - top, 1) * 1.001);
  for (const unit of active) {
    if (tree.cells + DEEPEST + 2 > tree.width.length) tree = doubled(tree);
    insert(tree, unit, bodies, left, top);
  }
  return tree;
}

function addCell(tree: Tree, width: number): number {
  const cell = tree.cells++;
  tree.child.fill(EMPTY, 4 * cell, 4 * cell + 4);
  tree.width[cell] = width;
  return cell;
}

function doubled(tree: Tree): Tree {
  const larger = allocate(2 * tree.width.length, tree.next.length);
  larger.cells = tree.cells;
  larger.child.set(tree.child);
  larger.next.set(tree.next);
  larger.width.set(tree.width);
  return larger;
}

/** Puts a unit into its leaf; a leaf that is taken becomes a cell. */
function insert(tree: Tree, unit: number, bodies: Bodies, left: number, top: number): void {
  const { x, y } = bodies;
  let cell = 0;
  let [x0, y0] = [left, top];
  for (let depth = 0; ; depth++) {
    const half = tree.width[cell] / 2;
    const slot = 4 * cell + quadrant(x[unit] - x0, y[unit] - y0, half);
    if (x[unit] - x0 >= half) x0 += half;
    if (y[unit] - y0 >= half) y0 += half;
    const there = tree.child[slot];
    if (there === EMPTY || (there < EMPTY && depth >= DEEPEST)) {
      tree.next[unit] = there === EMPTY ? EMPTY : -2 - there;
      tree.child[slot] = -2 - unit;
      return;
    }
    if (there >= 0) {
      cell = there;
      continue;
    }
    const other = -2 - there;
    cell = addCell(tree, half);
    tree.child[slot] = cell;
    tree.child[4 * cell + quadrant(x[other] - x0, y[other] - y0, half / 2)] = there;
  }
}

function quadrant(dx: number, dy: number, half: number): number {
  return (dx >= half ? 1 : 0) + (dy >= half ? 2 : 0);
}

/** Mass and centre of each cell; children have greater numbers than their parents. */
function weigh(tree: Tree, bodies: Bodies): void {
  for (let cell = tree.cells - 1; cell >= 0; cell--) {
    let [mass, x, y] = [0, 0, 0];
    for (let slot = 4 * cell; slot < 4 * cell + 4; slot++) {
      const child = tree.child[slot];
      if (child >= 0) {
        mass += tree.mass[child];
        x += tree.x[child] * tree.mass[child];
        y += tree.y[child] * tree.mass[child];
      } else if (child < EMPTY) {
        for (let unit = -2 - child; unit !== EMPTY; unit = tree.next[unit]) {
          mass += 1;
          x += bodies.x[unit];
          y += bodies.y[unit];
        }
      }
    }
    tree.mass[cell] = mass;
    tree.x[cell] = x / Math.max(mass, 1);
    tree.y[cell] = y / Math.max(mass, 1);
  }
}

function push(
  unit: number,
  tree: Tree,
  bodies: Bodies,
  charge: number,
  theta2: number,
  stack: Int32Array,
): void {
  const { x, y } = bodies;
  const [px, py] = [x[unit], y[unit]];
  let [fx, fy] = [0, 0];
  let depth = 1;
  stack[0] = 0;
  while (depth > 0) {
    const cell = stack[--depth];
    const dx = tree.x[cell] - px;
    const dy = tree.y[cell] - py;
    const square = dx * dx + dy * dy;
    const width = tree.width[cell];
    if (width * width < theta2 * square) {
      const force = tree.mass[cell] / softened(square);
      fx += dx * force;
      fy += dy * force;
      continue;
    }
    for (let slot = 4 * cell; slot < 4 * cell + 4; slot++) {
      const child = tree.child[slot];
      if (child >= 0) {
        stack[depth++] = child;
      } else if (child < EMPTY) {
        for (let other = -2 - child; other !== EMPTY; other = tree.next[other]) {
          if (other === unit) continue;
          // Units on one spot part by their numbers.
          const ex = x[other] - px || (other - unit) * 1e-6;
          const ey = y[other] - py;
          const force = 1 / softened(ex * ex + ey * ey);
          fx += ex * force;
          fy += ey * force;
        }
      }
    }
  }
  bodies.vx[unit] += charge * fx;
  bodies.vy[unit] += charge * fy;
}

/** As in D3: nearer than a pixel, the force no longer grows as fast. */
function softened(square: number): number {
  return square < 1 ? Math.sqrt(square) : square;
}
