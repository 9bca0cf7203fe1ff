// Brings in what the state asks for: the graph of the moment, the moments that play comes to next,
// and the pictures beside it. What is no longer wanted is called back.

import type { Course, GraphFrame, LayoutBy, Matrix, Plane, Query, Source, UnitMap, ViewState, WeightPictures } from "../types";
import { isPlacing } from "./course";
import { isGone, sentenceOf } from "./failures";
import { createLatest } from "./latest";
import { createBeside } from "./panels";
import { layerSubjectOf, measuredWith, placingSubjectOf, subjectOf } from "./measured";
import type { Model } from "./model";
import { distinct, queryOf, sceneOf, unreadOf, type Scene } from "./scene";
import { calledBack, createShelf } from "./shelf";
import type { Store } from "./store";
import { choicesOf } from "./usual";

const FRAMES_KEPT = 48;
const FETCHED_AHEAD = 3;
const PICTURES_KEPT = 24;

export interface Loader {
  /** Reads the catalog; again, where the server had gone. */
  open(): Promise<void>;
  destroy(): void;
}

export function createLoader(store: Store<Model>, source: Source): Loader {
  const frames = createFrames(store, source);
  const beside = createBeside(store, source);
  const unread = createUnread(store, source);
  const follow = (): void => {
    const { catalog, state, gone } = store.get();
    if (!catalog || gone) return;
    const scene = sceneOf(catalog, state);
    unread.want(scene === null ? unreadOf(catalog, state) : []);
    if (scene === null) return frames.again(); // what is chosen next may be what was shown last
    if (typeof scene === "string") {
      // What is chosen next may be what was shown last.
      frames.again();
      store.set({ shown: null, waiting: false });
      return;
    }
    frames.want(scene);
    beside.want(scene);
  };
  const unsubscribe = store.subscribe(follow);
  let ended = false;
  return {
    async open() {
      try {
        const catalog = distinct(await source.catalog());
        if (ended) return;
        store.set({ catalog, gone: false, failure: null });
        frames.again();
        beside.again();
        unread.again();
        follow();
      } catch (problem) {
        store.set(isGone(problem) ? { gone: true } : { failure: sentenceOf(problem), waiting: false });
      }
    },
    destroy() {
      ended = true;
      unsubscribe();
      frames.destroy();
      beside.destroy();
    },
  };
}

/** Asks for the moments of timelines that a long catalog only names. */
function createUnread(store: Store<Model>, source: Source) {
  let wanted = "";

  async function read(id: string, key: string): Promise<void> {
    try {
      const whole = await source.timeline(id, true);
      const { catalog } = store.get();
      if (!catalog) return;
      // The name stays the one that tells it apart from others here.
      const timelines = catalog.timelines.map((old) => (old.id === id ? { ...whole, name: old.name } : old));
      store.set({ catalog: { ...catalog, timelines } });
    } catch (problem) {
      if (key !== wanted) return;
      store.set(isGone(problem) ? { gone: true } : { failure: sentenceOf(problem), waiting: false });
    }
  }

  return {
    /** Once for each change of what is wanted: a failure is not repeated with every key. */
    want(ids: readonly string[]): void {
      const key = ids.join(" ");
      if (key === wanted) return;
      wanted = key;
      if (ids.length > 0) store.set({ failure: null });
      for (const id of ids) void read(id, key);
    },
    again(): void {
      wanted = "";
    },
  };
}

