// A made-up source with everything in it, and a made-up graph: what the app's tests look at.

import { createDerive, type View } from "../../src/app/derive";
import { firstModel } from "../../src/app/model";
import { queryOf, sceneOf } from "../../src/app/scene";
import { parseState } from "../../src/app/state";
import { apartOf } from "../../src/graph/apart";
import type { Catalog, Course, GraphEvents, GraphFrame, GraphView, Matrix, Plane, Query, RemovalFrame, Scales, Source, SpectrumFrame, Timeline, UnitMap } from "../../src/types";

/** A generator of numbers in [0, 1) that gives the same ones each time (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Why it is not known what training added to the made-up runs; those of which it is say null. */
export const NO_UPDATES = "the run has a single snapshot";

export function timeline(id: string, moments = 5, more: Partial<Timeline> = {}): Timeline {
  return {
    id,
    name: `run ${id.slice(0, 4)}`,
    axis: "step",
    status: "done",
    moments: Array.from({ length: moments }, (_, epoch) => ({ at: 100 * epoch, epoch, run: id })),
    layers: [
      { name: "fc1", kind: "linear", units: 6, inputs: 4, chance: 0.25 },
      { name: "fc2", kind: "linear", units: 6, inputs: 6, chance: 0.25 },
    ],
    withoutData: null,
    withoutUpdates: NO_UPDATES,
    objective: "cross_entropy",
    ...more,
  };
}

/** Units 0, 1, 2 hang together, 3 and 4 too, 5 is alone; later moments join 2 and 3. */
export function frame(joined = false, own = 6): GraphFrame {
  const pairs: [number, number, number][] = [[0, 1, 0.9], [1, 2, 0.8], [3, 4, 0.7], [2, 3, joined ? 0.6 : 0.1], [0, 5, 0.05]];
  pairs.sort((one, other) => other[2] - one[2]);
  return {
    units: 6,
    own,
    norm: Float32Array.of(1, 2, 0.5, 4, 0.25, 3),
    moved: Float32Array.of(0.4, 0.3, 0.2, 0.8, 0.1, 0.6),
    angle: Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, NaN),
    kept: Float32Array.of(1, 1, 1, 1, 1, 1),
    source: Uint16Array.from(pairs, ([source]) => source),
    target: Uint16Array.from(pairs, ([, target]) => target),
    apart: Uint16Array.from(pairs, ([, , product]) => apartOf(product)),
    floor: -1,
    nearest: null,
    nearestApart: null,
    neighbours: 0,
    note: null,
  };
}

export interface Planted extends Source {
  asked: Query[];
  timelines: Timeline[];
  /** Throws from the next pictures while it is set. */
  problem: Error | null;
  /** Moments that are broken. */
  broken: Set<number>;
  /** Whether norms grow by a quarter of their last value from each moment to the next. */
  growing: boolean;
  /** The layers whose scale was asked for. */
  measured: string[];
  /** The layers whose groups were asked for. */
  followed: string[];
  /** The layers and likenesses whose principal components were asked for. */
  placed: string[];
}

export const SCALES: Scales = { norm: { low: 0.25, high: 4, q99: 4 }, moved: { low: 0.1, high: 0.8, q99: 0.8 }, angle: { low: 0.1, high: 0.5, q99: 0.5 } };

/** Two groups; unit 5 has none at first, and unit 2 changes over at the last moment. */
export const COURSE: Course = {
  source: "updates",
  ...{ units: 6, own: 6, groups: 2 },
  at: [0, 100, 200, 300, 400],
  labels: Uint8Array.from([0, 400].flatMap((at) => (at === 0 ? [[0, 0, 1, 1, 1, 255], [0, 0, 1, 1, 1, 255], [0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0]] : [[0, 0, 0, 1, 1, 0]])).flat()),
  classes: Uint8Array.from({ length: 30 }, (_, place) => (place % 6 === 5 ? 255 : place % 3)),
  ownCosine: [null, 0.7, 0.75, 0.8, 0.81],
  randomCosine: [null, 0.5, 0.5, 0.4, 0.42],
};

/** Units that move evenly away from each other. */
export const PLANE: Plane = {
  source: "weights",
  ...{ units: 6, own: 6 },
  at: [0, 100, 200, 300, 400],
  places: Float32Array.from([0, 1, 2, 3, 4].flatMap((moment) => [0, 1, 2, 3, 4, 5].flatMap((unit) => [unit * moment, -moment]))),
  share: [null, 0.5, 0.5, 0.5, 0.412],
};

