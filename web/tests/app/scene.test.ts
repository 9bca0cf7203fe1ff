import { describe, expect, it } from "vitest";

import { nearestNames } from "../../src/app/nearest";
import { distinct, mergeable, momentBeside, momentsIn, nearestIndex, sceneOf, unreadOf } from "../../src/app/scene";
import { DEFAULT_STATE } from "../../src/app/state";
import type { Timeline } from "../../src/types";
import { timeline } from "./planted";

const KEY = "6f0cab05b9c64032b342c5b4a90b3621";
const OTHER = "886d152f10ee0000000000000000000";

function scene(timelines: Timeline[], wish: Partial<typeof DEFAULT_STATE>) {
  return sceneOf({ timelines, problems: [] }, { ...DEFAULT_STATE, ...wish });
}

describe("the scene", () => {
  it("is by default the first run with snapshots, its first layer, its last moment", () => {
    expect(scene([timeline("empty", 0), timeline(KEY)], {})).toMatchObject({ timeline: { id: KEY }, layer: { name: "fc1" }, index: 4, notices: [] });
  });

  it.each([KEY, KEY.slice(0, 12), KEY.slice(0, 4), `${KEY}0000`])("finds a run by %s", (run) => {
    expect(scene([timeline(OTHER), timeline(KEY)], { run })).toMatchObject({ timeline: { id: KEY }, notices: [] });
  });

  it("says what is not there and shows what is near", () => {
    expect(scene([timeline(KEY)], { run: "abcd" })).toMatchObject({ timeline: { id: KEY }, notices: ["There is no run abcd here; this is run 6f0c."] });
    const wrong = scene([timeline(KEY)], { layer: "fc22" });
    expect(wrong).toMatchObject({ layer: { name: "fc2" }, notices: ["run 6f0c has no layer fc22; near it are fc2, fc1. This is fc2."] });
  });

  it("calls the only layer of a network without a name the network", () => {
    const single = timeline(KEY, 3, { layers: [{ name: "", kind: "linear", units: 6, inputs: 4, chance: 0.2 }] });
    expect(scene([single], { layer: "" })).toMatchObject({ layer: { name: "" }, notices: [] });
    expect(scene([single], { layer: "fc1" })).toMatchObject({ notices: ["run 6f0c has no layer fc1; near it are the network. This is the network."] });
    expect(scene([timeline(KEY)], { layer: "" })).toMatchObject({ notices: ["run 6f0c has no layer without a name; near it are fc1, fc2. This is fc1."] });
  });

  it("says why a run cannot be shown", () => {
    expect(scene([], {})).toContain("no runs here yet");
    expect(scene([timeline(KEY, 0)], {})).toContain("recorded without snapshots");
    expect(scene([timeline(KEY, 0, { status: "running" })], {})).toContain("no snapshot yet");
    expect(scene([timeline(KEY, 3, { layers: [] })], {})).toContain("no layer that could be shown");
  });

  it("goes to the moment that is nearest", () => {
    const { moments } = timeline(KEY);
    expect([-7, 0, 49, 50, 170, 1e9].map((at) => nearestIndex(moments, at))).toEqual([0, 0, 0, 1, 2, 4]);
    expect(scene([timeline(KEY)], { at: 210 })).toMatchObject({ index: 2, moment: { at: 200 } });
  });

  it("adds only runs with a layer of the same kind", () => {
    const narrow = timeline("cccccccc", 3, { layers: [{ name: "fc1", kind: "linear", units: 6, inputs: 9, chance: 0.2 }] });
    const all = [timeline(KEY), timeline(OTHER), narrow, timeline("dddddddd", 0)];
    const catalog = { timelines: all, problems: [] };
    expect(mergeable(catalog, all[0]!, all[0]!.layers[0]!).map(({ id }) => id)).toEqual([OTHER]);
    expect(mergeable({ ...catalog, timelines: [timeline(OTHER, 3, { axis: "level" })] }, all[0]!, all[0]!.layers[0]!)).toEqual([]);
    expect(scene(all, { merged: OTHER.slice(0, 12) })).toMatchObject({ merged: { id: OTHER }, notices: [] });
    expect(scene(all, { merged: "cccccccc" })).toMatchObject({ merged: null, notices: ["Run cccccccc has no layer like fc1 here, so it is not added."] });
  });
});

describe("a scene of runs that a long list only names", () => {
  const light = (id: string, unread: number): Timeline => timeline(id, 0, { unread });

  it("waits for the moments of the run and of the one beside it", () => {
    const wish = { ...DEFAULT_STATE, run: KEY, merged: OTHER };
    const catalog = (...timelines: Timeline[]) => ({ timelines, problems: [] });
    const both = catalog(light(KEY, 5), light(OTHER, 3));
    expect([sceneOf(both, wish), unreadOf(both, wish)]).toEqual([null, [KEY, OTHER]]);
    const one = catalog(timeline(KEY), light(OTHER, 3));
    expect([sceneOf(one, wish), unreadOf(one, wish)]).toEqual([null, [OTHER]]);
    const none = catalog(timeline(KEY), timeline(OTHER), light("cccc", 3));
    expect(sceneOf(none, wish)).toMatchObject({ timeline: { id: KEY }, merged: { id: OTHER } });
    expect(unreadOf(none, wish)).toEqual([]);
  });

  it("says of those without snapshots that they have none", () => {
    expect(scene([light(KEY, 0)], {})).toContain("recorded without snapshots");
    expect(unreadOf({ timelines: [light(KEY, 0)], problems: [] }, DEFAULT_STATE)).toEqual([]);
    expect(momentsIn(light(KEY, 7))).toBe(7);
    const all = [timeline("empty", 0), light(KEY, 2)];
    expect(unreadOf({ timelines: all, problems: [] }, DEFAULT_STATE)).toEqual([KEY]);
  });
});

it("shows beside a run what the other one was at most at that moment", () => {
  const beside = timeline(OTHER, 3);
  expect([0, 99, 100, 150, 400].map((at) => momentBeside(beside, at).at)).toEqual([0, 0, 100, 100, 200]);
  const late = { ...beside, moments: beside.moments.slice(1) };
  expect(momentBeside(late, 0).at).toBe(100);
});

it("tells runs of one name apart", () => {
  const same = [timeline(KEY, 1, { name: "lenet" }), timeline(OTHER, 1, { name: "lenet" }), timeline("cccc", 1, { name: "conv" })];
  expect(distinct({ timelines: same, problems: [] }).timelines.map(({ name }) => name)).toEqual(["lenet (6f0cab)", "lenet (886d15)", "conv"]);
});

it("finds the nearest names", () => {
  expect(nearestNames("con1", ["fc1", "conv1", "conv2"])).toEqual(["conv1", "conv2", "fc1"]);
});
