// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Address } from "../../src/app/address";
import { mountViewer, type Mounted, type MountOptions } from "../../src/app/app";
import type { GraphFrame, Timeline } from "../../src/types";
import { MATRIX, planted, settle, standIn, timeline, type Planted, type StandIn } from "./planted";

let graph: StandIn;
vi.mock("../../src/graph/view", () => ({ createGraphView: () => graph }));

const KEY = "6f0cab05b9c64032b342c5b4a90b3621";
const OTHER = "886d152f10ee00000000000000000000";

let mounted: Mounted | null = null;
beforeEach(() => {
  vi.useFakeTimers();
  graph = standIn();
});
afterEach(() => {
  mounted?.destroy();
  mounted = null;
  document.body.replaceChildren();
  vi.useRealTimers();
});

interface Kept extends Address {
  hash: string;
  tell(hash: string): void;
}

function keptAddress(hash: string): Kept {
  let heard: (hash: string) => void = () => undefined;
  const address: Kept = {
    hash,
    read: () => address.hash,
    write: (next) => void (address.hash = next),
    listen: (changed) => ((heard = changed), () => undefined),
    link: (next) => next,
    tell: (next) => heard(next),
  };
  return address;
}

async function opened(source: Planted, hash = "", options: MountOptions = {}) {
  const address = keptAddress(hash);
  const host = document.createElement("div");
  document.body.append(host);
  mounted = mountViewer(host, source, { address, ...options });
  await wait(1000);
  const root = host.shadowRoot!;
  const text = (selector: string): string => root.querySelector(selector)?.textContent ?? "";
  const find = <T extends Element>(selector: string): T => root.querySelector<T>(selector)!;
  const press = (key: string, on: EventTarget = find(".viewer")): void =>
    void on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
  return { source, address, host, root, text, find, press };
}

async function wait(milliseconds = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settle();
}

const last = (name: string): unknown => graph.calls.filter(([called]) => called === name).at(-1)?.[1];

describe("the page", () => {
  it("says what it shows", async () => {
    const { text, address } = await opened(planted([timeline(KEY)]));
    expect(text(".lead")).toBe("Each mark is a unit of fc1; joined are units whose weight vectors point the same way, cosine at least 0.25. Weight vectors are compared since what training added is not known: the run has a single snapshot.");
    expect(text(".status")).toBe("epoch 4 of 4 · step 400 · 5 linked units, 1 isolated · 4 links from cosine 0.25");
    expect(address.hash).toBe("");
  });

  it("gives the graph its picture, links and looks", async () => {
    await opened(planted([timeline(KEY)]), "#sel=3,17&pin=2&charge=-60&frozen=1");
    const [frame, options] = last("frame") as [GraphFrame, { fresh: boolean }];
    expect(frame.units).toBe(6);
    expect(options.fresh).toBe(true);
    expect(last("links")).toMatchObject({ sigma: 0.5, twins: false });
    expect(last("appearance")).toMatchObject({ radius: expect.any(Float32Array) });
    expect([last("selected"), last("pinned"), last("frozen")]).toEqual([[3], [2], true]);
    expect(last("forces")).toMatchObject({ charge: -60 });
  });

  it("keeps places from moment to moment and not from layer to layer", async () => {
    const { press, find } = await opened(planted([timeline(KEY)]));
    press("ArrowLeft");
    await wait(50);
    expect((last("frame") as [GraphFrame, object])[1]).toEqual({ fresh: false, moved: true });
    const layer = find<HTMLSelectElement>(".toolbar .field:nth-child(3) select");
    layer.value = "fc2";
    layer.dispatchEvent(new Event("change"));
    await wait(50);
    expect((last("frame") as [GraphFrame, object])[1]).toMatchObject({ fresh: true });
  });

  it("goes by the keys and writes the address", async () => {
    const { press, text, address } = await opened(planted([timeline(KEY)]));
    press("Home");
    await wait(300);
    expect(text(".when")).toBe("epoch 0 of 4 · step 0");
    expect(address.hash).toBe("#v=2&t=0");
    press("]");
    await wait(300);
    expect(text(".links")).toContain("from cosine 0.26");
  });

  it("follows the address", async () => {
    const { address, text } = await opened(planted([timeline(KEY)]));
    address.tell("#layer=fc2&t=100&sel=1");
    await wait(300);
    expect(text(".lead")).toContain("a unit of fc2");
    expect(text(".unit h3")).toBe("unit 1");
    expect(text(".when")).toBe("epoch 1 of 4 · step 100");
  });

  it("does not fetch a picture twice", async () => {
    const { source, press } = await opened(planted([timeline(KEY)]));
    for (const key of ["Home", "End", "Home", "End"]) {
      press(key);
      await wait(50);
    }
    expect(source.asked.map(({ at }) => at)).toEqual([400, 0]);
  });
});

