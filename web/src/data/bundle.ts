// Pictures that the page carries itself: what surfeit.viewer.bundles.bundle wrote.
import { layerName } from "../layers";
import type { Catalog, Course, GraphFrame, Query, Scales, Source, SourceOfSimilarity, Spread, Timeline, WeightPictures } from "../types";
import { heldLayouts } from "./bundleLayouts";
import { openFilm, type Film, type FilmHeader } from "./film";
import { courseFrame, learningOf, removalFrame, spectrumFrame, weightPicturesOf } from "./frames";
import { arrayOf, decode, type Pack } from "./wire";

interface Chart {
  kind: string;
  layer: string;
  at: number;
  /** What units are compared by, where that makes a difference. */
  source?: SourceOfSimilarity;
}

interface Header {
  format: string;
  version: number;
  timeline: Timeline;
  merged: Timeline | null;
  /** "201 of 10,001 snapshots", where some are left out. */
  thinned?: string | null;
  films: FilmHeader[];
  charts: Chart[];
}

/** A source that needs nothing but these bytes. */
export function bundleSource(bytes: ArrayBuffer): Source {
  const pack = decode(bytes);
  const header = checked(pack);
  const films = header.films.map((film, number) => openFilm(pack, film, number));
  const layouts = heldLayouts(header.charts, (number) => nested(pack, `chart_${number}`), (at) => nameOf(header.timeline, at));
  const bare = new Map<string, boolean>();
  /** Whether a layer has removal orders alone, at all moments. */
  const bareOf = (layer: string): boolean => {
    if (!bare.has(layer)) bare.set(layer, !header.charts.some((chart, number) => chart.kind === "removal" && chart.layer === layer && removalFrame(nested(pack, `chart_${number}`)).examples > 0));
    return bare.get(layer)!;
  };
  return {
    live: false,
    catalog: async () => ({ ...catalogOf(header), withoutLayouts: layouts.without }),
    timeline: async (id) => timelineOf(header, id),
    graph: async (query) => graphOf(header, films, query),
    spectrum: async (query) => {
      const { chart, instead } = chartOf(header, "spectrum", query);
      return { ...spectrumFrame(nested(pack, chart)), instead };
    },
    removal: async (query) => {
      const { chart, instead } = chartOf(header, "removal", query);
      return { ...removalFrame(nested(pack, chart)), instead, bare: bareOf(query.layer) };
    },
    learning: async (id) => {
      requireOwn(header, id);
      return learningOf(nested(pack, "learning"));
    },
    course: async (query) => courseOf(header, pack, query),
    matrix: async (query) => layouts.matrix(query),
    plane: async (query) => layouts.plane(query),
    map: async (query, method) => layouts.map(query, method),
    scales: async (query) => scalesOf(header, films, query),
    pictures: {
      driving: null,
      weights: async (query) => picturesOf(header, pack, query),
      why: async (query) => picturesOf(header, pack, query).why,
    },
  };
}

function checked(pack: Pack): Header {
  const header = pack.header as unknown as Header;
  if (header.format !== "surfeit-bundle" || header.version !== 1) {
    throw new Error("These data are not what this page can show: another version of Surfeit wrote them.");
  }
  return header;
}

function catalogOf(header: Header): Catalog {
  const problems = header.films.flatMap((film) =>
    Object.entries(film.problems).map(([at, problem]) => `${header.timeline.axis} ${at}: ${problem}`),
  );
  const timelines = header.merged === null ? [header.timeline] : [header.timeline, header.merged];
  return { timelines: timelines.map((one) => toldOf(header, one)), problems: [...new Set(problems)] };
}

/** A page of an older Surfeit does not say whether it holds what training added: its films do. */
function toldOf({ films }: Header, timeline: Timeline): Timeline {
  if (timeline.withoutUpdates !== undefined) return timeline;
  const held = films.some(({ source }) => source === "updates");
  return { ...timeline, withoutUpdates: held ? null : "this page does not hold it" };
}

function timelineOf(header: Header, id: string): Timeline {
  const found = catalogOf(header).timelines.find((timeline) => timeline.id === id);
  if (found === undefined) {
    throw new Error(`This page holds ${header.timeline.name} alone.`);
  }
  return found;
}

function requireOwn(header: Header, id: string): void {
  if (id !== header.timeline.id) {
    throw new Error(`This page holds ${header.timeline.name} alone; other runs are only shown beside it.`);
  }
}

function graphOf(header: Header, films: readonly Film[], query: Query): GraphFrame {
  requireOwn(header, query.timeline);
  const film = filmOf(films, query);
  const moment = film.header.at.indexOf(query.at);
  if (moment < 0) {
    throw new Error(film.header.problems[String(query.at)] ?? `This page has nothing at ${header.timeline.axis} ${query.at}.`);
  }
  // The first run's own graph is in that of two merged.
  const units = query.merged === null ? film.header.own : film.header.units;
  const told = tellingOf(films, film, query);
  const cut = (name: string): Float32Array => told.values(name, told.header.at.indexOf(query.at)).slice(0, units);
  return {
    units,
    own: film.header.own,
    norm: cut("norm"),
    moved: cut("moved"),
    angle: cut("angle"),
    kept: cut("kept"),
    ...film.links(moment, units),
    floor: film.floor(moment),
    nearest: null,
    nearestApart: null,
    neighbours: film.header.near ?? 0,
    note: noteOf(header, film.header, moment),
    level: film.header.level?.[moment] ?? null,
    levelApart: film.header.level_apart?.[moment] ?? null,
    // Of the units of both runs there is one mean, and of the first alone none.
    mean: units === film.header.units ? (film.header.mean?.[moment] ?? null) : null,
  };
}

