import { describe, expect, it, vi } from "vitest";

import { createLatest } from "../../src/app/latest";
import { createShelf } from "../../src/app/shelf";
import { createStore, remember } from "../../src/app/store";
import { settle } from "./planted";

describe("the store", () => {
  it("tells of several changes once", async () => {
    const store = createStore({ one: 1, two: 2 });
    const heard = vi.fn();
    store.subscribe(heard);
    store.set({ one: 5 });
    store.set({ two: 6 });
    expect(heard).not.toHaveBeenCalled();
    expect(store.get()).toEqual({ one: 5, two: 6 });
    await settle();
    expect(heard.mock.calls).toEqual([[{ one: 5, two: 6 }]]);
  });

  it("is silent where nothing changes, and after leaving", async () => {
    const store = createStore({ one: 1 });
    const heard = vi.fn();
    const leave = store.subscribe(heard);
    store.set({ one: 1 });
    await settle();
    leave();
    store.set({ one: 2 });
    await settle();
    expect(heard).not.toHaveBeenCalled();
  });

  it("hears changes made by listeners", async () => {
    const store = createStore({ one: 1, twice: 2 });
    store.subscribe(({ one }) => store.set({ twice: 2 * one }));
    store.set({ one: 4 });
    await settle();
    expect(store.get()).toEqual({ one: 4, twice: 8 });
  });
});

describe("remembering", () => {
  it("computes anew only for other arguments", () => {
    const compute = vi.fn((left: number, right: number) => ({ sum: left + right }));
    const remembered = remember(compute);
    expect(remembered(1, 2)).toBe(remembered(1, 2));
    expect(compute).toHaveBeenCalledOnce();
    expect(remembered(2, 2)).toEqual({ sum: 4 });
  });
});

describe("the shelf", () => {
  it("fetches once what two wait for", async () => {
    const shelf = createShelf<number>(2);
    const load = vi.fn(async () => 7);
    expect(await Promise.all([shelf.fetch("a", load), shelf.fetch("a", load)])).toEqual([7, 7]);
    expect(load).toHaveBeenCalledOnce();
    expect(shelf.get("a")).toBe(7);
  });

  it("drops what was not used for longest", async () => {
    const shelf = createShelf<string>(2);
    for (const key of ["a", "b"]) await shelf.fetch(key, async () => key);
    shelf.get("a");
    await shelf.fetch("c", async () => "c");
    expect([shelf.get("a"), shelf.get("b"), shelf.get("c")]).toEqual(["a", undefined, "c"]);
  });

  it("calls back what nobody waits for and does not keep it", async () => {
    const shelf = createShelf<number>(2);
    let signal: AbortSignal | null = null;
    let done: (value: number) => void = () => undefined;
    const promise = shelf.fetch("a", (given) => {
      signal = given;
      return new Promise((resolve) => (done = resolve));
    });
    shelf.keepOnly(new Set(["b"]));
    expect(signal!.aborted).toBe(true);
    done(1);
    await promise;
    expect(shelf.get("a")).toBeUndefined();
  });

  it("does not keep a failure", async () => {
    const shelf = createShelf<number>(2);
    await expect(shelf.fetch("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await shelf.fetch("a", async () => 2)).toBe(2);
  });
});

describe("the latest wish", () => {
  function setting() {
    vi.useFakeTimers();
    const told: (number | string | null)[] = [];
    const loads: number[] = [];
    const waiting = new Map<number, { resolve: (value: number) => void; reject: (problem: Error) => void }>();
    const latest = createLatest<number, number>({
      load: (query) => {
        loads.push(query);
        return new Promise((resolve, reject) => waiting.set(query, { resolve, reject }));
      },
      keyOf: String,
      alike: (old, next) => Math.floor(old / 10) === Math.floor(next / 10),
      tell: (value) => told.push(value),
      failed: (problem) => (problem as Error).message,
      pause: () => 100,
      room: 4,
    });
    return { latest, told, loads, waiting };
  }

  it("fetches the newest of those passed over", async () => {
    const { latest, told, loads, waiting } = setting();
    for (const wish of [1, 2, 3]) latest.want(wish);
    await vi.advanceTimersByTimeAsync(150);
    expect(loads).toEqual([3]);
    latest.want(4);
    latest.want(5);
    waiting.get(3)!.resolve(30);
    await vi.advanceTimersByTimeAsync(150);
    expect(loads).toEqual([3, 5]);
    waiting.get(5)!.resolve(50);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([null, 30, 50]);
    latest.want(3);
    expect(told.at(-1)).toBe(30);
    latest.destroy();
    vi.useRealTimers();
  });

  it("tells of a failure only where it is still wished for", async () => {
    const { latest, told, waiting } = setting();
    latest.want(1);
    await vi.advanceTimersByTimeAsync(150);
    waiting.get(1)!.reject(new Error("broken"));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([null, "broken"]);
    latest.want(11);
    await vi.advanceTimersByTimeAsync(150);
    latest.want(21);
    waiting.get(11)!.reject(new Error("too late"));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([null, "broken", null, null]);
    await vi.advanceTimersByTimeAsync(150);
    latest.want(31);
    waiting.get(21)!.resolve(210);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([null, "broken", null, null, null]);
    latest.destroy();
    vi.useRealTimers();
  });
});
