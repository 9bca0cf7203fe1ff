// Turns packs into the frames of types.ts.
import type { Activity, Course, Examples, GraphFrame, Learning, Matrix, Plane, RemovalFrame, RemovalOrder, Scales, Shape, SpectrumFrame, Spread, UnitMap, WeightPictures } from "../types";
import { arrayOf, decode, type Pack } from "./wire";

export function graphFrame(bytes: ArrayBuffer): GraphFrame {
  const pack = decode(bytes);
  return {
    units: numberOf(pack, "units"),
    own: numberOf(pack, "own"),
    norm: arrayOf(pack, "norm", "f4"),
    moved: arrayOf(pack, "moved", "f4"),
    angle: arrayOf(pack, "angle", "f4"),
    kept: arrayOf(pack, "kept", "f4"),
    source: arrayOf(pack, "source", "u2"),
    target: arrayOf(pack, "target", "u2"),
    apart: arrayOf(pack, "apart", "u2"),
    floor: numberOf(pack, "floor"),
    nearest: pack.arrays.has("near_units") ? arrayOf(pack, "near_units", "u2") : null,
    nearestApart: pack.arrays.has("near_units") ? arrayOf(pack, "near_apart", "u2") : null,
    neighbours: numberOf(pack, "near"),
    note: noteOf(pack),
    level: numberOrNull(pack.header["level"]),
    levelApart: numberOrNull(pack.header["level_apart"]),
    mean: numberOrNull(pack.header["mean"]),
  };
}

function numberOrNull(sent: unknown): number | null {
  return typeof sent === "number" ? sent : null;
}

/** The scale over the whole run. */
export function scalesOfRun(bytes: ArrayBuffer): Scales {
  const { norm, moved, angle } = decode(bytes).header as Partial<Record<keyof Scales, Spread | null>>;
  return { norm: norm ?? null, moved: moved ?? null, angle: angle ?? null };
}

export function activityOf(bytes: ArrayBuffer): Activity {
  const pack = decode(bytes);
  return {
    units: numberOf(pack, "units"),
    examples: numberOf(pack, "examples"),
    classes: numberOf(pack, "classes"),
    columns: numberOf(pack, "driving"),
    driving: arrayOf(pack, "driving", "u2"),
    answers: arrayOf(pack, "answers", "f4"),
    byClass: arrayOf(pack, "by_class", "f4"),
    note: noteOf(pack),
  };
}

export function examplesOf(bytes: ArrayBuffer): Examples {
  const pack = decode(bytes);
  return {
    count: numberOf(pack, "count"),
    shape: (pack.header["shape"] as Shape | null) ?? null,
    pixels: arrayOf(pack, "pixels", "u1"),
    labels: arrayOf(pack, "labels", "u2"),
  };
}

export function weightPicturesOf(bytes: ArrayBuffer): WeightPictures {
  const pack = decode(bytes);
  return {
    shape: (pack.header["shape"] as Shape | null) ?? null,
    pooled: numberOf(pack, "pooled"),
    weight: arrayOf(pack, "weight", "i1"),
    weightLargest: arrayOf(pack, "weight_largest", "f4"),
    update: arrayOf(pack, "update", "i1"),
    updateLargest: arrayOf(pack, "update_largest", "f4"),
    why: (pack.header["why"] as string | null) ?? null,
  };
}

export function courseFrame(bytes: ArrayBuffer): Course {
  const pack = decode(bytes);
  const { header } = pack;
  return {
    source: header["source"] === "updates" ? "updates" : "weights",
    units: numberOf(pack, "units"),
    own: numberOf(pack, "own"),
    at: header["at"] as number[],
    groups: numberOf(pack, "groups"),
    labels: arrayOf(pack, "labels", "u1"),
    classes: pack.arrays.has("classes") ? arrayOf(pack, "classes", "u1") : null,
    ownCosine: header["own_cosine"] as Course["ownCosine"],
    randomCosine: header["random_cosine"] as Course["randomCosine"],
  };
}

export function planeFrame(bytes: ArrayBuffer): Plane {
  return planeOf(decode(bytes), (pack) => arrayOf(pack, "places", "f4"));
}

/** Where the places of a pack are read from. */
type Placed = (pack: Pack) => Float32Array;

export function planeOf(pack: Pack, places: Placed): Plane {
  const { header } = pack;
  return {
    source: header["source"] === "updates" ? "updates" : "weights",
    units: numberOf(pack, "units"),
    own: numberOf(pack, "own"),
    at: header["at"] as number[],
    places: places(pack),
    share: header["share"] as Plane["share"],
  };
}

export function mapFrame(bytes: ArrayBuffer): UnitMap {
  return mapOf(decode(bytes), (pack) => arrayOf(pack, "places", "f4"));
}

export function mapOf(pack: Pack, places: Placed): UnitMap {
  const { header } = pack;
  return {
    method: header["method"] === "umap" ? "umap" : "tsne",
    units: numberOf(pack, "units"),
    own: numberOf(pack, "own"),
    at: header["at"] as number[],
    places: places(pack),
    neighbours: header["neighbours"] as number[],
    trust: header["trust"] as UnitMap["trust"],
    true: header["true"] as UnitMap["true"],
    nowhere: header["nowhere"] as number[],
  };
}