describe("sizes", () => {
  it("are of one scale from the first moment to the last, whichever was opened", async () => {
    const source = planted([timeline(KEY)]);
    source.growing = true;
    const { press } = await opened(source, "#t=200");
    expect(source.asked.map(({ at }) => at)).toEqual([200]);
    expect(source.measured).toEqual(["fc1"]);
    const radius = (): number => (last("appearance") as { radius: Float32Array }).radius[5]!;
    const half = radius();
    press("End");
    await wait(300);
    expect((radius() / half) ** 2).toBeCloseTo(2, 4);
  });

  it("are those of the moments seen where the scale of all cannot be had", async () => {
    const source = planted([timeline(KEY)]);
    source.growing = true;
    source.scales = () => Promise.reject(new Error("a snapshot is broken"));
    const { press } = await opened(source, "#t=200");
    const radius = (): number => (last("appearance") as { radius: Float32Array }).radius[3]!;
    expect(radius()).toBeCloseTo(9, 0);
    press("Home");
    await wait(300);
    expect(radius()).toBe(2);
  });

  it("are asked for again where a run has grown, and serve until then", async () => {
    const source = planted([timeline(KEY, 4, { status: "running" })]);
    await opened(source);
    expect(source.measured).toEqual(["fc1"]);
    source.timelines = [timeline(KEY, 5)];
    await wait(3000);
    expect(source.measured).toEqual(["fc1", "fc1"]);
  });

  it("keep their scale while time plays, which waits for it", async () => {
    const source = planted([timeline(KEY)]);
    source.growing = true;
    const { press } = await opened(source, "#t=0&speed=30");
    graph.calls.length = 0;
    press(" ");
    await wait(1000);
    const radii = graph.calls.filter(([name]) => name === "appearance").map(([, look]) => (look as { radius: Float32Array }).radius[3]!);
    expect(radii.length).toBe(4);
    expect(radii.map((radius) => Number((radius / radii.at(-1)!).toFixed(4)) ** 2)).toEqual([0.25, 0.5, 0.75, 1].map((share) => expect.closeTo(share, 3)));
  });

  it("are told in the legend as large as they are drawn", async () => {
    const { root, text } = await opened(planted([timeline(KEY)]));
    const across = (): number[] => [...root.querySelectorAll(".sizes circle")].map((mark) => Number(mark.getAttribute("r")));
    expect(text(".sizes .name")).toBe("area: norm of the weight vector, on one scale for all moments");
    expect(across()[0]).toBeCloseTo(9);
    graph.heard.status!({ settled: true, drawn: 60, links: 4, zoom: 2, worker: true });
    await wait(50);
    expect(across()[0]).toBeCloseTo(18);
  });
});

