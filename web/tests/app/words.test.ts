// What the page says of a picture: in its sentence, and in place of one.
import { expect, it } from "vitest";

import { createDerive, type View } from "../../src/app/derive";
import { coverWords } from "../../src/app/messages";
import { firstModel } from "../../src/app/model";
import { DEFAULT_STATE } from "../../src/app/state";
import { unitFacts } from "../../src/app/unitwords";
import { leadOf, spokenOf, titleOf } from "../../src/app/words";
import type { GraphFrame, Timeline, ViewState } from "../../src/types";
import { frame, timeline } from "./planted";

const KEY = "6f0cab05b9c64032b342c5b4a90b3621";
const OTHER = "886d152f10ee00000000000000000000";

/** The view of a picture that has come. */
function view(state: Partial<ViewState>, picture: GraphFrame, timelines: Timeline[] = [timeline(KEY)]): View {
  const model = firstModel({ ...DEFAULT_STATE, source: "weights", ...state });
  const query = { timeline: KEY, layer: "fc1", source: state.source ?? "weights", at: state.at ?? 400, merged: state.merged ?? null } as const;
  return createDerive()({ ...model, waiting: false, catalog: { timelines, problems: [] }, shown: { query, frame: picture } });
}

const far = { ...frame(), apart: Uint16Array.of(30000, 30000, 30000, 30000, 30000) };

it("says where chance ends that no two units are alike, and what would show more", () => {
  const words = leadOf(view({}, far));
  expect(words).toContain("cosine at least 0.25. No two point the same way more than chance would have it: the nearest two reach 0.084.");
  expect(words).toMatch(/Lower the cutoff to join them all the same\.$/);
  expect(leadOf(view({ cut: 0.9 }, far))).toMatch(/No two are that near: the nearest two reach 0\.084\. Lower the cutoff to join them\.$/);
  expect(leadOf(view({}, frame()))).toMatch(/at least 0\.25\.$/);
});

it("says that outputs are compared by their correlation", () => {
  const words = leadOf(view({ source: "outputs" }, frame()));
  expect(words).toContain("whose outputs on the same examples go together, correlation at least 0.50");
});

it("says what would join more where hardly any unit is joined", () => {
  const few = { ...frame(), units: 40, own: 40, norm: new Float32Array(40).fill(1), angle: new Float32Array(40), kept: new Float32Array(40).fill(1) };
  expect(leadOf(view({ cut: 0.65 }, few))).toMatch(/ Only 2 of 40 units are joined: lower the cutoff to join more\.$/);
  expect(leadOf(view({ cut: 0.65 }, frame()))).not.toContain("Only");
});

it("names layer and run for the window", () => {
  const both = [timeline(KEY), timeline(OTHER)];
  expect(titleOf(view({}, frame()))).toBe("fc1 of run 6f0c – Surfeit");
  expect(titleOf(view({ merged: OTHER }, frame(false, 3), both))).toBe("fc1 of run 6f0c beside run 886d – Surfeit");
  expect(titleOf(createDerive()(firstModel(DEFAULT_STATE)))).toBe("Surfeit");
});

it("does not call those far that are only switched off", () => {
  const both = [timeline(KEY), timeline(OTHER)];
  expect(leadOf(view({ merged: OTHER, hidden: [0, 1] }, frame(false, 3), both))).not.toContain("No two");
  expect(coverWords(view({ merged: OTHER, hidden: [0, 1] }, frame(false, 3), both))).toBe("Both runs are switched off: the legend brings them back.");
});

it("names the moment of the second run where it is another", () => {
  const short = [timeline(KEY), timeline(OTHER, 3)];
  expect(leadOf(view({ merged: OTHER }, frame(false, 3), short))).toContain("squares of run 886d at its step 200; joined");
  expect(leadOf(view({ merged: OTHER, at: 100 }, frame(false, 3), short))).toContain("squares of run 886d; joined");
});

it("hides nothing of a run that is shown alone", () => {
  const alone = view({ hidden: [0] }, frame());
  expect(alone.facts!.drawn).toBe(3);
  expect(alone.appearance!.radius.every((radius) => radius > 0)).toBe(true);
});

it("says that masks have left nothing", () => {
  expect(coverWords(view({}, { ...frame(), kept: new Float32Array(6) }))).toBe("The masks have left no unit of this layer any weight.");
  expect(coverWords(view({}, frame()))).toBeNull();
});

it("tells who listens of dark links and faint ones apart", () => {
  expect(spokenOf(view({ nearest: 0 }, frame()))).toMatch(/^epoch 4: 3 links, 1 isolated unit$/);
  expect(spokenOf(view({ nearest: 2 }, frame()))).toMatch(/^epoch 4: \d+ dark links? among \d+ units?, \d+ faint$/);
});

it("has no removal order of another moment, but while time goes on", () => {
  const removal = { units: 6, examples: 0, objective: "cross_entropy", split: "validation", criteria: [{ name: "magnitude", order: Uint16Array.of(0, 1, 2, 3, 4, 5), accuracy: null, loss: null, note: null }], note: null };
  const orderOf = (of: number | undefined, playing = false): boolean => {
    const { model } = view({ at: 400 }, frame());
    return createDerive()({ ...model, playing, removal: { ...removal, of } as never }).places !== null;
  };
  expect([orderOf(400), orderOf(undefined), orderOf(300), orderOf(300, true)]).toEqual([true, true, false, true]);
});

it("claims no links where none are drawn", () => {
  const none = { ...frame(), source: new Uint16Array(0), target: new Uint16Array(0), apart: new Uint16Array(0) };
  expect(leadOf(view({ nearest: 2 }, none))).toBe("Each mark is a unit of fc1; none are joined.");
  expect(leadOf(view({ nearest: 2 }, frame()))).toContain("each is joined with");
});

it("tells of a unit what the area shows, and where it stands alone", () => {
  const moved = { ...frame(), moved: Float32Array.of(0.5, 1, 1, 1, 1, 1) };
  expect(unitFacts(view({ nearest: 0 }, moved), 0)).toContainEqual(["update", "0.50"]);
  expect(unitFacts(view({ nearest: 0 }, moved), 5)).toContainEqual(["component", "isolated"]);
  expect(unitFacts(view({ nearest: 2 }, moved), 5)).toContainEqual(["component", "no dark link"]);
});