function createFrames(store: Store<Model>, source: Source) {
  const shelf = createShelf<GraphFrame>(FRAMES_KEPT);
  const scales = createScales(store, source);
  const wholes = [createCourses(store, source), createPlacings(store, source), createMatrices(store, source), createPictured(store, source), createPictures(store, source)];
  let wanted = "";
  let scene: Scene | null = null;

  function show(query: Query, frame: GraphFrame): void {
    const { measured, playing } = store.get();
    store.set({ shown: { query, frame }, waiting: false, failure: null, measured: measuredWith(measured, query, frame, playing) });
    if (!scene) return;
    for (const one of [scales, ...wholes]) one.want(scene);
  }

  async function fetchFor(query: Query, key: string): Promise<void> {
    try {
      const frame = await shelf.fetch(key, (signal) => source.graph(query, signal));
      if (key === wanted) show(query, frame);
    } catch (problem) {
      if (key !== wanted || calledBack(problem)) return;
      store.set({ waiting: false, ...(isGone(problem) ? { gone: true } : { failure: sentenceOf(problem) }) });
    }
  }

  /** Fetches the moments that play will come to; their failures are told of when it is there. */
  function ahead(scene: Scene): string[] {
    const { state, playing, waiting } = store.get();
    if (!playing) return [];
    const next = scene.timeline.moments.slice(scene.index + 1, scene.index + 1 + FETCHED_AHEAD);
    return next.map((moment) => {
      const query = queryOf(scene, state, moment.at);
      const key = JSON.stringify(query);
      if (!waiting) shelf.fetch(key, (signal) => source.graph(query, signal)).catch(() => undefined);
      return key;
    });
  }

  return {
    want(next: Scene): void {
      scene = next;
      const query = queryOf(scene, store.get().state);
      const key = JSON.stringify(query);
      scales.leave(scene);
      shelf.keepOnly(new Set([key, ...ahead(scene)]));
      if (key === wanted) {
        if (store.get().waiting) return;
        for (const one of wholes) one.want(scene);
        return;
      }
      wanted = key;
      const here = shelf.get(key);
      if (here) return show(query, here);
      store.set({ waiting: true, failure: null });
      void fetchFor(query, key);
    },
    again(): void {
      wanted = "";
    },
    destroy(): void {
      shelf.clear();
      scales.end();
      for (const one of wholes) one.end();
    },
  };
}

/** What is asked for once of a layer, of all its moments together, and again where a run has grown. */
interface Whole<T> {
  wanted(scene: Scene, state: ViewState): boolean;
  subjectOf(query: Query): string;
  load(query: Query, signal: AbortSignal): Promise<T>;
  /** The subject of what is there now. */
  known(): string | undefined;
  tell(found: { subject: string; value: T | string } | null): void;
}

function createWhole<T>(store: Store<Model>, whole: Whole<T>) {
  let asked: { key: string; call: AbortController } | null = null;

  async function ask(query: Query, key: string): Promise<void> {
    const mine = { key, call: new AbortController() };
    asked?.call.abort();
    asked = mine;
    const subject = whole.subjectOf(query);
    // Where a run has grown, the old one serves until the new one is there.
    if (whole.known() !== subject) whole.tell(null);
    const value = await whole.load(query, mine.call.signal).catch((problem: unknown) => (calledBack(problem) ? null : sentenceOf(problem)));
    if (asked === mine && value !== null) whole.tell({ subject, value });
  }

  return {
    want(scene: Scene): void {
      const { state } = store.get();
      if (!whole.wanted(scene, state)) return;
      const query = queryOf(scene, state);
      const key = JSON.stringify([whole.subjectOf(query), keyOfAll(scene, query)]);
      if (key !== asked?.key) void ask(query, key);
    },
    end(): void {
      asked?.call.abort();
      asked = null;
    },
  };
}

/** The groups of units over time: colours show them. */
function createCourses(store: Store<Model>, source: Source) {
  return createWhole<Course>(store, {
    wanted: (scene, state) => ["group", "class"].includes(choicesOf(state, scene).colour) || state.layout === "matrix",
    subjectOf,
    load: (query, signal) => source.course(query, signal),
    known: () => store.get().course?.subject,
    tell: (found) => store.set({ course: found && { subject: found.subject, course: found.value } }),
  });
}

/** Units by their principal components or on a map: some layouts show them. */
function createPlacings(store: Store<Model>, source: Source) {
  const layout = (): LayoutBy => store.get().state.layout;
  return createWhole<Plane | UnitMap>(store, {
    wanted: (_, state) => isPlacing(state.layout),
    subjectOf: (query) => placingSubjectOf(query, layout()),
    load: (query, signal) => {
      const by = layout();
      return by === "tsne" || by === "umap" ? source.map(query, by, signal) : source.plane(query, signal);
    },
    known: () => store.get().placing?.subject,
    tell: (found) => store.set({ placing: found && { subject: found.subject, placing: found.value } }),
  });
}

