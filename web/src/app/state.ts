// What the address holds: the view's state as text and back. Defaults are left out, numbers that
// are out of range are brought into it, and what is not known is passed over.

import { DEFAULT_FORCES, RANGES } from "../graph/forces";
import type { ColourBy, Forces, LayoutBy, MarksBy, SizeBy, SliderBy, SourceOfSimilarity, ViewState } from "../types";
import { DEFAULT_SIGMA, DEFAULT_SPEED, MOST_UNITS, NEAREST, SIGMA, SPEED, within } from "./limits";
import { formatNumbers, parseNumbers } from "./numbers";

export const COLOURS: readonly ColourBy[] = ["group", "class", "cluster", "norm", "moved", "movement", "removal", "model", "kept"];
export const SIZES: readonly SizeBy[] = ["norm", "moved"];
export const MARKS: readonly MarksBy[] = ["discs", "weights", "updates"];
export const SLIDERS: readonly SliderBy[] = ["moment", "step", "log"];
export const LAYOUTS: readonly LayoutBy[] = ["force", "plane", "tsne", "umap", "matrix"];
const SOURCES: readonly SourceOfSimilarity[] = ["weights", "updates", "outputs"];
const MAPPINGS: readonly ViewState["mapping"][] = ["cosine", "report"];
/** What an address chooses among names, by what it calls that. */
const CHOICES: Readonly<Record<string, readonly string[]>> = { source: SOURCES, colour: COLOURS, size: SIZES, marks: MARKS, map: MAPPINGS, layout: LAYOUTS, slider: SLIDERS };
const FORCES = Object.keys(DEFAULT_FORCES) as (keyof Forces)[];

export const DEFAULT_STATE: ViewState = {
  run: null,
  merged: null,
  layer: null,
  source: null,
  at: null,
  cut: null,
  sigma: DEFAULT_SIGMA,
  colour: null,
  size: null,
  marks: "discs",
  criterion: "magnitude",
  forces: DEFAULT_FORCES,
  selected: [],
  pinned: [],
  twins: false,
  layout: "force",
  mapping: "cosine",
  nearest: null,
  trails: false,
  slider: "moment",
  frozen: false,
  hidden: [],
  speed: DEFAULT_SPEED,
  loop: false,
};

/** What was usual when addresses began with v=1: they still mean it. */
const USUAL_ONCE: Partial<ViewState> = { source: "weights", colour: "cluster", size: "norm", nearest: 0 };

/** The least weight that a link between opposite units has: no cutoff lies below it. */
export function leastCut(sigma: number): number {
  return Math.exp(-2 / sigma ** 2);
}

/** The state that an address's hash tells of; everything else is as by default. */
export function parseState(hash: string): ViewState {
  const given = entries(hash);
  const sigma = within(number(given, "sigma") ?? DEFAULT_SIGMA, SIGMA);
  const cut = number(given, "cut");
  const at = number(given, "t");
  const nearest = number(given, "k");
  const usual = given.get("v") === "1" ? { ...DEFAULT_STATE, ...USUAL_ONCE } : DEFAULT_STATE;
  return {
    run: given.get("run") || null,
    merged: given.get("with") || null,
    layer: given.get("layer") ?? null,
    source: SOURCES.find((name) => name === given.get("source")) ?? usual.source,
    at: at === null ? null : Math.max(0, at),
    cut: cut === null ? null : Math.min(1, Math.max(leastCut(sigma), cut)),
    sigma,
    colour: COLOURS.find((name) => name === given.get("colour")) ?? usual.colour,
    size: SIZES.find((name) => name === given.get("size")) ?? usual.size,
    marks: MARKS.find((name) => name === given.get("marks")) ?? "discs",
    criterion: given.get("by") || DEFAULT_STATE.criterion,
    forces: parseForces(given),
    selected: parseNumbers(given.get("sel") ?? "", MOST_UNITS),
    pinned: parseNumbers(given.get("pin") ?? "", MOST_UNITS),
    twins: given.get("twins") === "1",
    mapping: MAPPINGS.find((name) => name === given.get("map")) ?? "cosine",
    layout: LAYOUTS.find((name) => name === given.get("layout")) ?? "force",
    nearest: nearest === null ? usual.nearest : Math.round(within(nearest, NEAREST)),
    trails: given.get("trails") === "1",
    slider: SLIDERS.find((name) => name === given.get("slider")) ?? "moment",
    frozen: given.get("frozen") === "1",
    hidden: parseNumbers(given.get("hide") ?? "", 2),
    speed: within(number(given, "speed") ?? DEFAULT_SPEED, SPEED),
    loop: given.get("loop") === "1",
  };
}

