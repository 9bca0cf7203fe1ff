// Where units lie, and all pairs of them, as a page carries them: what surfeit.viewer.bundles.layouts wrote.
import { layerName } from "../layers";
import type { Catalog, LayoutBy, MapMethod, Matrix, Plane, Query, UnitMap } from "../types";
import { compactMatrix, compactPlaces, mapOf, planeOf } from "./frames";
import { decode, type Pack } from "./wire";

/** A picture of a layer by its place in the page's data. */
export interface Carried {
  kind: string;
  layer: string;
  at: number;
  source?: string;
}

export interface Layouts {
  /** Why a layout can be shown of no layer, a sentence each. */
  without: NonNullable<Catalog["withoutLayouts"]>;
  plane(query: Query): Plane;
  map(query: Query, method: MapMethod): UnitMap;
  matrix(query: Query): Matrix;
}

type Kind = Exclude<LayoutBy, "force">;

const MISSING: Record<Kind, string> = {
  plane: "This page does not hold the principal components of this: `surfeit view` shows them.",
  tsne: "This page was written without t-SNE maps: `surfeit export --maps` writes them, and `surfeit view` shows them.",
  umap: "Pages hold no UMAP map: `surfeit view` shows it.",
  matrix: "This page does not hold the similarity matrix: it is carried for layers of up to 320 units, with `surfeit export --maps` up to 1,024, and `surfeit view` shows it.",
};

/** The layouts among the charts that a page carries. */
export function heldLayouts(charts: readonly Carried[], read: (number: number) => ArrayBuffer, nameOf: (at: number) => string): Layouts {
  const held = (kind: Kind, query: Query): Pack & { at: number } => {
    const number = charts.findIndex((chart) => chart.kind === kind && chart.layer === query.layer && chart.source === query.source);
    if (number < 0) throw new Error(charts.some((chart) => chart.kind === kind) ? elsewhere(kind, query) : MISSING[kind]);
    return { ...decode(read(number)), at: charts[number]!.at };
  };
  const kinds = Object.keys(MISSING) as Kind[];
  return {
    without: Object.fromEntries(kinds.filter((kind) => !charts.some((chart) => chart.kind === kind)).map((kind) => [kind, MISSING[kind]])),
    plane: (query) => {
      const plane = planeOf(held("plane", query), compactPlaces);
      // Of the units of both runs are the components, and their share.
      return query.merged !== null || plane.own === plane.units ? plane : { ...plane, ...ownPlaces(plane), share: plane.share.map(() => null) };
    },
    map: (query, method) => {
      const map = mapOf(held(method, query), compactPlaces);
      return query.merged !== null || map.own === map.units ? map : { ...map, ...ownPlaces(map) };
    },
    matrix: (query) => {
      const pack = held("matrix", query);
      const instead = pack.at === query.at ? null : `this is the matrix of ${nameOf(pack.at)}, the only one that this page holds`;
      const matrix = { ...compactMatrix(pack), instead, at: pack.at };
      return query.merged === null ? ownMatrix(matrix, pack.header["own"] as number) : matrix;
    },
  };
}

/** Where the page holds this layout of something else. */
function elsewhere(kind: Kind, { layer, source }: Query): string {
  if (kind === "plane" && source === "outputs") return MISSING.plane;
  return kind === "matrix" ? MISSING.matrix : `This page does not hold this of layer ${layerName(layer)}: \`surfeit view\` shows all.`;
}

/** The first run's units of those of two. */
function ownPlaces({ own, units, places }: Pick<Plane, "own" | "units" | "places">): Pick<Plane, "units" | "places"> {
  return { units: own, places: places.filter((_, at) => at % (2 * units) < 2 * own) };
}

function ownMatrix(matrix: Matrix, own: number): Matrix {
  const { units, products } = matrix;
  return own === units ? matrix : { ...matrix, units: own, products: products.filter((_, at) => at % units < own && at < own * units) };
}
