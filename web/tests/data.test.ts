// What Python wrote (tests/viewer/test_fixture.py) is what the page reads.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";

import { bundleSource } from "../src/data/bundle";
import { courseFrame, graphFrame, learningOf, removalFrame, scalesOfRun, spectrumFrame, weightPicturesOf } from "../src/data/frames";
import { httpSource } from "../src/data/http";
import { gunzip, unpack } from "../src/data/unpack";
import { arrayOf, decode } from "../src/data/wire";
import type { GraphFrame, Query } from "../src/types";

interface FilmOfPython {
  links: [number, number, number][][];
  floor: number[];
  norm: number[][];
  angle: (number | null)[][];
}

interface LayoutOfPython {
  kind: "plane" | "tsne" | "matrix";
  layer: string;
  source: Query["source"];
  values: number[];
}

function file(name: string): ArrayBuffer {
  const bytes = readFileSync(new URL(`data/${name}`, import.meta.url));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

// Python writes NaN as it is, which JSON has no word for.
const text = new TextDecoder().decode(file("expected.json")).replaceAll("NaN", "null");
const expected = JSON.parse(text) as Record<"bundle" | "merged", FilmOfPython[]> & { loadings: number[]; layouts: LayoutOfPython[] };

const innerProduct = (apart: number): number => 1 - (2 * apart) / 65535;

/** A pack as Python writes it, of empty arrays of these kinds. */
function pack(header: Record<string, unknown>, kinds: Record<string, string> = {}): ArrayBuffer {
  const arrays = Object.fromEntries(Object.entries(kinds).map(([name, dtype]) => [name, { dtype, offset: 0, length: 0 }]));
  let json = JSON.stringify({ ...header, arrays });
  json += " ".repeat((8 - ((4 + json.length) % 8)) % 8);
  const bytes = new Uint8Array(4 + json.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(new TextEncoder().encode(json), 4);
  return bytes.buffer;
}

/** A pack of Python with more in its header. */
function withHeader(bytes: ArrayBuffer, more: Record<string, unknown>): ArrayBuffer {
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Record<string, unknown>;
  let json = JSON.stringify({ ...header, ...more });
  json += " ".repeat((8 - ((4 + json.length) % 8)) % 8);
  const rest = new Uint8Array(bytes, 4 + length);
  const result = new Uint8Array(4 + json.length + rest.length);
  new DataView(result.buffer).setUint32(0, json.length, true);
  result.set(new TextEncoder().encode(json), 4);
  result.set(rest, 4 + json.length);
  return result.buffer;
}

function expectLinks(frame: GraphFrame, links: [number, number, number][]): void {
  expect(Array.from(frame.source)).toEqual(links.map((link) => link[0]));
  expect(Array.from(frame.target)).toEqual(links.map((link) => link[1]));
  links.forEach((link, place) => expect(innerProduct(frame.apart[place]!)).toBeCloseTo(link[2], 4));
}

describe("packs", () => {
  it("give the graph that Python drew", () => {
    const frame = graphFrame(file("graph.bin"));
    expect(frame).toMatchObject({ units: 6, own: 6, floor: -1, neighbours: 5, note: null });
    expect(frame.apart.length).toBe(15);
    expect(Array.from(frame.apart)).toEqual(Array.from(frame.apart).sort((a, b) => a - b));
    expect(frame.nearest?.length).toBe(30);
    expect(frame.nearest?.[0]).toBe(frame.source[0] === 0 ? frame.target[0] : frame.nearest?.[0]);
    expect(Array.from(frame.kept)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it("give the scale over the run, and null for what is not known", () => {
    const scales = scalesOfRun(file("scales.bin"));
    const { norm, moved, angle } = graphFrame(file("graph.bin"));
    for (const [values, spread] of [[norm, scales.norm], [moved, scales.moved], [angle, scales.angle]] as const) {
      expect(Math.max(...values)).toBeCloseTo(spread!.high, 5); // weights move evenly to the last moment
      expect(spread!.low).toBeLessThan(spread!.q99);
      expect(spread!.q99).toBeLessThan(spread!.high);
    }
    expect(scalesOfRun(withHeader(file("scales.bin"), { moved: null })).moved).toBeNull();
  });

  it("give spectrum, removal orders and metrics", () => {
    const spectrum = spectrumFrame(file("spectrum.bin"));
    expect(spectrum.eigenvalues.length).toBe(4);
    expect(spectrum.loadings.length).toBe(spectrum.leading * spectrum.units);
    const row = Array.from(spectrum.loadings.slice(0, 6)).reduce((a, b) => a + b, 0);
    expect(row).toBeCloseTo(1, 5);
    spectrum.loadings.forEach((loading, place) => expect(loading).toBeCloseTo(expected.loadings[place]!, 2));
    expect(spectrum.fit?.threshold).toBeGreaterThan(spectrum.fit?.upper ?? Infinity);
    const removal = removalFrame(file("removal.bin"));
    expect(removal.criteria.map((one) => one.name)).toEqual(["magnitude", "frame_potential", "inner_product"]);
    expect(removal.criteria[0]!.order.toSorted()).toEqual(Uint16Array.of(0, 1, 2, 3, 4, 5));
    expect(removal).toMatchObject({ examples: 0, objective: "cross_entropy", split: "validation" });
    expect(removal.criteria[0]!.accuracy).toBeNull();
    expect(removal.criteria[0]!.loss).toBeNull();
    expect(removal.note).toContain("removals are not measured");
    const learning = learningOf(file("learning.bin"));
    expect(Array.from(learning.at)).toEqual([0, 5, 10, 15, 20, 25]);
    expect(learning.columns["train_loss"]?.[1]).toBeCloseTo(1 / 6);
  });

  it("say what is wrong with bytes that are none", () => {
    expect(() => decode(new ArrayBuffer(2))).toThrow("The data cannot be read: it has 2 bytes.");
    expect(() => decode(file("graph.bin").slice(0, 40))).toThrow("the header is cut short");
    expect(() => decode(file("graph.bin").slice(0, 600))).toThrow("The data cannot be read");
    expect(() => arrayOf(decode(pack({})), "norm", "f4")).toThrow('lack the array "norm" of f4');
    expect(() => graphFrame(pack({}))).toThrow('lack "units"');
  });
});

describe("a bundle", () => {
  const source = bundleSource(file("bundle.bin"));
  const query = async (part: Partial<Query> = {}): Promise<Query> => {
    const { timelines } = await source.catalog();
    return { timeline: timelines[0]!.id, layer: "fc1", source: "weights", at: 25, merged: null, ...part };
  };

  it("has its one timeline with all moments", async () => {
    const { timelines, problems } = await source.catalog();
    expect(problems).toEqual([]);
    expect(timelines.map((timeline) => timeline.moments.map((moment) => moment.at))).toEqual([[0, 5, 10, 15, 20, 25]]);
    expect(await source.timeline(timelines[0]!.id)).toEqual(timelines[0]);
    expect(source.live).toBe(false);
  });

  it("shows every moment as Python reads it, forwards, backwards and at random", async () => {
    const film = expected.bundle[0]!;
    for (const moment of [0, 1, 2, 3, 4, 5, 5, 4, 3, 0, 5, 2]) {
      const frame = await source.graph(await query({ at: 5 * moment }));
      expectLinks(frame, film.links[moment]!);
      expect(frame.floor).toBeCloseTo(film.floor[moment]!, 5);
      film.norm[moment]!.forEach((norm, unit) => expect(frame.norm[unit]).toBeCloseTo(norm, 5));
      film.angle[moment]!.forEach((angle, unit) => expect(frame.angle[unit]).toBeCloseTo(angle ?? NaN, 5));
      expect(frame.note).toMatch(/^cosines are rounded, by up to 0\.\d{4}, norms and angles by 0\.2 % of their range$/);
    }
  });

  it("has one scale for all moments", async () => {
    const scales = await source.scales(await query({ at: 5 }));
    const norms = expected.bundle[0]!.norm.flat().sort((a, b) => a - b);
    expect(scales.norm?.low).toBeCloseTo(norms[0]!, 5);
    expect(scales.norm?.high).toBeCloseTo(norms[norms.length - 1]!, 5);
    expect(scales.norm?.q99).toBeCloseTo(norms[Math.ceil(0.99 * norms.length) - 1]!, 5);
    const angles = expected.bundle[0]!.angle.flat().filter((angle) => angle !== null);
    expect(scales.angle?.high).toBeCloseTo(Math.max(...angles), 5);
    expect(await source.scales(await query({ at: 25, source: "updates" }))).toEqual(scales);
    const moved = await Promise.all([0, 5, 10, 15, 20, 25].map(async (at) => (await source.graph(await query({ at }))).moved));
    expect(scales.moved?.high).toBeCloseTo(Math.max(...moved.flatMap((values) => [...values])), 5);
  });

  it("says of removal orders that nothing was measured at any moment", async () => {
    expect((await source.removal(await query({ at: 25 }))).bare).toBe(true);
  });

  it("tells the groups of units over time", async () => {
    const course = await source.course(await query({ at: 5 }));
    expect(course).toMatchObject({ source: "updates", units: 6, own: 6, at: [0, 5, 10, 15, 20, 25] });
    expect(course.labels.length).toBe(36);
    expect(course.classes).toBeNull(); // there are no data
    expect(Math.max(...course.labels.filter((label) => label !== 255))).toBe(course.groups - 1);
    expect(course.ownCosine.at(-1)!).toBeGreaterThan(course.randomCosine.at(-1)! - 1e-6);
    expect((await source.catalog()).timelines[0]!.withoutUpdates).toBeNull();
  });

  it("tells the groups of the first of two runs alone", async () => {
    const merged = bundleSource(file("merged.bin"));
    const [first, second] = (await merged.catalog()).timelines;
    const asked: Query = { timeline: first!.id, layer: "fc1", source: "updates", at: 25, merged: second!.id };
    const both = await merged.course(asked);
    const alone = await merged.course({ ...asked, merged: null });
    expect([both.units, both.own, alone.units]).toEqual([12, 6, 6]);
    both.at.forEach((_, moment) => expect([...alone.labels.subarray(6 * moment, 6 * moment + 6)]).toEqual([...both.labels.subarray(12 * moment, 12 * moment + 6)]));
  });

  it("says at every moment how many snapshots were left out", async () => {
    const thinned = bundleSource(withHeader(file("bundle.bin"), { thinned: "6 of 60 snapshots" }));
    const frame = await thinned.graph(await query());
    expect(frame.note).toMatch(/^this page holds 6 of 60 snapshots, evenly spaced\. cosines are rounded/);
  });

  it("tells layers apart", async () => {
    const frame = await source.graph(await query({ layer: "fc2", at: 10 }));
    expect(frame.units).toBe(3);
    expectLinks(frame, expected.bundle[1]!.links[2]!);
  });

  it("has charts, of other moments with a note", async () => {
    expect((await source.spectrum(await query())).eigenvalues.length).toBe(4);
    expect((await source.removal(await query())).criteria.length).toBe(3);
    const asked = await query({ at: 24 });
    expect((await source.spectrum(asked)).instead).toBe("this chart is of epoch 5, the nearest that the page holds");
    expect((await source.learning(asked.timeline)).at.length).toBe(6);
  });

  it("says what it does not hold", async () => {
    await expect(source.graph(await query({ at: 7 }))).rejects.toThrow("has nothing at step 7");
    await expect(source.graph(await query({ layer: "conv" }))).rejects.toThrow("does not hold the weight vectors of layer conv");
    await expect(source.graph(await query({ source: "outputs" }))).rejects.toThrow("unit outputs of layer fc1");
    await expect(source.graph(await query({ merged: "x" }))).rejects.toThrow("beside that run");
    await expect(source.graph(await query({ timeline: "x" }))).rejects.toThrow("alone");
    await expect(source.timeline("x")).rejects.toThrow("alone");
    await expect(source.spectrum(await query({ layer: "conv" }))).rejects.toThrow("no such chart");
    expect(() => bundleSource(file("graph.bin"))).toThrow("another version of Surfeit");
    expect(() => bundleSource(pack({ format: "surfeit-bundle", version: 2 }))).toThrow("another version");
  });

  it("shows two merged runs, and the first by itself", async () => {
    const merged = bundleSource(file("merged.bin"));
    const { timelines } = await merged.catalog();
    const asked: Query = { ...(await query()), merged: timelines[1]!.id, at: 10 };
    const both = await merged.graph(asked);
    expect([both.units, both.own]).toEqual([12, 6]);
    const links = expected.merged[0]!.links[2]!;
    expectLinks(both, links);
    const alone = await merged.graph({ ...asked, merged: null });
    expect([alone.units, alone.own, alone.norm.length]).toEqual([6, 6, 6]);
    expectLinks(alone, links.filter((link) => link[1] < 6));
  });

  it("names moments that could not be read", async () => {
    const film = { layer: "fc1", source: "weights", merged: null, units: 1, own: 1, at: [], notes: [], lowest: 0, step: 1, error: 0 };
    const films = [{ ...film, problems: { 5: "5.safetensors is damaged" }, series: {} }];
    const timeline = { id: "r", name: "a run", axis: "step", moments: [{ at: 5 }] };
    const kinds = { gaps: "u1", changes: "u1", gap_ends: "u4", entries: "u1", entered: "u1", entry_ends: "u4", floor: "f4" };
    const arrays = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [`film_0_${name}`, kind]));
    const header = { format: "surfeit-bundle", version: 1, films, charts: [], merged: null, timeline };
    const broken = bundleSource(pack(header, arrays));
    expect((await broken.catalog()).problems).toEqual(["step 5: 5.safetensors is damaged"]);
    const asked: Query = { timeline: "r", layer: "fc1", source: "weights", at: 5, merged: null };
    await expect(broken.graph(asked)).rejects.toThrow("5.safetensors is damaged");
  });
});

describe("unpacking", () => {
  it("undoes base64 of gzip", async () => {
    const base64 = gzipSync(new Uint8Array(file("bundle.bin"))).toString("base64");
    expect(new Uint8Array(await unpack(`\n${base64}\n`))).toEqual(new Uint8Array(file("bundle.bin")));
  });

  it("says what is wrong", async () => {
    await expect(unpack("%%%")).rejects.toThrow("they are not base64");
    await expect(gunzip(Uint8Array.of(1, 2, 3))).rejects.toThrow("they cannot be unpacked");
  });
});

describe("the server's source", () => {
  afterEach(() => vi.unstubAllGlobals());
  const query: Query = { timeline: "a/b", layer: "conv 1", source: "outputs", at: 3, merged: null };

  function answering(response: () => Response): ReturnType<typeof vi.fn> {
    const fetched = vi.fn(async () => response());
    vi.stubGlobal("fetch", fetched);
    return fetched;
  }

  it("asks for pictures with the token", async () => {
    const fetched = answering(() => new Response(file("graph.bin")));
    const frame = await httpSource("", "secret").graph({ ...query, merged: "c" });
    expect(frame.units).toBe(6);
    const [address, options] = fetched.mock.calls[0] as [string, RequestInit];
    expect(address).toBe("api/timelines/a%2Fb/graph?layer=conv+1&source=outputs&at=3&merged=c");
    expect(options.headers).toEqual({ Authorization: "Bearer secret" });
  });

  it("asks below its base", async () => {
    const fetched = answering(() => Response.json({ timelines: [], problems: [] }));
    expect(await httpSource("http://localhost:1", "t").catalog()).toEqual({ timelines: [], problems: [] });
    expect(fetched.mock.calls[0]![0]).toBe("http://localhost:1/api/catalog");
  });

  it("makes timelines of the rows of a long catalog, and asks only for what is new", async () => {
    const layers = [{ name: "fc1", kind: "linear", units: 6, inputs: 4, chance: 0.25 }];
    const rows = { networks: [layers], id: ["a"], name: ["run a"], axis: ["step"], status: ["done"], moments: [7], objective: [null], network: [0] };
    const fetched = answering(() => Response.json({ timelines: [], rows, problems: ["one"] }, { headers: { ETag: '"tag"' } }));
    const source = httpSource("", "t");
    const catalog = await source.catalog();
    expect(catalog).toEqual({
      timelines: [{ id: "a", name: "run a", axis: "step", status: "done", moments: [], unread: 7, layers, withoutData: null, objective: null }],
      problems: ["one"],
    });
    fetched.mockImplementation(async () => new Response(null, { status: 304 }));
    expect(await source.catalog()).toBe(catalog);
    const [, options] = fetched.mock.calls[1] as unknown as [string, RequestInit];
    expect(options.headers).toEqual({ Authorization: "Bearer t", "If-None-Match": '"tag"' });
    fetched.mockImplementation(async () => Response.json({ id: "a" }));
    await source.timeline("a", true);
    expect(fetched.mock.calls[2]![0]).toBe("api/timelines/a?quick=1");
  });

  it("reads every kind of picture", async () => {
    answering(() => new Response(file("spectrum.bin")));
    expect((await httpSource("", "t").spectrum(query)).units).toBe(6);
    answering(() => new Response(file("removal.bin")));
    expect((await httpSource("", "t").removal(query)).units).toBe(6);
    answering(() => new Response(file("learning.bin")));
    expect((await httpSource("", "t").learning("a")).at.length).toBe(6);
    answering(() => Response.json({ id: "a" }));
    expect(await httpSource("", "t").timeline("a")).toEqual({ id: "a" });
  });

  it("gives the server's own sentence, or one of its own", async () => {
    answering(() => Response.json({ error: "no layer 'fc9'" }, { status: 400 }));
    await expect(httpSource("", "t").graph(query)).rejects.toThrow("no layer 'fc9'");
    answering(() => new Response("<html>", { status: 502 }));
    await expect(httpSource("", "t").graph(query)).rejects.toThrow("The server answers with error 502.");
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed")));
    await expect(httpSource("", "t").graph(query)).rejects.toThrow("is `surfeit view` still running?");
  });

  it("lets an aborted request be aborted", async () => {
    const stop = new AbortController();
    stop.abort();
    vi.stubGlobal("fetch", async () => Promise.reject(new DOMException("stopped", "AbortError")));
    await expect(httpSource("", "t").graph(query, stop.signal)).rejects.toThrow("stopped");
  });
});

describe("layouts that a page carries", () => {
  const source = bundleSource(file("bundle.bin"));
  const query = (layer: string, by: Query["source"] = "weights", merged: string | null = null): Query => ({ timeline: "", layer, source: by, at: 25, merged });

  it("are what Python wrote", async () => {
    expect(expected.layouts.length).toBe(12);
    for (const { kind, layer, source: by, values } of expected.layouts) {
      const asked = query(layer, by);
      const found = kind === "matrix" ? (await source.matrix(asked)).products : (await (kind === "plane" ? source.plane(asked) : source.map(asked, kind))).places;
      expect(found.length).toBe(values.length);
      values.forEach((value, at) => expect(found[at]).toBeCloseTo(value, 5));
    }
    const map = await source.map(query("fc1"), "tsne");
    expect([map.method, map.units, map.at, map.neighbours.length]).toEqual(["tsne", 6, [0, 5, 10, 15, 20, 25], 6]);
  });

  it("say why they are not there", async () => {
    const { withoutLayouts } = await source.catalog();
    expect(Object.keys(withoutLayouts!)).toEqual(["umap"]);
    await expect(source.plane(query("fc1", "outputs"))).rejects.toThrow("does not hold the principal components");
    const pack = decode(file("bundle.bin"));
    const charts = (pack.header["charts"] as { kind: string }[]).map((chart) => (["plane", "tsne", "matrix"].includes(chart.kind) ? { ...chart, kind: "other" } : chart));
    const old = bundleSource(withHeader(file("bundle.bin"), { charts }));
    expect(Object.keys((await old.catalog()).withoutLayouts!)).toEqual(["plane", "tsne", "umap", "matrix"]);
    await expect(old.matrix(query("fc1"))).rejects.toThrow("carried for layers of up to 320 units");
    await expect(old.map(query("fc1"), "tsne")).rejects.toThrow("written without t-SNE maps: `surfeit export --maps`");
  });

  it("of two runs are cut to the first where it is shown alone", async () => {
    const merged = bundleSource(file("merged.bin"));
    const [both, alone] = [await merged.plane(query("fc1", "weights", "two")), await merged.plane(query("fc1"))];
    expect([both.units, alone.units]).toEqual([12, 6]);
    expect(Array.from(alone.places.subarray(12, 24))).toEqual(Array.from(both.places.subarray(24, 36)));
    expect(alone.share.every((share) => share === null)).toBe(true);
    expect((await merged.matrix(query("fc1"))).instead).toBeNull();
    expect((await merged.matrix({ ...query("fc1"), at: 5 })).instead).toBe("this is the matrix of epoch 5, the only one that this page holds");
    expect((await merged.matrix({ ...query("fc1"), at: 5 })).at).toBe(25);
    const [whole, part] = [await merged.matrix(query("fc1", "weights", "two")), await merged.matrix(query("fc1"))];
    expect([whole.units, part.units, part.products.length]).toEqual([12, 6, 36]);
    expect(part.products[6 * 2 + 5]).toBe(whole.products[12 * 2 + 5]);
  });
});

describe("pictures of units", () => {
  const query: Query = { timeline: "x", layer: "fc1", source: "weights", at: 25, merged: null };

  it("are not in a page that was written without them, which says so", async () => {
    const source = bundleSource(file("bundle.bin"));
    const [timeline] = (await source.catalog()).timelines;
    const own = { ...query, timeline: timeline!.id };
    const words = "This page does not hold pictures of these units: `surfeit view` shows them.";
    await expect(source.pictures!.weights(own)).rejects.toThrow(words);
    await expect(source.pictures!.why(own)).rejects.toThrow(words);
    expect(source.pictures!.driving).toBe(null);
  });

  it("have the numbers that Python sends", async () => {
    const kinds = { weight: "i1", weight_largest: "f4", update: "i1", update_largest: "f4" };
    const found = weightPicturesOf(pack({ shape: [1, 4, 6], pooled: 2, why: null }, kinds));
    expect(found).toMatchObject({ shape: [1, 4, 6], pooled: 2, why: null, weightLargest: new Float32Array(0) });
  });
});

it("opens groups and graphs of an older Surfeit, which hold more", () => {
  const more = { kept: [0.9], norm: 2, moved: null };
  const header = { source: "updates", units: 2, own: 2, at: [0], groups: 1, own_cosine: [null], random_cosine: [null], note: null };
  expect(courseFrame(pack({ ...header, ...more }, { labels: "u1" })).groups).toBe(1);
  const old = withHeader(file("graph.bin"), { neighbours: 5 });
  expect(graphFrame(old).neighbours).toBe(graphFrame(file("graph.bin")).neighbours);
});
