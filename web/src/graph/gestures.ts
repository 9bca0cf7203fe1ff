// What fingers and the mouse mean: pan, pinch, drag a unit, draw a rectangle, click.
import type { Area } from "./hit.ts";
import type { Pointer } from "./messages.ts";

/** What a gesture can do to the picture. Pixels of the element. */
export interface Hands {
  unitAt(x: number, y: number, touch: boolean): number | null;
  unitsIn(area: Area): number[];
  zoomAbout(factor: number, x: number, y: number): void;
  panBy(dx: number, dy: number): void;
  /** Moves a unit and keeps it there while it is held. */
  hold(unit: number, x: number, y: number): void;
  /** Ends a hold: the unit is pinned, or goes where it went if the gesture was broken off. */
  release(unit: number, pinned: boolean): void;
  unpin(unit: number): void;
  drawArea(area: Area | null): void;
  select(units: number[], add: boolean): void;
  hover(unit: number | null): void;
  cursor(name: string): void;
}

type Mode =
  | { name: "none" }
  | { name: "pressed"; unit: number | null; x: number; y: number; area: boolean }
  | { name: "drag"; unit: number }
  | { name: "pan" }
  | { name: "pinch" }
  | { name: "area"; area: Area };

type Spot = { x: number; y: number };

// A press becomes a drag beyond so many pixels; fingers tremble more.
const STILL = 4;
const STILL_TOUCH = 9;

/** Gestures of one picture; call it with each event of a pointer. */
export function createGestures(hands: Hands): (event: Pointer) => void {
  const spots = new Map<number, Spot>();
  let mode: Mode = { name: "none" };

  function down(event: Pointer): void {
    breakOff();
    spots.set(event.id, { x: event.x, y: event.y });
    if (spots.size > 1) {
      mode = { name: "pinch" };
      return;
    }
    const unit = event.area ? null : hands.unitAt(event.x, event.y, event.touch);
    mode = { name: "pressed", unit, x: event.x, y: event.y, area: event.area };
  }

  function move(event: Pointer): void {
    const before = spots.get(event.id);
    if (before === undefined) {
      if (!event.touch) look(event);
      return;
    }
    if (mode.name === "pressed") mode = begun(mode, event);
    if (mode.name === "pan") hands.panBy(event.x - before.x, event.y - before.y);
    if (mode.name === "drag") hands.hold(mode.unit, event.x, event.y);
    if (mode.name === "pinch") pinch(event, before);
    if (mode.name === "area") {
      mode.area.x1 = event.x;
      mode.area.y1 = event.y;
      hands.drawArea(mode.area);
    }
    // A press that is not yet a gesture keeps its first spot, or the first pixels would be lost.
    if (mode.name !== "pressed") spots.set(event.id, { x: event.x, y: event.y });
  }

  function begun(pressed: Mode & { name: "pressed" }, event: Pointer): Mode {
    const far = Math.hypot(event.x - pressed.x, event.y - pressed.y);
    if (far < (event.touch ? STILL_TOUCH : STILL)) return pressed;
    hands.cursor("grabbing");
    if (pressed.area) {
      hands.cursor("crosshair");
      return { name: "area", area: { x0: pressed.x, y0: pressed.y, x1: event.x, y1: event.y } };
    }
    return pressed.unit === null ? { name: "pan" } : { name: "drag", unit: pressed.unit };
  }

  function pinch(event: Pointer, before: Spot): void {
    const other = [...spots].find(([id]) => id !== event.id)?.[1];
    if (other === undefined) return;
    const was = Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1);
    const is = Math.max(Math.hypot(event.x - other.x, event.y - other.y), 1);
    hands.panBy((event.x - before.x) / 2, (event.y - before.y) / 2);
    hands.zoomAbout(is / was, (event.x + other.x) / 2, (event.y + other.y) / 2);
  }

  function up(event: Pointer): void {
    if (!spots.delete(event.id)) return;
    if (mode.name === "pressed") click(mode, event.add);
    if (mode.name === "drag") hands.release(mode.unit, true);
    if (mode.name === "area") {
      hands.drawArea(null);
      hands.select(hands.unitsIn(mode.area), event.add);
    }
    mode = spots.size > 0 ? { name: "pan" } : { name: "none" };
    if (!event.touch) look(event);
  }

  function click(pressed: Mode & { name: "pressed" }, add: boolean): void {
    const unit = pressed.unit ?? (pressed.area ? hands.unitAt(pressed.x, pressed.y, false) : null);
    if (unit !== null) hands.select([unit], add);
    else if (!add) hands.select([], false);
  }

  function look(event: Pointer): void {
    const unit = hands.unitAt(event.x, event.y, false);
    hands.hover(unit);
    hands.cursor(unit === null ? "grab" : "pointer");
  }

  function breakOff(): void {
    if (mode.name === "drag") hands.release(mode.unit, false);
    if (mode.name === "area") hands.drawArea(null);
    mode = { name: "none" };
  }

  function gone(event: Pointer): void {
    spots.delete(event.id);
    breakOff();
  }

  return (event) => {
    if (event.phase === "down") down(event);
    else if (event.phase === "move") move(event);
    else if (event.phase === "up") up(event);
    else if (event.phase === "cancel") gone(event);
    else if (event.phase === "leave") hands.hover(null);
    else {
      const unit = hands.unitAt(event.x, event.y, event.touch);
      if (unit !== null) hands.unpin(unit);
    }
  };
}
