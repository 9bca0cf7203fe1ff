// One value that the page is drawn from. Changes within one turn of the event loop are told of
// once, so that a part never draws a half-made change.

export interface Store<T extends object> {
  get(): T;
  /** Changes some of the value; the listeners hear of it before the next turn. */
  set(patch: Partial<T>): void;
  subscribe(listener: (now: T) => void): () => void;
}

export function createStore<T extends object>(initial: T): Store<T> {
  let value = initial;
  let told = initial;
  let scheduled = false;
  const listeners = new Set<(now: T) => void>();

  function flush(): void {
    scheduled = false;
    if (told === value) return;
    told = value;
    for (const listener of [...listeners]) listener(value);
  }

  return {
    get: () => value,
    set(patch) {
      if (!changes(value, patch)) return;
      value = { ...value, ...patch };
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(flush);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function changes<T extends object>(value: T, patch: Partial<T>): boolean {
  return (Object.keys(patch) as (keyof T)[]).some((name) => !Object.is(value[name], patch[name]));
}

/** Keeps the last result of a pure function; computes anew where an argument is another one. */
export function remember<A extends readonly unknown[], R>(compute: (...given: A) => R): (...given: A) => R {
  let last: { given: A; result: R } | null = null;
  return (...given) => {
    if (last && last.given.every((value, at) => Object.is(value, given[at]))) return last.result;
    last = { given, result: compute(...given) };
    return last.result;
  };
}