/** All pairs of units at the moment that is shown, where the matrix is. */
function createMatrices(store: Store<Model>, source: Source) {
  return createWhole<Matrix>(store, {
    wanted: (_, state) => state.layout === "matrix",
    subjectOf: (query) => JSON.stringify(query),
    load: (query, signal) => source.matrix(query, signal),
    // That of another moment stands until this one is there.
    known: () => store.get().matrix?.subject,
    tell: (found) => found && store.set({ matrix: { subject: found.subject, matrix: found.value } }),
  });
}

/** Whether weights of the layer are pictures: choices are offered by it. */
function createPictured(store: Store<Model>, source: Source) {
  const { pictures } = source;
  return createWhole<{ why: string | null }>(store, {
    wanted: ({ timeline }) => pictures !== undefined && timeline.withoutData === null,
    subjectOf: layerSubjectOf,
    load: async (query, signal) => ({ why: await pictures!.why({ ...query, source: "weights", merged: null }, signal) }),
    known: () => store.get().unpicturable?.subject,
    // Whoever cannot say it offers nothing, and the picture itself will say more.
    tell: (found) => store.set({ unpicturable: found && { subject: found.subject, why: typeof found.value === "string" ? found.value : found.value.why } }),
  });
}

/** Pictures of the moment that is shown, where units are drawn as such; those of another one stand
 * until they come. */
function createPictures(store: Store<Model>, source: Source) {
  const latest = createLatest<Query, { query: Query; pictures: WeightPictures }>({
    load: async (query, signal) => ({ query, pictures: await source.pictures!.weights(query, signal) }),
    keyOf: (query) => JSON.stringify(query),
    alike: (old, next) => layerSubjectOf(old) === layerSubjectOf(next),
    tell: (found) => {
      if (typeof found !== "string") store.set({ pictured: found });
      else if (wished) store.set({ pictured: { query: wished, pictures: found } });
    },
    failed: sentenceOf,
    pause: () => 0,
    room: PICTURES_KEPT,
  });
  let wished: Query | null = null;
  return {
    want(scene: Scene): void {
      const { state } = store.get();
      if (source.pictures === undefined || state.marks === "discs" || state.layout === "matrix" || scene.merged !== null) return;
      wished = { ...queryOf(scene, state), source: "weights", merged: null };
      latest.want(wished);
    },
    end: latest.destroy,
  };
}

/** What changes as soon as a run has another moment. */
function keyOfAll({ timeline: { moments } }: Scene, query: Query): string {
  return JSON.stringify([subjectOf(query), moments.length, moments[moments.length - 1]!.at]);
}

/** Asks for the scale of all moments, once for each layer and again where a run has grown. */
function createScales(store: Store<Model>, source: Source) {
  let asked: { key: string; subject: string; call: AbortController } | null = null;

  async function ask(query: Query, key: string): Promise<void> {
    const mine = { key, subject: subjectOf(query), call: new AbortController() };
    asked?.call.abort();
    asked = mine;
    const known = store.get().measured;
    // Where a run has grown, the old scale serves until the new one is there.
    if (!known?.whole || known.subject !== mine.subject) store.set({ spanning: true });
    // Without it, the scale is that of the moments that are seen.
    const scales = await source.scales(query, mine.call.signal).catch(() => null);
    if (asked !== mine) return;
    store.set({ spanning: false, ...(scales ? { measured: { subject: mine.subject, scales, whole: true } } : {}) });
  }

  const end = (): void => {
    asked?.call.abort();
    asked = null;
    store.set({ spanning: false });
  };
  return {
    want(scene: Scene): void {
      const query = queryOf(scene, store.get().state);
      const key = keyOfAll(scene, query);
      if (key !== asked?.key) void ask(query, key);
    },
    /** Nothing waits for the scale of what is no longer shown. */
    leave(scene: Scene): void {
      if (asked && asked.subject !== subjectOf(queryOf(scene, store.get().state))) end();
    },
    end,
  };
}
