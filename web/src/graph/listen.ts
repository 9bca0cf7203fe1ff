// Turns the page's events on the canvas into commands for the engine.
import type { Command, Pointer } from "./messages.ts";

// Pixels of a wheel's line and page, where it counts in them.
const WHEEL_UNIT = [1, 20, 400];
const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter"];

export interface Listening {
  /** The page is longer than the viewer: the wheel scrolls it, until the graph has the focus. */
  within?: boolean;
  /** Whether pointers add to the selection and draw areas without Shift, as fingers need it. */
  several?(): boolean;
}

/** Listens on an element until the signal ends. */
export function listen(element: HTMLElement, send: (command: Command) => void, signal: AbortSignal, { within = false, several = () => false }: Listening = {}): void {
  const pointers: [string, Pointer["phase"]][] = [
    ["pointerdown", "down"],
    ["pointermove", "move"],
    ["pointerup", "up"],
    ["pointercancel", "cancel"],
    ["pointerleave", "leave"],
    ["dblclick", "double"],
  ];
  for (const [name, phase] of pointers) {
    const heard = (event: Event): void => {
      if (event instanceof MouseEvent) point(element, event, phase, several(), send);
    };
    element.addEventListener(name, heard, { signal });
  }
  const turned = (event: WheelEvent): void => {
    if (!within || event.ctrlKey || element.matches(":focus")) wheel(element, event, send);
  };
  element.addEventListener("wheel", turned, { signal, passive: false });
  element.addEventListener("keydown", (event) => key(event, send), { signal });
  element.addEventListener("blur", () => send({ kind: "blur" }), { signal });
}

function point(
  element: HTMLElement,
  event: MouseEvent,
  phase: Pointer["phase"],
  several: boolean,
  send: (command: Command) => void,
): void {
  const pointer = event instanceof PointerEvent ? event : null;
  if (phase === "down") {
    if (event.button !== 0) return;
    element.focus({ preventScroll: true });
    if (pointer !== null) element.setPointerCapture(pointer.pointerId);
  }
  send({
    kind: "pointer",
    phase,
    id: pointer?.pointerId ?? -1,
    ...placeOf(element, event),
    touch: pointer?.pointerType === "touch",
    add: several || event.shiftKey || event.ctrlKey || event.metaKey,
    area: several || event.shiftKey,
  });
}

function wheel(element: HTMLElement, event: WheelEvent, send: (command: Command) => void): void {
  event.preventDefault();
  // A pinch on a touch pad comes as a wheel with ctrl, in small steps.
  const speed = event.ctrlKey ? 0.01 : 0.002;
  const pixels = Math.min(Math.max(event.deltaY * (WHEEL_UNIT[event.deltaMode] ?? 1), -240), 240);
  send({ kind: "wheel", ...placeOf(element, event), factor: Math.exp(-pixels * speed) });
}

function key(event: KeyboardEvent, send: (command: Command) => void): void {
  if (!KEYS.includes(event.key) || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  send({ kind: "key", key: event.key, add: event.shiftKey || event.ctrlKey || event.metaKey });
}

function placeOf(element: HTMLElement, event: MouseEvent): { x: number; y: number } {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