/** Units on a map at two moments of five; one has no direction at first. */
export const UNIT_MAP: UnitMap = {
  method: "tsne",
  ...{ units: 6, own: 6 },
  at: [0, 400],
  places: Float32Array.from([0, 1].flatMap((moment) => [0, 1, 2, 3, 4, 5].flatMap((unit) => [unit, moment - unit]))),
  neighbours: [2, 2],
  trust: [0.71, 0.934],
  true: [0.4, 0.85],
  nowhere: [1, 0],
};

export const MATRIX: Matrix = { units: 6, products: Int8Array.from({ length: 36 }, (_, place) => (place % 7 === 0 ? 127 : -64)) };

const SPECTRUM: SpectrumFrame = {
  eigenvalues: Float32Array.of(3, 2, 1),
  densityAt: new Float32Array(0),
  density: new Float32Array(0),
  fit: null,
  leading: 0,
  loadings: new Float32Array(0),
  units: 6,
  note: null,
};

const REMOVAL: RemovalFrame = {
  units: 6,
  examples: 0,
  objective: "cross_entropy",
  split: "validation",
  criteria: [{ name: "magnitude", order: Uint16Array.of(4, 2, 0, 1, 5, 3), accuracy: null, loss: null }],
  note: null,
};

export function planted(timelines: Timeline[], live = true): Planted {
  const answer = async <T>(make: () => T): Promise<T> => {
    await Promise.resolve();
    if (source.problem) throw source.problem;
    return make();
  };
  const source: Planted = {
    asked: [],
    timelines,
    problem: null,
    broken: new Set(),
    growing: false,
    measured: [],
    followed: [],
    placed: [],
    live,
    catalog: () => answer((): Catalog => ({ timelines: source.timelines, problems: [] })),
    timeline: (id) => answer(() => source.timelines.find((one) => one.id === id)!),
    graph(query) {
      source.asked.push(query);
      return answer(() => {
        if (source.broken.has(query.at)) throw new Error("snapshot of step 200 is broken");
        const picture = frame(query.at >= 300, query.merged ? 3 : 6);
        return !source.growing ? picture : { ...picture, norm: picture.norm.map((norm) => (norm * query.at) / 400) };
      });
    },
    spectrum: () => answer(() => SPECTRUM),
    removal: () => answer(() => REMOVAL),
    learning: () => answer(() => ({ at: Float64Array.of(0, 100), columns: { train_accuracy: Float64Array.of(0.1, 0.9) } })),
    matrix: () => answer(() => MATRIX),
    plane: (query) => {
      source.placed.push(`${query.layer} ${query.source}`);
      return answer(() => PLANE);
    },
    map: (query, method) => {
      source.placed.push(`${query.layer} ${query.source} ${method}`);
      return answer(() => ({ ...UNIT_MAP, method }));
    },
    course: (query) => {
      source.followed.push(query.layer);
      return answer(() => COURSE);
    },
    scales(query) {
      source.measured.push(query.layer);
      return answer(() => SCALES);
    },
  };
  return source;
}

export interface StandIn extends GraphView {
  calls: [string, unknown][];
  heard: Partial<GraphEvents>;
}

/** A graph that only remembers what it was told. */
export function standIn(): StandIn {
  const calls: [string, unknown][] = [];
  const note = (name: string) => (value?: unknown, more?: unknown): void => void calls.push([name, more === undefined ? value : [value, more]]);
  const view: StandIn = {
    calls,
    heard: {},
    element: document.createElement("div"),
    setFrame: note("frame"),
    setLinks: note("links"),
    setAppearance: note("appearance"),
    setForces: note("forces"),
    setThumbnails: note("thumbnails"),
    setPlaces: note("places"),
    setSelected: note("selected"),
    setFound: note("found"),
    setTrails: note("trails"),
    setSeveral: note("several"),
    setHovered: note("hovered"),
    setPinned: note("pinned"),
    setFrozen: note("frozen"),
    setDark: note("dark"),
    setReducedMotion: note("reduced"),
    reset: note("reset"),
    fit: note("fit"),
    zoomBy: note("zoom"),
    snapshot: () => Promise.reject(new Error("no picture")),
    on: (listener) => void Object.assign(view.heard, listener),
    destroy: note("destroy"),
  };
  return view;
}

/** Lets all that is due now happen. */
export async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}

/** The view of an address where two runs can be opened; `own` units of the first of six. */
export function viewOf(hash: string, own = 6): View {
  const catalog = { timelines: [timeline("one"), timeline("two")], problems: [] };
  const state = parseState(hash);
  const scene = sceneOf(catalog, state);
  if (scene === null || typeof scene === "string") throw new Error("no scene");
  return createDerive()({ ...firstModel(state), catalog, waiting: false, shown: { query: queryOf(scene, state), frame: frame(false, own) } });
}
