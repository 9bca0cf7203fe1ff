// Pictures from the local server of `surfeit view`.
import type { Catalog, Query, Source, Timeline, Trial } from "../types";
import { activityOf, courseFrame, examplesOf, graphFrame, learningOf, mapFrame, matrixFrame, planeFrame, removalFrame, scalesOfRun, spectrumFrame, weightPicturesOf } from "./frames";
import { opened, type SentCatalog } from "./rows";

/** A source that asks the server at `base` ("" for the page's own), which knows us by the token. */
export function httpSource(base: string, token: string): Source {
  const root = base === "" || base.endsWith("/") ? base : `${base}/`;
  const ask = (path: string, signal?: AbortSignal): Promise<Response> => answered(`${root}api/${path}`, token, signal);
  const bytes = async (path: string, signal?: AbortSignal): Promise<ArrayBuffer> => (await ask(path, signal)).arrayBuffer();
  let known: { tag: string | null; catalog: Catalog } | null = null;
  async function catalog(): Promise<Catalog> {
    const response = await answered(`${root}api/catalog`, token, undefined, known?.tag ?? null);
    if (known && response.status === UNCHANGED) return known.catalog;
    known = { tag: response.headers.get("ETag"), catalog: opened((await response.json()) as SentCatalog) };
    return known.catalog;
  }
  return {
    live: true,
    catalog,
    timeline: async (id, quick = false) =>
      (await (await ask(`timelines/${encodeURIComponent(id)}${quick ? "?quick=1" : ""}`)).json()) as Timeline,
    graph: async (query, signal) => graphFrame(await bytes(pathOf("graph", query), signal)),
    spectrum: async (query, signal) => spectrumFrame(await bytes(pathOf("spectrum", query), signal)),
    removal: async (query, signal) => removalFrame(await bytes(pathOf("removal", query), signal)),
    learning: async (timeline) => learningOf(await bytes(`timelines/${encodeURIComponent(timeline)}/learning`)),
    course: async (query, signal) => courseFrame(await bytes(pathOf("course", query), signal)),
    matrix: async (query, signal) => matrixFrame(await bytes(pathOf("matrix", query), signal)),
    plane: async (query, signal) => planeFrame(await bytes(pathOf("plane", query), signal)),
    map: async (query, method, signal) => mapFrame(await bytes(pathOf(method, query), signal)),
    pictures: {
      driving: {
        activity: async (query, signal) => activityOf(await bytes(pathOf("activity", query), signal)),
        examples: async (timeline, signal) => examplesOf(await bytes(`timelines/${encodeURIComponent(timeline)}/examples`, signal)),
      },
      why: async (query, signal) => ((await (await ask(pathOf("pictured", query), signal)).json()) as { why: string | null }).why,
      weights: async (query, signal) => weightPicturesOf(await bytes(pathOf("weights", query), signal)),
    },
    trial: async (query, units, signal) =>
      (await (await ask(`${pathOf("trial", query)}&units=${runsOf(units)}`, signal)).json()) as Trial,
    scales: async (query, signal) => scalesOfRun(await bytes(pathOf("scales", query), signal)),
  };
}

/** Ascending units as an address names them: 3,17-20. */
export function runsOf(units: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const unit of units) {
    const last = runs[runs.length - 1];
    if (last && unit === last[1] + 1) last[1] = unit;
    else runs.push([unit, unit]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

function pathOf(picture: string, query: Query): string {
  const asked = new URLSearchParams({ layer: query.layer, source: query.source, at: String(query.at) });
  if (query.merged !== null) {
    asked.set("merged", query.merged);
  }
  return `timelines/${encodeURIComponent(query.timeline)}/${picture}?${asked.toString()}`;
}

/** The status of an answer that is the one we have. */
const UNCHANGED = 304;

async function answered(address: string, token: string, signal?: AbortSignal, tag: string | null = null): Promise<Response> {
  let response: Response;
  const headers = { Authorization: `Bearer ${token}`, ...(tag === null ? {} : { "If-None-Match": tag }) };
  try {
    response = await fetch(address, { headers, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted === true) {
      throw error;
    }
    // The name tells the page that it is not this picture alone that is missing.
    throw Object.assign(new Error("The viewer's server does not answer: is `surfeit view` still running?"), { name: "ServerGone" });
  }
  if (!response.ok && !(tag !== null && response.status === UNCHANGED)) {
    throw new Error(await sentenceOf(response));
  }
  return response;
}

/** What the server says is wrong. */
async function sentenceOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error?: unknown };
    if (typeof error === "string" && error !== "") {
      return error;
    }
  } catch {
    // No JSON: what follows is all that can be said.
  }
  return `The server answers with error ${response.status}.`;
}
