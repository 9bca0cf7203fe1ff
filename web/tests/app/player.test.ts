import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createActions } from "../../src/app/actions";
import { firstModel } from "../../src/app/model";
import { createPlayer, following } from "../../src/app/player";
import { DEFAULT_STATE } from "../../src/app/state";
import { createStore } from "../../src/app/store";
import { timeline } from "./planted";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setting(state: Partial<typeof DEFAULT_STATE> = {}) {
  const store = createStore({
    ...firstModel({ ...DEFAULT_STATE, at: 0, ...state }),
    catalog: { timelines: [timeline("aaaaaaaa")], problems: [] },
    waiting: false,
  });
  const actions = createActions(store);
  const end = createPlayer(store, actions.goToIndex);
  return { store, actions, end, at: () => store.get().state.at };
}

it("knows what follows", () => {
  expect([following(0, 3, false), following(2, 3, false), following(2, 3, true), following(0, 1, true)]).toEqual([1, null, 0, null]);
});

describe("play", () => {
  it("goes on at its speed and ends at the end", async () => {
    const { store, actions, at } = setting({ speed: 4 });
    actions.play(true);
    await vi.advanceTimersByTimeAsync(260);
    expect(at()).toBe(100);
    await vi.advanceTimersByTimeAsync(500);
    expect(at()).toBe(300);
    await vi.advanceTimersByTimeAsync(1000);
    expect(at()).toBeNull();
    expect(store.get().playing).toBe(false);
  });

  it("waits for pictures and skips none", async () => {
    const { store, actions, at } = setting({ speed: 10 });
    actions.play(true);
    await vi.advanceTimersByTimeAsync(110);
    store.set({ waiting: true });
    await vi.advanceTimersByTimeAsync(5000);
    expect(at()).toBe(100);
    store.set({ waiting: false });
    await vi.advanceTimersByTimeAsync(10);
    expect(at()).toBe(200);
  });

  it("begins anew with the loop, and from the end without", async () => {
    const { actions, at } = setting({ speed: 10, loop: true, at: 300 });
    actions.play(true);
    await vi.advanceTimersByTimeAsync(220);
    expect(at()).toBe(0);
    const ended = setting({ at: null });
    ended.actions.play(true);
    expect(ended.at()).toBe(0);
  });

  it("ends where the server has gone", async () => {
    const { store, actions, at } = setting({ speed: 10 });
    actions.play(true);
    await vi.advanceTimersByTimeAsync(110);
    store.set({ gone: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect([at(), store.get().playing]).toEqual([100, false]);
  });

  it("stops when paused and when it is taken down", async () => {
    const { actions, end, at } = setting({ speed: 10 });
    actions.play(true);
    await vi.advanceTimersByTimeAsync(110);
    actions.play(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(at()).toBe(100);
    actions.play(true);
    await vi.advanceTimersByTimeAsync(0);
    end();
    await vi.advanceTimersByTimeAsync(1000);
    expect(at()).toBe(100);
  });

  it("ends when the slider is moved by keys", async () => {
    const { store, actions, at } = setting();
    actions.play(true);
    actions.stepBy(2);
    expect(store.get().playing).toBe(false);
    expect(at()).toBe(200);
    actions.stepBy(-100);
    expect(at()).toBe(0);
  });
});