describe("selecting", () => {
  it("in the graph shows in the panel, the table and the address", async () => {
    const { text, root, address } = await opened(planted([timeline(KEY)]));
    graph.heard.select!([2], false);
    await wait(300);
    expect(text(".unit h3")).toBe("unit 2");
    expect(root.querySelector("[data-unit='2']")!.getAttribute("aria-selected")).toBe("true");
    expect(address.hash).toBe("#v=2&sel=2");
    expect(last("selected")).toEqual([2]);
    graph.heard.select!([3], true);
    graph.heard.select!([2], true);
    await wait(300);
    expect(address.hash).toBe("#v=2&sel=3");
  });

  it("a neighbour or a row selects it", async () => {
    const { find, address } = await opened(planted([timeline(KEY)]), "#sel=2");
    find<HTMLButtonElement>(".neighbours button").click();
    await wait(300);
    expect(address.hash).toBe("#v=2&sel=1");
    find<HTMLElement>("[data-unit='5'] td").click();
    await wait(300);
    expect(address.hash).toBe("#v=2&sel=5");
  });

  it("what was searched for is marked, the rest stays, and Enter selects it", async () => {
    const { find, root, text, press, address } = await opened(planted([timeline(KEY)]));
    const input = find<HTMLInputElement>("input[type=search]");
    input.value = "isolated";
    input.dispatchEvent(new Event("input"));
    await wait(50);
    expect(text(".answer")).toBe("1 unit; Enter selects");
    const { opacity } = last("appearance") as { opacity: Float32Array };
    expect([...opacity]).toEqual([1, 1, 1, 1, 1, 1]);
    expect(last("found")).toEqual([5]);
    await wait(300);
    expect([...root.querySelectorAll<HTMLElement>("tbody [data-unit]")].map(({ dataset }) => dataset["unit"])).toEqual(["5", "0", "1", "2", "3", "4"]);
    expect([...root.querySelectorAll("tbody tr.found")]).toHaveLength(1);
    press("Enter", input);
    await wait(300);
    expect(address.hash).toBe("#v=2&sel=5");
    press("Escape");
    await wait(50);
    expect(input.value).toBe("");
    expect(last("found")).toEqual([]);
    press("Escape");
    await wait(300);
    expect(address.hash).toBe("");
  });

  it.each(["norm>99", "nonsense"])("what is selected stays where %s finds nothing", async (search) => {
    const { find, press, address } = await opened(planted([timeline(KEY)]), "#sel=2");
    const input = find<HTMLInputElement>("input[type=search]");
    input.value = search;
    input.dispatchEvent(new Event("input"));
    await wait(50);
    press("Enter", input);
    await wait(300);
    expect(last("selected")).toEqual([2]);
    expect(address.hash).toMatch(/sel=2$/);
  });

  it("names the one that is told of where several are selected", async () => {
    const { text, address } = await opened(planted([timeline(KEY)]), "#sel=3,2");
    expect(text(".unit h3")).toBe("last selected of 2: unit 2");
    address.tell("#sel=2");
    await wait(300);
    expect(text(".unit h3")).toBe("unit 2");
  });

  it("names the window while it has the whole of it, and only then", async () => {
    document.title = "a notebook";
    await opened(planted([timeline(KEY)]));
    expect(document.title).toBe("a notebook");
    mounted!.destroy();
    await opened(planted([timeline(KEY)]), "", { whole: true });
    expect(document.title).toBe("fc1 of run 6f0c – Surfeit");
  });
});

describe("links to the nearest", () => {
  it("join each unit with so many, and tell those above chance apart", async () => {
    const { text, root, find, address } = await opened(planted([timeline(KEY)]));
    const joins = find<HTMLSelectElement>(".number.wide select");
    joins.value = "nearest";
    joins.dispatchEvent(new Event("change"));
    await wait(300);
    expect(address.hash).toBe("#v=2&k=3");
    address.tell("#k=1");
    await wait(300);
    expect((last("frame") as [GraphFrame, object])[0].apart.length).toBe(5);
    expect((last("frame") as [GraphFrame, object])[1]).toEqual({ fresh: false, moved: false });
    expect(text(".links")).toBe("5 units with dark links, 1 without · 4 dark links from 0.25, 1 faint");
    expect(text(".lead")).toContain("each is joined with the unit nearest to it by the direction of their weight vectors. Dark are the 4 links above chance, cosine 0.25;");
    expect(root.querySelector(".note:not([hidden])")).toBeNull();
  });

  it("say so where none is above chance", async () => {
    const { text } = await opened(planted([timeline(KEY)]), "#k=1&cut=1");
    expect(text(".lead")).toContain("No link is above the cutoff, cosine 1.00; faint ones show who is nearest, be it by chance.");
  });

  it("say where not enough of them are carried", async () => {
    const { text } = await opened(planted([timeline(KEY)]), "#k=4");
    expect(text(".lead")).toContain("Dark are the 4 links above chance, cosine 0.25;");
    expect(text(".note:not([hidden])")).toBe("Of 6 units fewer than 4 nearest are carried; what is missing is not drawn.");
  });
});

