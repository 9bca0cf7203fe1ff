// Draws a scene: faint links beneath, units upon them, what is selected on top.
import { css } from "./colour.ts";
import { drawLinksOf, type Screen } from "./drawLinks.ts";
import { type Atlas, drawThumbnail, hasPicture, traceThumbnail } from "./drawThumbnails.ts";
import { DIMMED, FAINT, HALF_SIDE } from "./emphasis.ts";
import type { Scene } from "./scene.ts";
import { twinPairs } from "./scene.ts";
import { fading, wayOf } from "./trails.ts";

/** What is needed of a canvas's context, in a worker as on the page. */
export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const LEAST_DRAWN = 1;
// Isolated units are often the smallest; they must not vanish.
const LEAST_RING = 1.75;
const RING = 2;
// Discs of fewer pixels of the device are drawn as squares, and crowds of small ones without an
// outline. Nobody sees it, and thousands of units are drawn in a third of the time.
const SPECK = 1.6;
const OUTLINED = 0.5;
// What is found is ringed in a colour that no unit has, outside the ring of what is selected.
const FOUND = "#c4006a";
const FOUND_ON_DARK = "#ff7ab8";
const FOUND_GAP = 5;
const LEAST_FOUND = 6;

/** Places of all units in pixels of the device. */
export function screenOf(scene: Scene): Screen {
  const { bodies, camera, ratio } = scene;
  const screen = { x: new Float32Array(bodies.units), y: new Float32Array(bodies.units) };
  for (let unit = 0; unit < bodies.units; unit++) {
    screen.x[unit] = (bodies.x[unit] * camera.zoom + camera.left) * ratio;
    screen.y[unit] = (bodies.y[unit] * camera.zoom + camera.top) * ratio;
  }
  return screen;
}

/** Clears the canvas and draws all; `links` draws the faint ones, directly or from memory. With an
 * atlas units are pictures. */
export function draw(context: Context, scene: Scene, screen: Screen, links: (faint: number) => void, atlas: Atlas | null = null): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.clearRect(0, 0, scene.width * scene.ratio, scene.height * scene.ratio);
  const chosen = scene.selected.size > 0;
  links(chosen ? FAINT : 1);
  context.globalAlpha = 1;
  if (scene.twins > 0) drawTwins(context, scene, screen);
  if (chosen || scene.hovered !== null) drawLinksOf(context, scene, screen, highlighted(scene));
  if (scene.trails) drawTrails(context, scene);
  drawUnits(context, scene, screen, atlas);
  drawFound(context, scene, screen, atlas);
  drawRings(context, scene, screen, atlas);
  if (scene.area !== null) drawArea(context, scene);
}

function highlighted(scene: Scene): Uint8Array {
  const units = new Uint8Array(scene.bodies.units);
  for (const unit of scene.selected) units[unit] = 1;
  if (scene.hovered !== null) units[scene.hovered] = 1;
  return units;
}