/** What an address asks for that is not known, a sentence each: it is shown as by default. */
export function unknownIn(hash: string): string[] {
  const given = entries(hash);
  return Object.entries(CHOICES).flatMap(([name, known]) => {
    const asked = given.get(name);
    if (!asked || known.includes(asked)) return [];
    return [`The address asks for ${name}=${asked}, which is not known: it can be ${known.join(", ")}.`];
  });
}

/** The hash that tells of a state, beginning with `#`; empty where all is as by default. */
export function formatState(state: ViewState): string {
  const parts: [string, string | null][] = [
    ["run", state.run],
    ["with", state.merged],
    ["layer", state.layer],
    ["source", state.source],
    ["t", state.at === null ? null : String(state.at)],
    ["cut", state.cut === null ? null : brief(state.cut)],
    ["sigma", state.sigma === DEFAULT_SIGMA ? null : brief(state.sigma)],
    ["colour", state.colour],
    ["size", state.size],
    ["marks", state.marks === "discs" ? null : state.marks],
    ["by", state.criterion === DEFAULT_STATE.criterion ? null : state.criterion],
    ...FORCES.map((name): [string, string | null] => [name, forceText(state.forces, name)]),
    ["sel", formatNumbers(state.selected) || null],
    ["pin", formatNumbers(state.pinned) || null],
    ["twins", state.twins ? "1" : null],
    ["map", state.mapping === "cosine" ? null : state.mapping],
    ["layout", state.layout === "force" ? null : state.layout],
    ["k", state.nearest === null ? null : String(state.nearest)],
    ["trails", state.trails ? "1" : null],
    ["slider", state.slider === "moment" ? null : state.slider],
    ["frozen", state.frozen ? "1" : null],
    ["hide", formatNumbers(state.hidden) || null],
    ["speed", state.speed === DEFAULT_SPEED ? null : brief(state.speed)],
    ["loop", state.loop ? "1" : null],
  ];
  // The only layer of a network may be called nothing at all.
  const told = parts.filter(([name, value]) => value !== null && (value !== "" || name === "layer"));
  if (told.length === 0) return "";
  return `#v=2&${told.map(([name, value]) => `${name}=${encoded(value as string)}`).join("&")}`;
}

function entries(hash: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of hash.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    if (at > 0) found.set(decoded(part.slice(0, at)), decoded(part.slice(at + 1)));
  }
  return found;
}

function parseForces(given: Map<string, string>): Forces {
  const forces = { ...DEFAULT_FORCES };
  for (const name of FORCES) {
    const value = number(given, name);
    if (value !== null) forces[name] = within(value, RANGES[name]);
  }
  return forces;
}

function forceText(forces: Forces, name: keyof Forces): string | null {
  return forces[name] === DEFAULT_FORCES[name] ? null : brief(forces[name]);
}

function number(given: Map<string, string>, name: string): number | null {
  const text = given.get(name)?.trim();
  if (!text) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** Five significant digits, without the zero before the point. */
function brief(value: number): string {
  return String(Number(value.toPrecision(5))).replace(/^(-?)0\./, "$1.");
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%2B", "+");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
