// A small shelf of pictures: those used last stay, one on its way is fetched once, and those that
// nobody waits for any more are called back.

export interface Shelf<T> {
  /** The picture if it lies here. */
  get(key: string): T | undefined;
  /** The picture, fetched unless it lies here or is on its way. */
  fetch(key: string, load: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Calls back all that are on their way but these. */
  keepOnly(keys: ReadonlySet<string>): void;
  clear(): void;
}

/** A shelf with room for so many pictures. */
export function createShelf<T>(room: number): Shelf<T> {
  const lying = new Map<string, T>();
  const coming = new Map<string, { promise: Promise<T>; control: AbortController }>();

  function put(key: string, value: T): void {
    lying.delete(key);
    lying.set(key, value);
    for (const oldest of lying.keys()) {
      if (lying.size <= room) break;
      lying.delete(oldest);
    }
  }

  function start(key: string, load: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const control = new AbortController();
    const promise = load(control.signal).then(
      (value) => {
        if (coming.get(key)?.control === control) coming.delete(key);
        if (!control.signal.aborted) put(key, value);
        return value;
      },
      (problem: unknown) => {
        if (coming.get(key)?.control === control) coming.delete(key);
        throw problem;
      },
    );
    coming.set(key, { promise, control });
    return promise;
  }

  function keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, { control }] of coming) {
      if (keys.has(key)) continue;
      coming.delete(key);
      control.abort();
    }
  }

  return {
    get(key) {
      const value = lying.get(key);
      if (value !== undefined) put(key, value);
      return value;
    },
    fetch(key, load) {
      const value = lying.get(key);
      if (value !== undefined) {
        put(key, value);
        return Promise.resolve(value);
      }
      return coming.get(key)?.promise ?? start(key, load);
    },
    keepOnly,
    clear() {
      keepOnly(new Set());
      lying.clear();
    },
  };
}

/** Whether a failure only says that a picture was called back. */
export function calledBack(problem: unknown): boolean {
  return problem instanceof Error && problem.name === "AbortError";
}
