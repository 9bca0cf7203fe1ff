// The keyboard over a plot: it is a slider along an ordered list of places; Enter chooses.

export interface KeyListener {
  /** How many places there are, which one is current, and what it is called. */
  count(): number;
  current(): number;
  text(place: number): string;
  go(place: number): void;
  /** Enter or Space; Shift extends from where it was first held. */
  choose?(from: number, to: number, add: boolean): void;
  /** The keyboard has gone elsewhere. */
  leave?(): void;
}

const FAR = 10;

/** Makes the element a slider; returns `refresh`, for after each change, and what ends it. */
export function watchKeys(element: HTMLElement, label: string, listener: KeyListener): { refresh(): void; stop(): void } {
  let anchor: number | null = null;
  element.tabIndex = 0;
  element.setAttribute("role", "slider");
  element.setAttribute("aria-label", label);
  const refresh = (): void => {
    const last = Math.max(listener.count() - 1, 0);
    const now = Math.min(Math.max(listener.current(), 0), last);
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", String(last));
    element.setAttribute("aria-valuenow", String(now));
    element.setAttribute("aria-valuetext", listener.count() > 0 ? listener.text(now) : "nothing to show");
  };
  const down = (event: KeyboardEvent): void => {
    if (event.altKey || listener.count() === 0) return;
    const now = listener.current();
    const to = destination(event.key, now, listener.count() - 1, event.shiftKey && !listener.choose);
    if (to !== null) {
      anchor = event.shiftKey ? (anchor ?? now) : null;
      listener.go(to);
    } else if (listener.choose && (event.key === "Enter" || event.key === " ")) {
      listener.choose(anchor ?? now, now, anchor === null && (event.shiftKey || event.ctrlKey || event.metaKey));
      anchor = null;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    refresh();
  };
  const leave = (): void => listener.leave?.();
  element.addEventListener("keydown", down);
  element.addEventListener("blur", leave);
  const stop = (): void => {
    element.removeEventListener("keydown", down);
    element.removeEventListener("blur", leave);
  };
  return { refresh, stop };
}

function destination(key: string, now: number, last: number, far: boolean): number | null {
  const step = far ? FAR : 1;
  const moves: Record<string, number> = {
    ArrowLeft: now - step,
    ArrowDown: now - step,
    ArrowRight: now + step,
    ArrowUp: now + step,
    PageDown: now - FAR,
    PageUp: now + FAR,
    Home: 0,
    End: last,
  };
  const to = moves[key];
  return to === undefined ? null : Math.min(Math.max(to, 0), last);
}
