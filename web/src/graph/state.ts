// The engine's state: the picture that is shown, how it is laid out, and what must be made anew
// before the next one.
import type { Appearance, Forces, GraphFrame, Places } from "../types.ts";
import { countWithin, FARTHEST } from "./apart.ts";
import { createBodies, resizeBodies } from "./bodies.ts";
import { bucketsOf } from "./buckets.ts";
import { type Camera, fitted, fittedTo } from "./camera.ts";
import { DEFAULT_FORCES } from "./forces.ts";
import { approach, goalFor, settle, type Goal } from "./goal.ts";
import { COLD, createLayout, type Layout, WARM } from "./layout.ts";
import { drawingOrder, plainAppearance, type Scene } from "./scene.ts";
import { createSprings, NO_SPRINGS } from "./springs.ts";
import { withFootprint } from "./trails.ts";

export interface State {
  frame: GraphFrame;
  options: { maxApart: number; sigma: number; twins: boolean; level?: number; squared?: boolean };
  forces: Forces;
  layout: Layout;
  scene: Scene;
  frozen: boolean;
  reduced: boolean;
  /** A picture that begins frozen: it is settled unseen, then stays. */
  quiet: boolean;
  /** The camera keeps all units in sight, until the user moves it. */
  following: boolean;
  /** The unit under the pointer that is being dragged. */
  dragged: number | null;
  /** Pinned units that have no places yet: they are laid out with all others, and then stay. */
  loose: Set<number>;
  /** Reached by the keyboard. */
  focus: number | null;
  /** Units begin in fresh places; springs must be made; units changed their radii. */
  fresh: boolean;
  slack: boolean;
  /** Where units go in place of where forces bring them, and whether they are on their way. */
  goal: Goal | null;
  going: boolean;
  /** Counts changes of what the faint links look like. */
  version: number;
}

const NOTHING: GraphFrame = {
  units: 0,
  own: 0,
  norm: new Float32Array(0),
  moved: new Float32Array(0),
  angle: new Float32Array(0),
  kept: new Float32Array(0),
  source: new Uint16Array(0),
  target: new Uint16Array(0),
  apart: new Uint16Array(0),
  floor: 1,
  nearest: null,
  nearestApart: null,
  neighbours: 0,
  note: null,
};

export function createState(): State {
  const bodies = createBodies(0);
  const appearance = plainAppearance(0);
  return {
    frame: NOTHING,
    options: { maxApart: FARTHEST, sigma: 1, twins: false },
    forces: DEFAULT_FORCES,
    layout: createLayout(bodies),
    scene: {
      ...{ width: 0, height: 0, ratio: 1, dark: false, moving: false },
      camera: { zoom: 1, left: 0, top: 0 },
      bodies,
      springs: NO_SPRINGS,
      buckets: bucketsOf(NO_SPRINGS.apart, 1),
      appearance,
      thumbnails: null,
      order: new Uint16Array(0),
      selected: new Set(),
      found: new Set(),
      footprints: [],
      trails: false,
      strong: 0,
      pinned: new Set(),
      ...{ hovered: null, twins: 0, area: null },
    },
    ...{ frozen: false, reduced: false, quiet: false, following: true, dragged: null, focus: null },
    loose: new Set(),
    ...{ fresh: false, slack: false, goal: null, going: false, version: 0 },
  };
}

/** Another picture; units keep their places unless they are others. */
export function setFrame(state: State, frame: GraphFrame, fresh: boolean, moved = false): void {
  const { scene } = state;
  state.frame = frame;
  state.slack = true;
  if (!fresh && frame.units === scene.bodies.units) {
    // Before they are laid out, units have no places.
    if (moved && !state.fresh) scene.footprints = withFootprint(scene.footprints, scene.bodies);
    return;
  }
  scene.footprints = [];
  scene.bodies = createBodies(frame.units);
  state.layout = createLayout(scene.bodies);
  if (scene.appearance.radius.length !== frame.units) scene.appearance = plainAppearance(frame.units);
  resizeBodies(scene.bodies, scene.appearance.radius);
  holdPinned(state);
  state.dragged = null;
  state.focus = null;
  scene.hovered = null;
  state.fresh = true;
  state.following = true;
}

