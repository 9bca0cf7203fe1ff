// What gestures and keys do to the engine's state.
import { type Camera, zoomedAbout } from "./camera.ts";
import type { Hands } from "./gestures.ts";
import { unitAt, unitsIn, unitToward } from "./hit.ts";
import { WARM } from "./layout.ts";
import type { Told } from "./messages.ts";
import { holdPinned, reheat, setPinned, type State } from "./state.ts";

const REACH = 2;
const REACH_TOUCH = 12;

/** Hands for a state: they tell the page what they did and ask for a picture. */
export function createHands(state: State, tell: (told: Told) => void, wake: () => void): Hands {
  const { scene } = state;
  let cursor = "";
  return {
    unitAt: (x, y, touch) => unitAt(scene.bodies, scene.camera, x, y, touch ? REACH_TOUCH : REACH),
    unitsIn: (area) => unitsIn(scene.bodies, scene.camera, area),
    zoomAbout: (factor, x, y) => moveCamera(state, zoomedAbout(scene.camera, factor, x, y), wake),
    panBy(dx, dy) {
      const { zoom, left, top } = scene.camera;
      moveCamera(state, { zoom, left: left + dx, top: top + dy }, wake);
    },
    hold(unit, x, y) {
      state.dragged = unit;
      state.following = false;
      scene.bodies.x[unit] = (x - scene.camera.left) / scene.camera.zoom;
      scene.bodies.y[unit] = (y - scene.camera.top) / scene.camera.zoom;
      holdPinned(state);
      if (!state.reduced) reheat(state, WARM);
      state.version += 1;
      wake();
    },
    release(unit, pinned) {
      state.dragged = null;
      if (pinned) setPinned(state, [...scene.pinned, unit]);
      else holdPinned(state);
      reheat(state, WARM / 3);
      if (pinned) tell({ kind: "pin", unit });
      wake();
    },
    unpin(unit) {
      if (!scene.pinned.has(unit)) return;
      setPinned(state, [...scene.pinned].filter((other) => other !== unit));
      tell({ kind: "unpin", unit });
      wake();
    },
    drawArea(area) {
      scene.area = area;
      wake();
    },
    select: (units, add) => tell({ kind: "select", units, add }),
    hover(unit) {
      if (unit === scene.hovered) return;
      scene.hovered = unit;
      tell({ kind: "hover", unit });
      wake();
    },
    cursor(name) {
      if (name !== cursor) tell({ kind: "cursor", cursor: name });
      cursor = name;
    },
  };
}

/** The user moved the camera: it no longer follows the units. */
export function moveCamera(state: State, camera: Camera, wake: () => void): void {
  state.scene.camera = camera;
  state.following = false;
  state.version += 1;
  wake();
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Arrows walk from unit to unit, Enter selects the one reached. */
export function press(state: State, hands: Hands, key: string, add: boolean, tell: (told: Told) => void): void {
  const { scene } = state;
  if (scene.bodies.active.length === 0) return;
  if (key === "Enter") {
    if (state.focus !== null) hands.select([state.focus], add);
    return;
  }
  const direction = ARROWS[key];
  if (direction === undefined) return;
  const from = state.focus !== null && scene.bodies.radius[state.focus] > 0 ? state.focus : null;
  const next = from === null ? firstFocus(state) : unitToward(scene.bodies, from, ...direction);
  if (next === null) return;
  state.focus = next;
  hands.hover(next);
  bringIntoSight(state, hands, next);
  tell({ kind: "reached", unit: next, links: scene.springs.degree[next] ?? 0 });
}

/** A selected unit, or the one nearest to the middle. */
function firstFocus(state: State): number | null {
  const { bodies, selected, camera, width, height } = state.scene;
  for (const unit of selected) if (bodies.radius[unit] > 0) return unit;
  return unitAt(bodies, camera, width / 2, height / 2, Infinity);
}

function bringIntoSight(state: State, hands: Hands, unit: number): void {
  const { bodies, camera, width, height } = state.scene;
  const x = bodies.x[unit] * camera.zoom + camera.left;
  const y = bodies.y[unit] * camera.zoom + camera.top;
  if (x < 0 || y < 0 || x > width || y > height) hands.panBy(width / 2 - x, height / 2 - y);
}