describe("the picture that a training opens with", () => {
  const everyday = (): Planted => planted([timeline(KEY, 5, { withoutUpdates: null })]);
  const colours = (): number[] => [...(last("appearance") as { colour: Uint32Array }).colour];
  const likeness = (root: ShadowRoot, source: string): HTMLButtonElement => root.querySelector(`[data-source="${source}"]`)!;

  it("is what training added, with each unit's nearest, and says so", async () => {
    const { source, text, root, address } = await opened(everyday());
    expect(source.asked.map((query) => query.source)).toEqual(["updates"]);
    expect(text(".lead")).toMatch(/each is joined with the 3 units nearest to it by what training added to their weight vectors\. Dark are/);
    expect(text(".sizes .name")).toBe("area: norm of what training added, on one scale for all moments");
    expect(likeness(root, "updates").getAttribute("aria-pressed")).toBe("true");
    expect(address.hash).toBe("");
  });

  it("is one click from the other likenesses, and units keep their colours", async () => {
    const { source, root, text, address } = await opened(everyday());
    const before = colours();
    likeness(root, "weights").click();
    await wait(500);
    expect(source.asked.at(-1)).toMatchObject({ source: "weights" });
    expect(address.hash).toBe("#v=2&source=weights");
    expect(text(".lead")).toContain("joined are units whose weight vectors point the same way");
    expect(text(".lead")).not.toContain("not known");
    expect(colours()).toEqual(before);
    likeness(root, "updates").click();
    await wait(500);
    expect(text(".lead")).toContain("what training added");
  });

  it("colours groups that keep their identity over time, and says what they are worth", async () => {
    const { source, press, text, root } = await opened(everyday());
    const at = colours();
    expect(text(".legend h2")).toBe("Groups of units by what training added");
    expect([...root.querySelectorAll(".legend .entry")].map((entry) => entry.textContent)).toEqual(["1: 4", "2: 2"]);
    expect(text(".legend")).toContain("A way to follow units, not a discovery: mean cosine to the own group 0.81, in random groups 0.42.");
    press("Home");
    await wait(500);
    expect(source.followed).toEqual(["fc1"]);
    const first = colours();
    expect([0, 1, 3, 4].map((unit) => first[unit])).toEqual([0, 1, 3, 4].map((unit) => at[unit]));
    expect(first[2]).toBe(first[3]);
    expect([...root.querySelectorAll(".legend .entry")].map((entry) => entry.textContent)).toEqual(["1: 2", "2: 3", "none: 1"]);
    expect(text(".legend")).toContain("A way to follow units, not a discovery.");
  });

  it("colours by the class that a unit answers to most, where that is known", async () => {
    const { source, text, root } = await opened(everyday(), "#colour=class");
    expect(source.followed).toEqual(["fc1"]);
    expect(text(".legend h2")).toBe("Class that a unit answers to most");
    expect([...root.querySelectorAll(".legend .entry")].map((entry) => entry.textContent)).toEqual(["0: 2", "1: 2", "2: 1", "silent: 1"]);
    const shown = colours();
    expect([shown[0] === shown[3], shown[1] === shown[4], shown[0] === shown[1]]).toEqual([true, true, false]);
    const without = everyday();
    const courseOf = without.course.bind(without);
    without.course = async (query) => ({ ...(await courseOf(query)), classes: null });
    mounted?.destroy();
    expect((await opened(without, "#colour=class")).text(".legend .wrapped")).toBe("Not known: that takes examples of classes.");
  });

  it("says why there are no groups where they cannot be had", async () => {
    const source = everyday();
    source.course = () => Promise.reject(new Error("snapshot of step 100 is damaged"));
    const { text } = await opened(source);
    expect(text(".legend .wrapped")).toBe("Snapshot of step 100 is damaged.");
    expect(new Set(colours()).size).toBe(1);
  });

  it("asks for no groups of thousands of units unless they are wanted", async () => {
    const large = { name: "fc1", kind: "linear", units: 4096, inputs: 4, chance: 0.25 };
    const { source, find } = await opened(planted([timeline(KEY, 5, { withoutUpdates: null, layers: [large] })]));
    expect(source.followed).toEqual([]);
    const colour = [...find<HTMLElement>(".toolbar").querySelectorAll("select")].find((select) => [...select.options].some(({ value }) => value === "group"))!;
    expect(colour.value).toBe("cluster");
    colour.value = "group";
    colour.dispatchEvent(new Event("change"));
    await wait(300);
    expect(source.followed).toEqual(["fc1"]);
  });

  it("draws sizes by the norm of the weight vector on request", async () => {
    const { text } = await opened(everyday(), "#size=norm");
    expect(text(".sizes .name")).toBe("area: norm of the weight vector, on one scale for all moments");
  });
});