/** New looks; units of another radius need other room, and those that come or go other springs. */
export function setAppearance(state: State, appearance: Appearance): void {
  const { scene } = state;
  if (appearance.radius.length !== scene.bodies.units) return;
  const before = scene.appearance.radius;
  const now = appearance.radius;
  if (now.some((radius, unit) => radius > 0 !== before[unit] > 0)) state.slack = true;
  else if (now.some((radius, unit) => radius !== before[unit])) reheat(state, WARM / 3);
  scene.appearance = appearance;
  resizeBodies(scene.bodies, now);
  scene.order = drawingOrder(appearance, scene.bodies.active);
}

export function setPinned(state: State, units: readonly number[]): void {
  const before = state.scene.pinned;
  const now = new Set(units);
  state.scene.pinned = now;
  holdPinned(state);
  if ([...before].some((unit) => !now.has(unit))) reheat(state, WARM);
}

/** Sends units to places, at once where nothing is to move; null: forces lay them out again. */
export function setPlaces(state: State, places: Places | null): void {
  const before = state.goal;
  state.goal = places && goalFor(places);
  state.going = state.goal !== null;
  if (state.goal && (state.frozen || state.reduced)) arrive(state);
  if (before && !state.goal) reheat(state, 1);
  if (!before !== !state.goal) state.following = true;
}

/** The camera that has all units in sight; of places, those of all moments. */
export function cameraOf({ goal, scene }: State): Camera {
  return goal ? fittedTo(goal.bounds, scene.width, scene.height) : fitted(scene.bodies, scene.width, scene.height);
}

/** The goal, if it is of these units. */
function goalOf({ goal, scene }: State): Goal | null {
  return goal && goal.x.length === scene.bodies.units ? goal : null;
}

function arrive(state: State): void {
  const goal = goalOf(state);
  if (!goal) return;
  settle(state.scene.bodies, goal);
  state.going = false;
  state.layout.heat = 0;
  state.version += 1;
}

/** Pinned and dragged units stay; all others are free. */
export function holdPinned(state: State): void {
  const { held } = state.scene.bodies;
  held.fill(0);
  if (state.dragged !== null) state.loose.delete(state.dragged);
  for (const unit of state.scene.pinned) if (unit < held.length && !state.loose.has(unit)) held[unit] = 1;
  if (state.dragged !== null) held[state.dragged] = 1;
}

/** At rest, all pinned units have found their places. */
export function holdLoose(state: State): void {
  if (state.loose.size === 0) return;
  state.loose.clear();
  holdPinned(state);
}

/** Sets the layout in motion, unless it is frozen or hotter. */
export function reheat(state: State, heat: number): void {
  state.layout.heat = Math.max(state.layout.heat, heat);
}

export function isMoving(state: State): boolean {
  if (state.goal) return state.going && state.scene.bodies.active.length > 0;
  const free = !state.frozen || state.quiet;
  return free && state.layout.heat > COLD && state.scene.bodies.active.length > 0;
}

/** Makes what changed anew: springs, buckets, first places. */
export function renew(state: State): void {
  const { scene } = state;
  if (state.slack) {
    scene.springs = createSprings(state.frame, scene.bodies.radius, state.options);
    scene.buckets = bucketsOf(scene.springs.apart, state.options.sigma, state.options.squared);
    // Where all links reach the level there is nothing to tell apart.
    const { maxApart, level = maxApart } = state.options;
    scene.strong = level < maxApart ? countWithin(scene.springs.apart, level) : 0;
    scene.order = drawingOrder(scene.appearance, scene.bodies.active);
    scene.twins = state.options.twins && state.frame.own < state.frame.units ? state.frame.own : 0;
    state.slack = false;
    state.version += 1;
    reheat(state, WARM);
  }
  if (state.fresh) {
    state.loose = new Set(scene.pinned);
    holdPinned(state);
    state.layout.begin(scene.springs, state.forces);
    if (goalOf(state)) arrive(state);
    state.fresh = false;
    state.quiet = state.frozen;
    state.version += 1;
  }
}

/** One step of the layout. */
export function step(state: State): void {
  const goal = goalOf(state);
  if (goal) {
    state.going = approach(state.scene.bodies, goal, state.dragged);
    state.version += 1;
    return;
  }
  state.layout.step(state.scene.springs, state.forces);
  state.version += 1;
}
