// A part of the page: an element that is drawn from the view.

import type { View } from "./derive";

export interface Part {
  readonly element: HTMLElement;
  update(view: View): void;
  destroy?(): void;
}

/** Draws parts one a frame, so that controls and graph never wait for all of them. What changes
 * meanwhile is drawn from the newest view. */
export function createTurns(parts: readonly Part[]): { update(view: View): void; stop(): void } {
  let newest: View | null = null;
  const owed = new Set<Part>();
  let frame = 0;

  function turn(): void {
    frame = 0;
    const [part] = owed;
    if (!part || !newest) return;
    owed.delete(part);
    part.update(newest);
    if (owed.size > 0) frame = requestAnimationFrame(turn);
  }

  return {
    update(view) {
      newest = view;
      // Those still owed keep their place, so that none waits for ever.
      for (const part of parts) owed.add(part);
      if (frame === 0) frame = requestAnimationFrame(turn);
    },
    stop() {
      cancelAnimationFrame(frame);
      owed.clear();
    },
  };
}