function drawTwins(context: Context, scene: Scene, screen: Screen): void {
  const pairs = twinPairs(scene.bodies.units, scene.twins, scene.bodies.radius);
  context.beginPath();
  for (let pair = 0; pair < pairs.length; pair += 2) {
    context.moveTo(screen.x[pairs[pair]], screen.y[pairs[pair]]);
    context.lineTo(screen.x[pairs[pair + 1]], screen.y[pairs[pair + 1]]);
  }
  context.strokeStyle = scene.dark ? "#cccccc" : "#444444";
  context.globalAlpha = 0.55;
  context.lineWidth = scene.ratio;
  context.setLineDash([4 * scene.ratio, 3 * scene.ratio]);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** Units of one look one after another: discs by themselves are drawn faster than in one path. */
function drawUnits(context: Context, scene: Scene, screen: Screen, atlas: Atlas | null): void {
  const { order, appearance, selected, found } = scene;
  let stale = true; // whether the look that is set is another unit's
  for (let place = 0; place < order.length; place++) {
    const unit = order[place];
    const dimmed = selected.size > 0 && !selected.has(unit) && !found.has(unit) && unit !== scene.hovered;
    context.globalAlpha = appearance.opacity[unit] * (dimmed ? DIMMED : 1);
    if (hasPicture(atlas, scene, unit)) {
      drawThumbnail(context, scene, screen, atlas, unit, css(appearance.colour[unit]));
      stale = true;
      continue;
    }
    if (stale || !sameLook(scene, order[place - 1], unit)) setLook(context, scene, unit);
    stale = false;
    drawUnit(context, scene, screen, unit);
  }
  context.globalAlpha = 1;
}

function sameLook(scene: Scene, a: number, b: number): boolean {
  const { colour, shape } = scene.appearance;
  return colour[a] === colour[b] && shape[a] === shape[b];
}

function setLook(context: Context, scene: Scene, unit: number): void {
  const ring = scene.appearance.shape[unit] === RING;
  const paper = paperOf(scene);
  const colour = css(scene.appearance.colour[unit]);
  const scale = scene.camera.zoom * scene.ratio;
  context.fillStyle = ring ? paper : colour;
  context.strokeStyle = ring ? colour : paper;
  context.lineWidth = ring ? Math.max(1.5 * scene.ratio * Math.min(scale, 1.5), scene.ratio) : 0.75 * scene.ratio;
}

function paperOf(scene: Scene): string {
  return scene.dark ? "#111418" : "#ffffff";
}

function drawUnit(context: Context, scene: Scene, screen: Screen, unit: number): void {
  const { appearance, camera, ratio } = scene;
  const ring = appearance.shape[unit] === RING;
  const scale = camera.zoom * ratio;
  const [x, y] = [screen.x[unit], screen.y[unit]];
  const least = ring ? LEAST_RING * ratio : LEAST_DRAWN;
  const radius = Math.max(appearance.radius[unit] * scale - (ring ? ratio : 0), least);
  const [right, bottom] = [scene.width * ratio + radius, scene.height * ratio + radius];
  if (x < -radius || y < -radius || x > right || y > bottom) return;
  if (radius < SPECK) {
    context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    return;
  }
  context.beginPath();
  trace(context, appearance.shape[unit], x, y, radius);
  if (!ring || !scene.moving) context.fill();
  if (ring || (scale > OUTLINED && !scene.moving)) context.stroke();
}

function trace(context: Context, shape: number, x: number, y: number, radius: number): void {
  if (shape === 1) {
    const half = radius * HALF_SIDE;
    context.rect(x - half, y - half, 2 * half, 2 * half);
    return;
  }
  context.moveTo(x + radius, y);
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

/** Where selected units were at the last moments: a line that fades with time, a dot a moment. */
function drawTrails(context: Context, scene: Scene): void {
  const { footprints, bodies, camera, ratio } = scene;
  const place = (value: number, shift: number): number => (value * camera.zoom + shift) * ratio;
  context.lineWidth = 2 * ratio;
  for (const unit of scene.selected) {
    if (!(bodies.radius[unit] > 0)) continue;
    context.strokeStyle = context.fillStyle = css(scene.appearance.colour[unit]);
    const way = wayOf(footprints, bodies, unit);
    for (let piece = 0; piece < footprints.length; piece++) {
      const [x, y, toX, toY] = way.slice(2 * piece, 2 * piece + 4).map((value, at) => place(value, at % 2 === 0 ? camera.left : camera.top));
      context.globalAlpha = fading(piece, footprints.length);
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(toX, toY);
      context.stroke();
      context.beginPath();
      trace(context, 0, x, y, 2 * ratio);
      context.fill();
    }
  }
  context.globalAlpha = 1;
}

/** A bright ring around what a search means, large enough to be seen from afar. */
function drawFound(context: Context, scene: Scene, screen: Screen, atlas: Atlas | null): void {
  const { found, bodies, camera, ratio, dark } = scene;
  if (found.size === 0) return;
  context.beginPath();
  for (const unit of found) {
    if (!(bodies.radius[unit] > 0)) continue;
    if (hasPicture(atlas, scene, unit)) traceThumbnail(context, scene, screen, atlas, unit, FOUND_GAP);
    else trace(context, 0, screen.x[unit], screen.y[unit], Math.max(bodies.radius[unit] * camera.zoom + FOUND_GAP, LEAST_FOUND) * ratio);
  }
  context.strokeStyle = paperOf(scene);
  context.lineWidth = 4.5 * ratio;
  context.stroke();
  context.strokeStyle = dark ? FOUND_ON_DARK : FOUND;
  context.lineWidth = 2.5 * ratio;
  context.stroke();
}

/** Rings around what is selected and hovered, a dot in what is pinned. */
function drawRings(context: Context, scene: Scene, screen: Screen, atlas: Atlas | null): void {
  const ink = scene.dark ? "#ffffff" : "#000000";
  const outline = (units: Iterable<number>, gap: number, width: number): void => {
    context.beginPath();
    for (const unit of units) {
      if (!(scene.bodies.radius[unit] > 0)) continue;
      const radius = (scene.bodies.radius[unit] * scene.camera.zoom + gap) * scene.ratio;
      if (hasPicture(atlas, scene, unit)) traceThumbnail(context, scene, screen, atlas, unit, gap + 1);
      else trace(context, 0, screen.x[unit], screen.y[unit], radius);
    }
    context.strokeStyle = ink;
    context.lineWidth = width * scene.ratio;
    context.stroke();
  };
  outline(scene.selected, 1.5, 2.5);
  if (scene.hovered !== null) outline([scene.hovered], 3, 1.5);
  drawPins(context, scene, screen, ink);
}

function drawPins(context: Context, scene: Scene, screen: Screen, ink: string): void {
  if (scene.pinned.size === 0) return;
  context.beginPath();
  for (const unit of scene.pinned) {
    if (!(scene.bodies.radius[unit] > 0)) continue;
    trace(context, 0, screen.x[unit], screen.y[unit], 2 * scene.ratio);
  }
  context.fillStyle = ink;
  context.fill();
  context.strokeStyle = scene.dark ? "#000000" : "#ffffff";
  context.lineWidth = scene.ratio;
  context.stroke();
}

function drawArea(context: Context, scene: Scene): void {
  const { area, ratio } = scene;
  if (area === null) return;
  context.lineWidth = ratio;
  context.strokeStyle = scene.dark ? "#ffffff" : "#000000";
  context.setLineDash([3 * ratio, 3 * ratio]);
  context.strokeRect(area.x0 * ratio, area.y0 * ratio, (area.x1 - area.x0) * ratio, (area.y1 - area.y0) * ratio);
  context.setLineDash([]);
}