describe("the report's own mapping", () => {
  it("is a choice of its own: squared distances, sigma their mean, cutoff 0.37", async () => {
    const source = planted([timeline(KEY)]);
    const graphOf = source.graph.bind(source);
    source.graph = async (query, signal) => ({ ...(await graphOf(query, signal)), mean: 0.2 });
    const { find, text, address } = await opened(source);
    const joins = find<HTMLSelectElement>(".number.wide select");
    joins.value = "report";
    joins.dispatchEvent(new Event("change"));
    await wait(300);
    expect(address.hash).toBe("#v=2&map=report");
    const links = last("links") as { maxApart: number; sigma: number; squared: boolean };
    expect([links.sigma, links.squared]).toEqual([0.4, true]);
    // exp(-(d / 0.4)^2) >= 0.37, d = apart / 65535
    expect(links.maxApart / 65535).toBeCloseTo(0.4 * Math.sqrt(-Math.log(0.37)), 4);
    expect(text(".lead")).toContain("joined as in the report’s program, with σ the mean distance 0.40 and cutoff 0.37, are units whose weight vectors point the same way, cosine at least 0.20.");
    find<HTMLButtonElement>("button.link").click();
    await wait(300);
    expect(address.hash).toBe("");
    expect((last("links") as { squared: boolean }).squared).toBe(false);
  });

  it("says where the mean distance is not known", async () => {
    const { text } = await opened(planted([timeline(KEY)]), "#map=report");
    expect(text(".lead")).toContain("cosine at least 0.25.");
    expect(text("button.link")).toBe("The mean distance is not known here: back to the default");
  });
});

describe("the matrix", () => {
  it("stands in place of the graph, ordered by group, and says what its colours are", async () => {
    const { find, text, address } = await opened(planted([timeline(KEY)]), "#layout=matrix");
    expect(find<HTMLElement>(".matrix").hidden).toBe(false);
    expect(find<HTMLElement>(".matrix canvas").getAttribute("aria-label")).toBe("Similarity matrix of 6 units, ordered by group");
    expect(text(".lead")).toContain("Rows and columns are the units of fc1, ordered by group; colour is the cosine of their weight vectors: violet where they are alike");
    address.tell("#");
    await wait(300);
    expect(find<HTMLElement>(".matrix").hidden).toBe(true);
  });

  it("has the groups of its own moment where it is another one's", async () => {
    const source = planted([timeline(KEY)]);
    source.matrix = () => Promise.resolve({ ...MATRIX, at: 400, instead: "this is the matrix of epoch 4, the only one that this page holds" });
    const { text, press } = await opened(source, "#layout=matrix");
    press("Home");
    await wait(500);
    expect(text(".lead")).toContain("Bars show the groups. This is the matrix of epoch 4, the only one that this page holds.");
    // Of the first moment they would be 2, 3 and 1 without a group.
    expect(text(".legend")).toContain("1: 4");
    expect(text(".legend")).toContain("Cosine of two units");
  });

  it("says why it cannot be had", async () => {
    const source = planted([timeline(KEY)]);
    source.matrix = () => Promise.reject(new Error("the matrix shows up to 1,024 units, here are 4,096"));
    const { text, find } = await opened(source, "#layout=matrix");
    expect(text(".matrix p")).toBe("The matrix shows up to 1,024 units, here are 4,096.");
    expect(find<HTMLElement>(".matrix canvas").hidden).toBe(true);
  });
});

describe("a layout by principal components", () => {
  type Sent = { places: Float32Array; bounds: Record<string, number> } | null;

  it("is asked for once, places units at every moment on one scale, and says what it shows", async () => {
    const { source, press, text } = await opened(planted([timeline(KEY)]), "#layout=plane");
    expect(source.placed).toEqual(["fc1 weights"]);
    expect([...(last("places") as Sent)!.places]).toEqual([0, -4, 4, -4, 8, -4, 12, -4, 16, -4, 20, -4]);
    expect(text(".lead")).toContain("They lie by the first two principal components of their weight vectors (41 % of the variance), on one scale for all moments.");
    const { bounds } = (last("places") as Sent)!;
    expect(bounds).toMatchObject({ left: 0, right: 20, top: -4, bottom: expect.closeTo(0) });
    press("Home");
    await wait(500);
    expect([...(last("places") as Sent)!.places].every((place) => place === 0)).toBe(true);
    expect((last("places") as Sent)!.bounds).toEqual(bounds);
    expect(source.placed.length).toBe(1);
  });

  it("gives way to forces, and says why, where it cannot be had", async () => {
    const source = planted([timeline(KEY)]);
    source.plane = () => Promise.reject(new Error("principal components are not of outputs"));
    const { text, address } = await opened(source, "#layout=plane");
    expect(last("places")).toBeNull();
    expect(text(".lead")).toContain("Forces say where they lie: Principal components are not of outputs.");
    address.tell("#");
    await wait(300);
    expect(text(".lead")).not.toContain("Forces say");
  });
});

