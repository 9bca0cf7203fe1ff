// Going from moment to moment to take something at each.
import { describe, expect, it } from "vitest";

import type { View } from "../../src/app/derive";
import { createWalk, evenly } from "../../src/app/walk";

/** A page that shows the moment it is sent to a little later. */
function page(count = 4, failure: string | null = null) {
  const went: number[] = [];
  let index = 2;
  const view = (): View => ({ current: true, model: { failure: null }, scene: { index, timeline: { moments: Array(count) } } }) as unknown as View;
  const walk = createWalk(
    {
      goToIndex(next) {
        went.push(next);
        setTimeout(() => {
          index = next;
          walk.update(failure === null ? view() : ({ ...view(), current: false, model: { failure } }) as unknown as View);
        }, 5);
      },
      play: () => undefined,
    },
    { on: ({ status }) => void setInterval(() => status?.({ settled: true, drawn: 1, links: 0, zoom: 1, worker: false }), 5) },
  );
  walk.update(view());
  return { walk, went };
}

describe("a walk", () => {
  it("takes each moment once it stands, and goes back", async () => {
    const { walk, went } = page();
    const taken: [number, number][] = [];
    const whole = await walk.through([0, 1, 3], async (view, place) => void taken.push([(view.scene as { index: number }).index, place]));
    expect(whole).toBe(true);
    expect(taken).toEqual([[0, 0], [1, 1], [3, 2]]);
    expect(went).toEqual([0, 1, 3, 2]);
    expect(walk.walking).toBe(false);
  });

  it("can be called off, and says so", async () => {
    const { walk, went } = page();
    expect(walk.stop()).toBe(false);
    const taken: number[] = [];
    const walked = walk.through([0, 1, 3], async (_, place) => {
      taken.push(place);
      expect(walk.stop()).toBe(true);
    });
    expect(await walked).toBe(false);
    expect(taken).toEqual([0]);
    expect(went[went.length - 1]).toBe(2);
  });

  it("fails where a picture does, and goes back all the same", async () => {
    const { walk, went } = page(4, "snapshot of step 200 is broken");
    await expect(walk.through([0, 1], async () => undefined)).rejects.toThrow("snapshot of step 200 is broken");
    expect(went).toEqual([0, 2]);
  });
});

describe("evenly", () => {
  it("takes all of few and the ends of many", () => {
    expect(evenly(3, 9)).toEqual([0, 1, 2]);
    expect(evenly(101, 5)).toEqual([0, 25, 50, 75, 100]);
    expect(evenly(10, 2)).toEqual([0, 9]);
  });
});