export function matrixFrame(bytes: ArrayBuffer): Matrix {
  const pack = decode(bytes);
  return { units: numberOf(pack, "units"), products: arrayOf(pack, "products", "i1") };
}

/** What Python's `compact_places` wrote: whole steps, and what changes in them. */
export function compactPlaces(pack: Pack): Float32Array {
  const [low, high] = [arrayOf(pack, "low", "u1"), arrayOf(pack, "high", "u1")];
  const corner = pack.header["corner"] as number[];
  const step = numberOf(pack, "step");
  const width = 2 * numberOf(pack, "units");
  const now = new Int32Array(width);
  return Float32Array.from(low, (byte, at) => {
    const kept = byte + 256 * high[at]!;
    now[at % width] += kept % 2 ? -(kept + 1) / 2 : kept / 2;
    return corner[at % 2]! + step * now[at % width]!;
  });
}

/** What Python's `compact_matrix` wrote: each pair once. */
export function compactMatrix(pack: Pack): Matrix {
  const [units, pairs] = [numberOf(pack, "units"), arrayOf(pack, "pairs", "i1")];
  const products = new Int8Array(units * units).fill(SAME);
  let pair = 0;
  for (let a = 0; a < units; a += 1) {
    for (let b = a + 1; b < units; b += 1) products[a * units + b] = products[b * units + a] = pairs[pair++]!;
  }
  for (const unit of pack.header["nowhere"] as number[]) {
    for (let other = 0; other < units; other += 1) products[unit * units + other] = products[other * units + unit] = NOWHERE;
  }
  return { units, products };
}

/** A unit beside itself, and one without a direction. */
const SAME = 127;
const NOWHERE = -128;

export function spectrumFrame(bytes: ArrayBuffer): SpectrumFrame {
  const pack = decode(bytes);
  return {
    eigenvalues: arrayOf(pack, "eigenvalues", "f4"),
    densityAt: arrayOf(pack, "density_at", "f4"),
    density: arrayOf(pack, "density", "f4"),
    fit: (pack.header["fit"] as SpectrumFrame["fit"]) ?? null,
    leading: numberOf(pack, "leading"),
    loadings: loadingsOf(arrayOf(pack, "roots", "u1"), numberOf(pack, "units")),
    units: numberOf(pack, "units"),
    note: noteOf(pack),
  };
}

/** Squared loadings from their roots, [leading * units]: each row sums to 1. */
function loadingsOf(roots: Uint8Array, units: number): Float32Array {
  const found = Float32Array.from(roots, (root) => root * root);
  for (let start = 0; start < found.length; start += units) {
    const row = found.subarray(start, start + units);
    const sum = row.reduce((total, square) => total + square, 0);
    row.forEach((square, unit) => (row[unit] = square / sum));
  }
  return found;
}

export function removalFrame(bytes: ArrayBuffer): RemovalFrame {
  const pack = decode(bytes);
  const criteria = (pack.header["criteria"] as string[]).map((name, place): RemovalOrder => ({
    name,
    order: arrayOf(pack, `order_${place}`, "u2"),
    accuracy: curveOf(pack, `accuracy_${place}`),
    loss: curveOf(pack, `loss_${place}`),
  }));
  return {
    units: numberOf(pack, "units"),
    examples: numberOf(pack, "examples"),
    objective: String(pack.header["objective"]),
    split: String(pack.header["split"]),
    criteria,
    note: noteOf(pack),
    accepted: numberOrNull(pack.header["accepted"]),
    guess: numberOrNull(pack.header["guess"] ?? null),
    random: pack.arrays.has("random_low") ? { low: arrayOf(pack, "random_low", "f4"), high: arrayOf(pack, "random_high", "f4") } : null,
    answer: (pack.header["answer"] as string | null | undefined) ?? null,
    canGo: (pack.header["can_go"] as RemovalFrame["canGo"]) ?? null,
  };
}

function curveOf(pack: Pack, name: string): Float32Array | null {
  return pack.arrays.has(name) ? arrayOf(pack, name, "f4") : null;
}

export function learningOf(bytes: ArrayBuffer): Learning {
  const pack = decode(bytes);
  const names = pack.header["columns"] as string[];
  const all = (kind: string): Record<string, Float64Array> =>
    Object.fromEntries(names.map((name, place) => [name, arrayOf(pack, `${kind}_${place}`, "f8")] as const));
  const replicates = numberOrNull(pack.header["replicates"]);
  const spread = replicates === null ? null : { replicates, least: all("least"), most: all("most") };
  return { at: arrayOf(pack, "at", "f8"), columns: all("column"), spread };
}

function numberOf(pack: Pack, name: string): number {
  const found = pack.header[name];
  if (typeof found !== "number") {
    throw new Error(`The data lack "${name}": another version of Surfeit wrote them.`);
  }
  return found;
}

function noteOf(pack: Pack): string | null {
  const found = pack.header["note"];
  return typeof found === "string" ? found : null;
}
