// When to lay out and when to draw: a step and a picture a frame while something moves, a last
// whole picture when it rests, then nothing.
import { alike, between } from "./camera.ts";
import { COLD, WARM } from "./layout.ts";
import type { Told } from "./messages.ts";
import { createPace, MANY } from "./pace.ts";
import { type Canvas, createPainter } from "./painter.ts";
import { cameraOf, holdLoose, isMoving, renew, type State, step } from "./state.ts";

export interface Loop {
  /** Something changed: draw at the next frame. */
  wake(): void;
  stop(): void;
}

// Milliseconds of layout before a fresh picture is first shown.
const HEAD_START = 30;
// Milliseconds of a step that leave time for another one in the same frame.
const QUICK_STEP = 3;
const QUICK_STEP_OF_MANY = 12;
// With reduced motion: milliseconds of layout at a time, and in all.
const QUIET_SLICE = 16;
const QUIET_TIME = 2500;
const QUIET_TIME_WARM = 800;
const STATUS_EVERY = 500;
// A picture is whole again so long after the camera's last move.
const WHOLE_AFTER = 160;

export function createLoop(
  state: State,
  canvas: Canvas,
  canvasOf: () => Canvas,
  tell: (told: Told) => void,
): Loop {
  const painter = createPainter(canvas, canvasOf);
  const pace = createPace();
  let asked: number | null = null;
  let stopped = false;
  let seen = -1;
  let wholeAt = 0;
  let toldAt = -Infinity;
  let toldZoom = 0;
  let quietUntil: number | null = null;
  let announced = true;

  function wake(): void {
    if (asked === null && !stopped) asked = requestAnimationFrame(frame);
  }

  function frame(now: number): void {
    asked = null;
    if (state.scene.width === 0 || state.scene.height === 0) return;
    const fresh = state.fresh;
    renew(state);
    const unseen = (state.reduced && state.dragged === null) || state.quiet;
    if (isMoving(state) && unseen) return settleQuietly(now);
    quietUntil = null;
    state.quiet = false;
    if (fresh) headStart();
    else advance();
    if (!isMoving(state)) holdLoose(state);
    const following = follow(fresh || unseen);
    paint(now, isMoving(state) || following);
  }

  function headStart(): void {
    const end = performance.now() + HEAD_START;
    while (isMoving(state) && performance.now() < end) step(state);
  }

  /** One step a frame, two where they are quick. */
  function advance(): void {
    if (!isMoving(state)) return;
    const start = performance.now();
    step(state);
    const quick = state.scene.bodies.units > MANY ? QUICK_STEP_OF_MANY : QUICK_STEP;
    if (performance.now() - start < quick && isMoving(state)) step(state);
  }

  /** Lays out unseen, a slice at a time, so that commands are heard in between. */
  function settleQuietly(now: number): void {
    quietUntil ??= now + (state.layout.heat > WARM ? QUIET_TIME : QUIET_TIME_WARM);
    const end = performance.now() + QUIET_SLICE;
    while (isMoving(state) && performance.now() < end) step(state);
    if (now > quietUntil) state.layout.heat = Math.min(state.layout.heat, COLD);
    announced = false;
    wake();
  }

  /** Brings the camera toward all units; whether it is still on its way. */
  function follow(atOnce: boolean): boolean {
    if (!state.following) return false;
    const { scene } = state;
    const goal = cameraOf(state);
    if (alike(scene.camera, goal)) return false;
    const next = atOnce ? goal : between(scene.camera, goal, 0.12);
    scene.camera = alike(next, goal) ? goal : next;
    state.version += 1;
    return scene.camera !== goal;
  }

  function paint(now: number, moving: boolean): void {
    const { scene, version } = state;
    if (version !== seen) {
      const wait = !moving && seen >= 0 && scene.springs.count > pace.limit;
      wholeAt = wait ? now + WHOLE_AFTER : now;
      seen = version;
    }
    const whole = !moving && now >= wholeAt;
    if (whole) {
      painter.resting(scene, version);
      pace.pause();
    } else {
      painter.moving(scene, pace.limit);
      pace.drawn(now, scene.springs.count, scene.bodies.units);
      wake();
    }
    report(now, whole, whole ? scene.springs.count : Math.min(pace.limit, scene.springs.count));
  }

  function report(now: number, settled: boolean, links: number): void {
    if (!settled) announced = false;
    const { zoom } = state.scene.camera;
    const due = settled ? !announced || zoom !== toldZoom : now - toldAt >= STATUS_EVERY;
    // Before there is a picture, nothing has settled that anyone waits for.
    if (!due || state.scene.bodies.units === 0) return;
    announced = settled;
    toldAt = now;
    toldZoom = zoom;
    tell({ kind: "status", status: { settled, drawn: pace.rate(), links, zoom } });
  }

  return {
    wake,
    stop() {
      stopped = true;
      if (asked !== null) cancelAnimationFrame(asked);
    },
  };
}
