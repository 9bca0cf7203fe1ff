// Timelines of which a catalog tells little: what surfeit.viewer.timelines.rows packs.
import type { About, Catalog, Layer, Timeline } from "../types";

/** A list a column; networks of the same layers are told once. */
export interface Rows {
  networks: Layer[][];
  id: string[];
  name: string[];
  axis: Timeline["axis"][];
  status: Timeline["status"][];
  moments: number[];
  objective: (string | null)[];
  network: number[];
  /** A list a field. */
  about?: { [field in keyof About]: About[field][] };
}

/** A catalog as it is sent: the first timelines whole, the others as rows. */
export interface SentCatalog extends Catalog {
  rows?: Rows;
}

/** The catalog with a timeline for each row, whose moments are still to be asked for. */
export function opened({ timelines, rows, ...rest }: SentCatalog): Catalog {
  return { ...rest, timelines: rows ? [...timelines, ...timelinesOf(rows)] : timelines };
}

function timelinesOf(rows: Rows): Timeline[] {
  return rows.id.map((id, at) => ({
    id,
    name: rows.name[at]!,
    axis: rows.axis[at]!,
    status: rows.status[at]!,
    moments: [],
    unread: rows.moments[at]!,
    layers: rows.networks[rows.network[at]!]!,
    withoutData: null,
    objective: rows.objective[at]!,
    ...(rows.about ? { about: aboutOf(rows.about, at) } : {}),
  }));
}

function aboutOf(columns: NonNullable<Rows["about"]>, at: number): About {
  return Object.fromEntries(Object.entries(columns).map(([field, values]) => [field, values[at]])) as unknown as About;
}
