// The graph's engine: takes commands, lays out, draws, tells what happened. The same code runs in a
// worker and on the page.
import { opacityOf, strongInk } from "./buckets.ts";
import { zoomedAbout } from "./camera.ts";
import type { Snapshot } from "../types.ts";
import { createGestures } from "./gestures.ts";
import { createHands, moveCamera, press } from "./hands.ts";
import { WARM } from "./layout.ts";
import { createLoop } from "./loop.ts";
import type { Command, Told } from "./messages.ts";
import type { Canvas } from "./painter.ts";
import { twinPairs } from "./scene.ts";
import { wayOf } from "./trails.ts";
import { cameraOf, createState, reheat, renew, setAppearance, setFrame, setPinned, setPlaces, type State } from "./state.ts";

export interface Engine {
  command(command: Command): void;
  destroy(): void;
}

/** An engine that draws on a canvas; `canvasOf` makes another one to remember pictures on. */
export function createEngine(canvas: Canvas, canvasOf: () => Canvas, tell: (told: Told) => void): Engine {
  const state = createState();
  const loop = createLoop(state, canvas, canvasOf, tell);
  const hands = createHands(state, tell, loop.wake);
  const gesture = createGestures(hands);

  function command(asked: Command): void {
    if (asked.kind === "pointer") gesture(asked);
    else if (asked.kind === "wheel") hands.zoomAbout(asked.factor, asked.x, asked.y);
    else if (asked.kind === "key") press(state, hands, asked.key, asked.add, tell);
    else if (asked.kind === "snapshot") tell({ kind: "snapshot", ticket: asked.ticket, snapshot: snapshotOf(state) });
    else {
      change(state, asked, loop.wake);
      loop.wake();
    }
  }
  return { command, destroy: loop.stop };
}

type Change = Exclude<Command, { kind: "pointer" | "wheel" | "key" | "snapshot" }>;

function change(state: State, asked: Change, wake: () => void): void {
  const { scene } = state;
  switch (asked.kind) {
    case "size":
      Object.assign(scene, { width: asked.width, height: asked.height, ratio: asked.ratio });
      state.version += 1;
      break;
    case "frame":
      setFrame(state, asked.frame, asked.fresh, asked.moved);
      break;
    case "links":
      state.options = asked;
      state.slack = true;
      break;
    case "appearance":
      setAppearance(state, asked.appearance);
      break;
    case "thumbnails":
      scene.thumbnails = asked.thumbnails;
      break;
    case "forces":
      state.forces = asked.forces;
      reheat(state, WARM);
      break;
    case "places":
      setPlaces(state, asked.places);
      break;
    case "selected":
      scene.selected = new Set(asked.units);
      break;
    case "found":
      scene.found = new Set(asked.units);
      break;
    case "trails":
      scene.trails = asked.on;
      break;
    case "hovered":
      scene.hovered = asked.unit;
      break;
    case "pinned":
      setPinned(state, asked.units);
      break;
    case "frozen":
      state.frozen = asked.frozen;
      break;
    case "dark":
      scene.dark = asked.dark;
      state.version += 1;
      break;
    case "reduced":
      state.reduced = asked.reduced;
      break;
    case "reset":
      scene.footprints = [];
      state.fresh = true;
      state.following = true;
      break;
    case "fit":
      state.following = true;
      scene.camera = cameraOf(state);
      state.version += 1;
      break;
    case "zoom":
      moveCamera(state, zoomedAbout(scene.camera, asked.factor, scene.width / 2, scene.height / 2), wake);
      break;
    case "blur":
      state.focus = null;
      break;
  }
}

function trailsOf({ bodies, camera, footprints, selected, trails }: State["scene"]): { unit: number; way: number[] }[] {
  if (!trails || footprints.length === 0) return [];
  const drawn = [...selected].filter((unit) => bodies.radius[unit] > 0);
  return drawn.map((unit) => {
    const way = wayOf(footprints, bodies, unit).map((place, at) => place * camera.zoom + (at % 2 === 0 ? camera.left : camera.top));
    return { unit, way };
  });
}

/** The picture as it stands; all links within the cutoff, however many the last drawing left out. */
function snapshotOf(state: State): Snapshot {
  renew(state);
  const { scene } = state;
  const { bodies, springs, camera } = scene;
  const places = new Float32Array(2 * bodies.units);
  for (let unit = 0; unit < bodies.units; unit++) {
    places[2 * unit] = bodies.x[unit] * camera.zoom + camera.left;
    places[2 * unit + 1] = bodies.y[unit] * camera.zoom + camera.top;
  }
  const links = new Uint16Array(2 * springs.count);
  for (let link = 0; link < springs.count; link++) {
    links[2 * link] = springs.source[link];
    links[2 * link + 1] = springs.target[link];
  }
  return {
    width: scene.width,
    height: scene.height,
    places,
    zoom: camera.zoom,
    links,
    opacity: opacityOf(scene.buckets).fill(strongInk(scene.strong), 0, scene.strong),
    appearance: scene.appearance,
    twins: scene.twins > 0 ? twinPairs(bodies.units, scene.twins, bodies.radius) : new Uint16Array(0),
    trails: trailsOf(scene),
  };
}