/** The groups of the units; of two runs merged those are the first's that come first. */
function courseOf(header: Header, pack: Pack, query: Query): Course {
  const { chart } = chartOf(header, "course", query);
  const course = courseFrame(nested(pack, chart));
  const units = query.merged === null ? course.own : course.units;
  if (units === course.units) return course;
  const cut = (all: Uint8Array): Uint8Array => all.filter((_, place) => place % course.units < units);
  return { ...course, units, labels: cut(course.labels), classes: course.classes && cut(course.classes) };
}

/** Pictures of the first run's units at the nearest moment that has some. */
function picturesOf(header: Header, pack: Pack, query: Query): WeightPictures {
  requireOwn(header, query.timeline);
  if (query.merged !== null || !header.charts.some(({ kind, layer }) => kind === "pictures" && layer === query.layer)) {
    throw new Error("This page does not hold pictures of these units: `surfeit view` shows them.");
  }
  const { chart, at } = chartOf(header, "pictures", query);
  const found = weightPicturesOf(nested(pack, chart));
  return at === query.at ? found : { ...found, at };
}

/** The scale of all moments of the film that carries these units. */
function scalesOf(header: Header, films: readonly Film[], query: Query): Scales {
  requireOwn(header, query.timeline);
  const film = filmOf(films, query);
  const units = query.merged === null ? film.header.own : film.header.units;
  const spread = (name: string): Spread | null => tellingOf(films, film, query).spread(name, units);
  return { norm: spread("norm"), moved: spread("moved"), angle: spread("angle") };
}

/** Of updates only the links are carried; what is said of units stands with the weight vectors. */
function tellingOf(films: readonly Film[], film: Film, query: Query): Film {
  return film.header.source === "updates" ? filmOf(films, { ...query, source: "weights" }) : film;
}

const CALLED: Record<Query["source"], string> = { weights: "weight vectors", updates: "updates", outputs: "unit outputs" };

function filmOf(films: readonly Film[], query: Query): Film {
  const layer = films.filter((film) => film.header.layer === query.layer && film.header.source === query.source);
  const found =
    layer.find((film) => film.header.merged === query.merged) ?? (query.merged === null ? layer[0] : undefined);
  if (found === undefined) {
    const of = CALLED[query.source];
    const beside = query.merged === null ? "" : " beside that run";
    throw new Error(`This page does not hold the ${of} of ${layerOf(query)}${beside}: \`surfeit view\` shows all.`);
  }
  return found;
}

function layerOf({ layer }: Query): string {
  return layer === "" ? layerName(layer) : `layer ${layer}`;
}

function noteOf(header: Header, film: FilmHeader, moment: number): string {
  // Values of units are a byte each: half a step of 254 is a fifth of a percent.
  const rounded = `cosines are rounded, by up to ${(Math.ceil(film.error * 1e4) / 1e4).toFixed(4)}, norms and angles by 0.2 % of their range`;
  const thinned = header.thinned ? `this page holds ${header.thinned}, evenly spaced` : null;
  return [film.notes[moment] ?? null, thinned, rounded].filter((words) => words !== null).join(". ");
}

/** The chart at the moment nearest to the one asked for, and what to say if that is another. */
function chartOf(header: Header, kind: string, query: Query): { chart: string; at: number; instead: string | null } {
  requireOwn(header, query.timeline);
  const there = header.charts.map((chart, number) => ({ ...chart, number }));
  const own = there.filter((chart) => chart.kind === kind && chart.layer === query.layer);
  const away = (chart: Chart): number => Math.abs(chart.at - query.at);
  const best = own.reduce<(typeof own)[number] | null>((a, b) => (a === null || away(b) < away(a) ? b : a), null);
  if (best === null) {
    throw new Error(`This page holds no such chart of ${layerOf(query)}.`);
  }
  const instead = `this chart is of ${nameOf(header.timeline, best.at)}, the nearest that the page holds`;
  return { chart: `chart_${best.number}`, at: best.at, instead: best.at === query.at ? null : instead };
}

/** "epoch 12", "step 300", "level 4". */
function nameOf({ axis, moments }: Timeline, at: number): string {
  const epoch = axis === "step" ? moments.find((moment) => moment.at === at)?.epoch : null;
  return epoch == null ? `${axis} ${at.toLocaleString("en-US")}` : `epoch ${epoch.toLocaleString("en-US", { maximumFractionDigits: 2 })}`;
}

function nested(pack: Pack, name: string): ArrayBuffer {
  return arrayOf(pack, name, "u1").slice().buffer as ArrayBuffer;
}
