// Pointers over a plot: hovering, clicking, and dragging over an interval or a rectangle.

export interface Place {
  x: number;
  y: number;
}

export interface PointerListener {
  /** The pointer is over this place, or has left. */
  over?(place: Place | null): void;
  click?(place: Place, add: boolean): void;
  /** A drag is under way. */
  drag?(from: Place, to: Place): void;
  /** A drag has ended; null: it was given up. */
  drop?(from: Place | null, to: Place, add: boolean): void;
}

const SLOP = 4; // pixels that a click may slip

/** Listens to mouse, pen and touch on the element; returns what ends it. */
export function watchPointer(element: HTMLElement, listener: PointerListener): () => void {
  let from: Place | null = null;
  let dragging = false;
  const place = (event: PointerEvent): Place => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const stop = (): void => {
    from = null;
    dragging = false;
  };
  const handlers: Record<string, (event: PointerEvent) => void> = {
    pointerdown(event) {
      if (event.button !== 0) return;
      from = place(event);
      element.setPointerCapture?.(event.pointerId);
    },
    pointermove(event) {
      const to = place(event);
      if (from === null) return listener.over?.(to);
      dragging ||= Math.hypot(to.x - from.x, to.y - from.y) > SLOP;
      if (dragging) listener.drag?.(from, to);
    },
    pointerup(event) {
      if (from === null) return;
      const [begun, dragged, add] = [from, dragging, event.shiftKey || event.ctrlKey || event.metaKey];
      stop();
      if (dragged) listener.drop?.(begun, place(event), add);
      else listener.click?.(place(event), add);
    },
    pointercancel(event) {
      if (dragging) listener.drop?.(null, place(event), false);
      stop();
    },
    pointerleave() {
      if (from === null) listener.over?.(null);
    },
  };
  const entries = Object.entries(handlers) as [keyof HTMLElementEventMap, EventListener][];
  for (const [name, handler] of entries) element.addEventListener(name, handler);
  return () => {
    for (const [name, handler] of entries) element.removeEventListener(name, handler);
  };
}
