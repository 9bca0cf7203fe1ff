// Draws links, a path for each opacity. Lines are a pixel of the device wide: thin lines are drawn
// several times faster than wide ones.
import type { Context } from "./draw.ts";
import { strongInk } from "./buckets.ts";
import { strengthOf } from "./emphasis.ts";
import type { Scene } from "./scene.ts";

/** Places of the units in pixels of the device. */
export interface Screen {
  x: Float32Array;
  y: Float32Array;
}

// Paths of more lines take longer than their parts.
const LINES = 2048;

/** The strongest `limit` links. */
export function drawLinks(context: Context, scene: Scene, screen: Screen, limit: number): void {
  const { ends, opacity } = scene.buckets;
  const faint = context.globalAlpha;
  context.strokeStyle = scene.dark ? "#98a1ab" : "#5f6771";
  context.lineWidth = 1;
  let start = 0;
  ends.forEach((bucketEnd, bucket) => {
    const end = Math.min(bucketEnd, limit);
    context.globalAlpha = faint * opacity[bucket];
    for (let first = start; first < end; first += LINES) {
      strokeRange(context, scene, screen, first, Math.min(first + LINES, end));
    }
    start = Math.max(start, end);
  });
  if (scene.strong > 0) drawStrong(context, scene, screen, faint, Math.min(scene.strong, limit));
}

/** The links up to the level, over all others; thousands of them as thin as these. */
function drawStrong(context: Context, scene: Scene, screen: Screen, faint: number, count: number): void {
  context.strokeStyle = scene.dark ? "#e6e8ea" : "#1c1e21";
  context.lineWidth = scene.strong > LINES ? 1 : 1.5 * scene.ratio;
  context.globalAlpha = faint * strongInk(scene.strong);
  for (let first = 0; first < count; first += LINES) {
    strokeRange(context, scene, screen, first, Math.min(first + LINES, count));
  }
}

function strokeRange(context: Context, scene: Scene, screen: Screen, start: number, end: number): void {
  const { source, target } = scene.springs;
  const { x, y } = screen;
  const right = scene.width * scene.ratio;
  const bottom = scene.height * scene.ratio;
  context.beginPath();
  for (let link = start; link < end; link++) {
    const a = source[link];
    const b = target[link];
    const aside = (x[a] < 0 && x[b] < 0) || (x[a] > right && x[b] > right);
    if (aside || (y[a] < 0 && y[b] < 0) || (y[a] > bottom && y[b] > bottom)) continue;
    context.moveTo(x[a], y[a]);
    context.lineTo(x[b], y[b]);
  }
  context.stroke();
}

/** The links that end at one of the given units, emphasised; not black, as those above the level are. */
export function drawLinksOf(context: Context, scene: Scene, screen: Screen, units: Uint8Array): void {
  const { source, target, count } = scene.springs;
  let lines = 0;
  context.beginPath();
  for (let link = 0; link < count; link++) {
    const a = source[link];
    const b = target[link];
    if (!units[a] && !units[b]) continue;
    context.moveTo(screen.x[a], screen.y[a]);
    context.lineTo(screen.x[b], screen.y[b]);
    lines += 1;
  }
  context.strokeStyle = scene.dark ? "#6cb6ff" : "#0b63b0";
  context.lineWidth = scene.ratio;
  context.globalAlpha = strengthOf(lines);
  context.stroke();
  context.globalAlpha = 1;
}
