// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { View } from "../../src/app/derive";
import { createTurns } from "../../src/app/part";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const FRAME = 17;

it("draws one part a frame, from the newest view, and leaves none out", async () => {
  const drawn: string[] = [];
  const part = (name: string) => ({ element: document.createElement("p"), update: (view: View) => void drawn.push(name + String(view)) });
  const turns = createTurns(["a", "b", "c"].map(part));
  turns.update("1" as unknown as View);
  expect(drawn).toEqual([]);
  await vi.advanceTimersByTimeAsync(FRAME);
  expect(drawn).toEqual(["a1"]);
  turns.update("2" as unknown as View);
  await vi.advanceTimersByTimeAsync(10 * FRAME);
  expect(drawn).toEqual(["a1", "b2", "c2", "a2"]);
  turns.update("3" as unknown as View);
  turns.stop();
  await vi.advanceTimersByTimeAsync(10 * FRAME);
  expect(drawn).toHaveLength(4);
});