describe("a map of neighbours", () => {
  type Sent = { places: Float32Array } | null;

  it("is asked for by its method, and warns in the picture of what it does not show", async () => {
    const { source, text, find } = await opened(planted([timeline(KEY)]), "#layout=tsne");
    expect(source.placed).toEqual(["fc1 weights tsne"]);
    expect([...(last("places") as Sent)!.places]).toEqual([0, 1, 1, 0, 2, -1, 3, -2, 4, -3, 5, -4]);
    expect(text(".lead")).toContain(" They lie on a t-SNE map of who is next to whom.");
    expect(text(".picture-warning")).toBe(
      "On a t-SNE map distances mislead: only who stands beside whom counts. How far groups are apart, how large and how dense they look means nothing. " +
      "Of the 2 units nearest to one here, 1.7 on average are among the 2 most like it (trustworthiness 0.93: 1 is perfect, 0.5 chance).",
    );
    expect(find<HTMLElement>(".picture-warning").hidden).toBe(false);
  });

  it("says of which moment it is where that is another, and who is not on it", async () => {
    const { press, text, find, address } = await opened(planted([timeline(KEY)]), "#layout=umap");
    press("Home");
    await wait(500);
    expect(text(".picture-warning")).toMatch(/UMAP map.* The unit below has no place on it\.$/);
    press("ArrowRight");
    await wait(500);
    expect(text(".lead")).toContain("a UMAP map of who is next to whom, those of step 0, the nearest that there is.");
    address.tell("#");
    await wait(300);
    expect(find<HTMLElement>(".picture-warning").hidden).toBe(true);
  });

  it("is not offered where it cannot be shown, and the choice says why", async () => {
    const source = planted([timeline(KEY)]);
    source.catalog = () => Promise.resolve({ timelines: source.timelines, problems: [], withoutLayouts: { umap: "UMAP is not installed: pip install umap-learn" } });
    const { find } = await opened(source);
    const option = find<HTMLOptionElement>("option[value=umap]");
    expect([option.disabled, option.textContent]).toEqual([true, "UMAP map (not installed)"]);
    expect((option.closest("select") as HTMLSelectElement).title).toContain("pip install umap-learn");
    expect(find<HTMLOptionElement>("option[value=tsne]").disabled).toBe(false);
  });

  it("tells that it is being computed, and lets forces lay out till then", async () => {
    const source = planted([timeline(KEY)]);
    source.map = () => new Promise(() => undefined);
    const { text } = await opened(source, "#layout=tsne");
    expect(last("places")).toBeNull();
    expect(text(".lead")).toContain("The t-SNE map is being computed: the first time that can take a minute or two.");
  });
});

describe("the unit under the pointer", () => {
  it("is told of with its nearest, at the present moment", async () => {
    const { find, text } = await opened(planted([timeline(KEY)]));
    expect(find<HTMLElement>(".hover-card").hidden).toBe(true);
    graph.heard.hover!(2);
    await wait(50);
    // As from the table: it is told of there.
    expect(find<HTMLElement>(".hover-card").hidden).toBe(true);
    graph.element.dispatchEvent(new PointerEvent("pointermove", { clientX: 5, clientY: 5, bubbles: true }));
    graph.heard.hover!(3);
    graph.heard.hover!(2);
    await wait(50);
    expect(text(".hover-card .title")).toBe("unit 2");
    expect(text(".hover-card")).toContain("norm0.50");
    expect(text(".hover-card")).toContain("nearest (cosine)1 (0.80), 3 (0.60)");
    graph.heard.hover!(null);
    await wait(50);
    expect(find<HTMLElement>(".hover-card").hidden).toBe(true);
  });
});

