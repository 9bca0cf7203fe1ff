// Fetching after a slider: one picture at a time, the newest wish next, none for those passed over.

import { calledBack, createShelf } from "./shelf";

export interface LatestOptions<Q, T> {
  load(query: Q, signal: AbortSignal): Promise<T>;
  keyOf(query: Q): string;
  /** Whether an old picture may stand while the new one is on its way. */
  alike(old: Q, next: Q): boolean;
  /** The picture; null: it is on its way; a sentence: it will not come. */
  tell(value: T | string | null): void;
  failed(problem: unknown): string;
  /** Milliseconds to wait for a newer wish before fetching. */
  pause(): number;
  room: number;
}

export interface Latest<Q> {
  want(query: Q): void;
  /** Forgets what failed, so that it is asked for again. */
  again(): void;
  destroy(): void;
}

/** Follows wishes as they change and tells of the pictures that come. */
export function createLatest<Q, T>(options: LatestOptions<Q, T>): Latest<Q> {
  const shelf = createShelf<T>(options.room);
  let wish: Q | null = null;
  let busy = false;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let ended = false;

  const newest = (query: Q): boolean => wish !== null && options.keyOf(query) === options.keyOf(wish);

  function want(query: Q): void {
    if (wish !== null && newest(query)) return;
    if (wish === null || !options.alike(wish, query)) {
      shelf.keepOnly(new Set());
      options.tell(null);
    }
    wish = query;
    const here = shelf.get(options.keyOf(query));
    if (here !== undefined) options.tell(here);
    else schedule();
  }

  function schedule(): void {
    if (timer !== null || busy || ended) return;
    timer = setTimeout(() => {
      timer = null;
      if (wish !== null) void fetchFor(wish);
    }, options.pause());
  }

  async function fetchFor(query: Q): Promise<void> {
    busy = true;
    try {
      const value = await shelf.fetch(options.keyOf(query), (signal) => options.load(query, signal));
      if (!ended && wish !== null && options.alike(query, wish)) options.tell(value);
    } catch (problem) {
      if (!ended && newest(query) && !calledBack(problem)) options.tell(options.failed(problem));
    }
    busy = false;
    if (wish !== null && !newest(query)) wanted(wish);
  }

  function wanted(query: Q): void {
    const here = shelf.get(options.keyOf(query));
    if (here !== undefined) options.tell(here);
    else schedule();
  }

  return {
    want,
    again() {
      if (wish !== null) schedule();
    },
    destroy() {
      ended = true;
      if (timer !== null) clearTimeout(timer);
      shelf.clear();
    },
  };
}
