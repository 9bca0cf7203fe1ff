// New runs appear by themselves, and the one that is shown stays.
import { expect, it } from "vitest";

import { isScene } from "../../src/app/derive";
import { search } from "../../src/app/follow";
import { firstModel } from "../../src/app/model";
import { sceneOf } from "../../src/app/scene";
import { createStore } from "../../src/app/store";
import type { Timeline } from "../../src/types";
import { planted, timeline } from "./planted";

const KEY = "6f0cab05b9c64032b342c5b4a90b3621";
const OTHER = "886d152f10ee00000000000000000000";

function setting(timelines: Timeline[]) {
  const store = createStore({ ...firstModel(), catalog: { timelines, problems: [] } });
  const source = planted(timelines);
  const shown = (): string => {
    const scene = sceneOf(store.get().catalog, store.get().state);
    return isScene(scene) ? scene.timeline.id : (scene ?? "reading");
  };
  return { store, source, shown };
}

it("takes up new runs and keeps what is known of the others", async () => {
  const { store, source, shown } = setting([]);
  expect(shown()).toContain("it appears here");
  source.timelines = [timeline(KEY)];
  await search(store, source);
  expect(shown()).toBe(KEY);
  const before = store.get().catalog;
  source.timelines = [timeline(KEY)];
  await search(store, source);
  expect(store.get().catalog).toBe(before);
  source.timelines = [timeline(KEY), timeline(OTHER)];
  await search(store, source);
  expect(store.get().catalog.timelines[0]).toBe(before.timelines[0]);
  expect(store.get().catalog.timelines).toHaveLength(2);
});

it("stays with the run that is shown, though another comes before it", async () => {
  const { store, source, shown } = setting([timeline(OTHER, 0, { status: "running" }), timeline(KEY)]);
  source.timelines = [timeline(OTHER, 1, { status: "running" }), timeline(KEY)];
  await search(store, source);
  expect(shown()).toBe(KEY);
  expect(store.get().state.run).toBe(KEY);
});

it("says where the server has gone, and leaves all else as it is", async () => {
  const { store, source, shown } = setting([timeline(KEY)]);
  source.problem = new Error("a folder cannot be read");
  await search(store, source);
  expect([store.get().gone, shown()]).toEqual([false, KEY]);
  source.problem = Object.assign(new Error("no answer"), { name: "ServerGone" });
  await search(store, source);
  expect([store.get().gone, shown()]).toEqual([true, KEY]);
});

it("keeps the moments that were read when a long list only names the run again", async () => {
  const { store, source, shown } = setting([timeline(KEY)]);
  const before = store.get().catalog!.timelines[0];
  source.timelines = [timeline(KEY, 0, { unread: 5 }), timeline(OTHER, 0, { unread: 3 })];
  await search(store, source);
  expect(shown()).toBe(KEY);
  expect(store.get().catalog!.timelines[0]).toBe(before);
  source.timelines = [timeline(KEY, 0, { unread: 9 })];
  await search(store, source);
  expect(shown()).toBe("reading");
});

it("stays with the run that is shown, though one that is not read comes before it", async () => {
  const { store, source, shown } = setting([timeline(KEY)]);
  source.timelines = [timeline(OTHER, 0, { unread: 3 }), timeline(KEY)];
  await search(store, source);
  expect(shown()).toBe(KEY);
  expect(store.get().state.run).toBe(KEY);
});