describe("bad luck", () => {
  it("a broken moment is told of in its place, and the rest goes on", async () => {
    const source = planted([timeline(KEY)]);
    source.broken.add(200);
    const { text, find, press } = await opened(source, "#t=200");
    expect(text(".cover p")).toBe("Snapshot of step 200 is broken.");
    expect(find(".canvas").classList.contains("stale")).toBe(true);
    press("ArrowRight");
    await wait(50);
    expect(find<HTMLElement>(".cover").hidden).toBe(true);
  });

  it("play goes past it", async () => {
    const source = planted([timeline(KEY)]);
    source.broken.add(200);
    const { press, text } = await opened(source, "#t=0&speed=10");
    press(" ");
    await wait(1000);
    expect(text(".when")).toContain("epoch 4 of 4");
  });

  it("a run without snapshots says so, and another can be chosen", async () => {
    const { text, find } = await opened(planted([timeline(KEY, 0), timeline(OTHER)]), `#run=${KEY.slice(0, 12)}`);
    expect(text(".cover p")).toContain("run 6f0c was recorded without snapshots");
    const run = find<HTMLSelectElement>(".toolbar select");
    expect([...run.options].map(({ label, textContent }) => label || textContent)).toEqual(["run 6f0c (no snapshots)", "run 886d"]);
    run.value = OTHER;
    run.dispatchEvent(new Event("change"));
    await wait(50);
    expect(find<HTMLElement>(".cover").hidden).toBe(true);
    expect(text(".lead")).toContain("fc1");
  });

  it("a layer that is not there is told of beside the nearest one", async () => {
    const { text } = await opened(planted([timeline(KEY)]), "#layer=fc9");
    expect(text(".banners")).toContain("run 6f0c has no layer fc9; near it are fc1, fc2. This is fc1.");
    expect(text(".links")).toContain("4 links");
  });

  it("a server that has gone is told of, and found again", async () => {
    const { source, text, find, press } = await opened(planted([timeline(KEY)]));
    source.problem = Object.assign(new Error("The server does not answer."), { name: "ServerGone" });
    press("Home");
    await wait(100);
    expect(text(".banner.bad")).toContain("The server has stopped; start `surfeit view` again.");
    source.problem = null;
    await wait(5000);
    expect(find<HTMLElement>(".banner.bad").hidden).toBe(true);
    expect(text(".when")).toBe("epoch 0 of 4 · step 0");
    expect(find<HTMLElement>(".cover").hidden).toBe(true);
  });

  it("a catalog that cannot be read is told of", async () => {
    const source = planted([timeline(KEY)]);
    source.problem = new Error("this bundle is of a newer Surfeit");
    const { text } = await opened(source);
    expect(text(".cover p")).toBe("This bundle is of a newer Surfeit.");
  });
});

describe("a run being written", () => {
  it("is followed at its end", async () => {
    const { source, text } = await opened(planted([timeline(KEY, 2, { status: "running" })]));
    expect(text(".when")).toBe("epoch 1 of 1 · step 100");
    source.timelines = [timeline(KEY, 4, { status: "running" })];
    await wait(2500);
    expect(text(".when")).toBe("epoch 3 of 3 · step 300");
    source.timelines = [timeline(KEY, 5)];
    await wait(2500);
    source.timelines = [timeline(KEY, 9)];
    await wait(2500);
    expect(text(".when")).toBe("epoch 4 of 4 · step 400");
  });

  it("is not followed where one looks at an earlier moment", async () => {
    const { source, text } = await opened(planted([timeline(KEY, 3, { status: "running" })]), "#t=100");
    source.timelines = [timeline(KEY, 4, { status: "running" })];
    await wait(2500);
    expect(text(".when")).toBe("epoch 1 of 3 · step 100");
  });

  it("appears once its first snapshot is there", async () => {
    const { source, text } = await opened(planted([timeline(KEY, 0, { status: "running" })]));
    expect(text(".cover p")).toContain("no snapshot yet");
    source.timelines = [timeline(KEY, 1, { status: "running" })];
    await wait(2500);
    expect(text(".when")).toBe("epoch 0 of 0 · step 0");
  });
});

describe("two runs and levels", () => {
  it("asks for both and names both", async () => {
    const { source, text, root } = await opened(planted([timeline(KEY), timeline(OTHER)]), `#with=${OTHER.slice(0, 12)}&sel=4`);
    expect(source.asked.at(-1)).toMatchObject({ timeline: KEY, merged: OTHER });
    expect(text(".lead")).toContain("circles of run 6f0c, squares of run 886d");
    expect(text(".unit h3")).toBe("unit 1 of run 886d");
    expect([...root.querySelectorAll<HTMLElement>(".neighbours button")].map(({ textContent, title }) => [textContent, title])).toEqual([["unit 0′", "Select unit 0 of run 886d"]]);
    expect(root.querySelectorAll(".legend button")).toHaveLength(2);
  });

  it("the legend switches a run off", async () => {
    const { find, address, text } = await opened(planted([timeline(KEY), timeline(OTHER)]), `#with=${OTHER.slice(0, 12)}`);
    find<HTMLButtonElement>(".legend button[data-model='1']").click();
    await wait(300);
    expect(address.hash).toBe(`#v=2&with=${OTHER.slice(0, 12)}&hide=1`);
    expect(text(".links")).toContain("2 links");
  });

  it("a page that carries a second run shows both at first", async () => {
    const { source, address, root } = await opened(planted([timeline(KEY), timeline(OTHER)], false));
    expect(source.asked.at(-1)).toMatchObject({ timeline: KEY, merged: OTHER });
    await wait(300);
    expect(address.hash).toBe(`#v=2&with=${OTHER}`);
    expect(root.querySelectorAll(".toolbar .field:first-child option")).toHaveLength(1);
  });

  it("counts levels of tickets", async () => {
    const moments = [0, 1, 2].map((at) => ({ at, epoch: null, run: KEY }));
    const { text } = await opened(planted([timeline("tickets-abc-0", 0, { axis: "level", moments })]));
    expect(text(".when")).toBe("level 2 of 2");
  });
});

describe("in a notebook", () => {
  it("keys do not reach the shortcuts of the page around it", async () => {
    const { press, text, host } = await opened(planted([timeline(KEY)]));
    const heard = vi.fn();
    document.addEventListener("keydown", heard);
    press("Home");
    await wait(50);
    expect(text(".when")).toContain("epoch 0");
    expect(heard).not.toHaveBeenCalled();
    expect(host.hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
    document.removeEventListener("keydown", heard);
  });

  it("leaves nothing behind", async () => {
    const { host } = await opened(planted([timeline(KEY, 3, { status: "running" })]));
    mounted!.destroy();
    mounted = null;
    expect(host.shadowRoot!.childElementCount).toBe(0);
    expect(graph.calls.at(-1)![0]).toBe("destroy");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a long catalog that only names its runs", () => {
  const light = (id: string): Timeline => timeline(id, 0, { unread: 5 });

  function longSource(): { source: Planted; read: string[] } {
    const source = planted([timeline(KEY), light(OTHER)]);
    const read: string[] = [];
    source.timeline = async (id, quick) => {
      read.push(`${id} ${quick}`);
      if (source.problem) throw source.problem;
      return timeline(id);
    };
    return { source, read };
  }

  it("reads a run when it is chosen, once", async () => {
    const { source, read } = longSource();
    const { find } = await opened(source);
    const run = find<HTMLSelectElement>("select");
    expect(read).toEqual([]);
    run.value = OTHER;
    run.dispatchEvent(new Event("change"));
    await wait(1000);
    expect(read).toEqual([`${OTHER} true`]);
    expect(source.asked.at(-1)).toMatchObject({ timeline: OTHER, at: 400 });
  });

  it("says why a run cannot be read, and reads the next one", async () => {
    const { source } = longSource();
    const { find, text } = await opened(source);
    const run = find<HTMLSelectElement>("select");
    source.problem = new Error("run.json is damaged");
    run.value = OTHER;
    run.dispatchEvent(new Event("change"));
    await wait(1000);
    expect(text(".cover")).toContain("run.json is damaged");
    source.problem = null;
    run.value = KEY;
    run.dispatchEvent(new Event("change"));
    await wait(1000);
    expect(text(".cover")).not.toContain("damaged");
    run.value = OTHER;
    run.dispatchEvent(new Event("change"));
    await wait(1000);
    expect(source.asked.at(-1)).toMatchObject({ timeline: OTHER });
  });
});

describe("play while the scale is still being taken", () => {
  it("is not held up by that of a layer that is no longer shown", async () => {
    const source = planted([timeline(KEY)]);
    const asked = source.scales.bind(source);
    // That of fc1 never comes.
    source.scales = (query, signal) => (query.layer === "fc1" ? new Promise(() => undefined) : asked(query, signal));
    const { address, text, press } = await opened(source, "#t=200&speed=30");
    press(" ");
    await wait(300);
    expect(text(".when")).toContain("epoch 2 of 4");
    press(" ");
    address.tell("#layer=fc2&t=200&speed=30");
    await wait(300);
    press(" ");
    await wait(1000);
    expect(text(".when")).toContain("epoch 4 of 4");
  });
});
