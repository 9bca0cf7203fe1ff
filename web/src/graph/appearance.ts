// How each unit looks, and what the legend says of it, from a picture and the viewer's state.
import type { Appearance, Choices, ColourBy, GraphFrame, Legend, Scales, SizeBy, Spread } from "../types.ts";
import { countWithin } from "./apart.ts";
import { GREY, mixed, OKABE_ITO, shade } from "./colour.ts";
import { components } from "./components.ts";
import { byClass, byGroup, type Grouping } from "./groups.ts";
import { radiusOf, scalesOf, sizeMarks } from "./scales.ts";

/** What appearance depends on beside the picture and the state. */
export interface Extra {
  /** Links up to this make the components. */
  level: number;
  /** Units in the order in which they go; null if there is none. */
  order: Uint16Array | null;
  dark: boolean;
  /** The scale over all moments; if not given, that of this moment. */
  scales?: Scales | null;
  /** Units are pictures, which have to be larger than discs. */
  pictured?: boolean;
  /** The units' groups; a sentence: why there are none, null: not there yet. */
  grouping?: Grouping | string | null;
}

type Measured = Extra & { scales: Scales };

type Kinds = Legend["entries"];
type Painted = { colour: Uint32Array; isolated: Uint8Array | null; legend: Legend };

const CIRCLE = 0;
const SQUARE = 1;
const RING = 2;
const UNKNOWN: Kinds[number] = { label: "not known here", colour: GREY, shape: CIRCLE };
// Of a picture's radius to a disc's: of what is smaller nothing is seen.
const PICTURED = 1.5;
// Components of fewer units are not told apart by colour.
const SMALL = 3;
const COMPONENT_COLOURS = [
  OKABE_ITO.blue,
  OKABE_ITO.green,
  OKABE_ITO.vermillion,
  OKABE_ITO.purple,
  OKABE_ITO.skyBlue,
];

const PAINTERS: Record<ColourBy, (frame: GraphFrame, shown: Uint8Array, state: Choices, extra: Measured) => Painted> = {
  group: (frame, shown, _state, extra) => ({ ...byGroup(frame.units, shown, extra.grouping ?? null, extra.dark), isolated: null }),
  class: (frame, shown, _state, extra) => ({ ...byClass(frame.units, shown, extra.grouping ?? null, extra.dark), isolated: null }),
  cluster: (frame, shown, _state, extra) => byComponent(frame, shown, extra.level),
  norm: (frame, _shown, _state, { scales, dark }) => bySize(frame.norm, scales.norm, "Norm of the weight vector", dark),
  moved: (frame, _shown, _state, { scales, dark }) => bySize(frame.moved, scales.moved, "Size of what training added", dark),
  movement: (frame, _shown, _state, { scales, dark }) => byMovement(frame, scales.angle, dark),
  removal: (frame, _shown, state, extra) => byRemoval(frame, extra, state.criterion),
  model: (frame) => byModel(frame),
  kept: (frame, _shown, _state, { dark }) => byKept(frame, dark),
};

/** The units' colours, sizes and shapes, and their legend. */
export function appearanceOf(
  frame: GraphFrame,
  state: Choices,
  extra: Extra,
): { appearance: Appearance; legend: Legend } {
  const shown = shownUnits(frame, state.hidden);
  const scales = extra.scales ?? scalesOf(frame);
  const { colour, isolated, legend } = PAINTERS[state.colour](frame, shown, state, { ...extra, scales });
  const merged = frame.own < frame.units;
  const shape = Uint8Array.from(shown, (_, unit) => {
    if (merged) return unit < frame.own ? CIRCLE : SQUARE;
    return isolated?.[unit] ? RING : CIRCLE;
  });
  const opacity = Float32Array.from(frame.kept, opacityOf);
  // Beside another run shape tells the runs apart, and only that.
  const entries = legend.entries.map((entry) => (merged ? { ...entry, shape: CIRCLE } : entry));
  if (legend.scale && shown.some((here, unit) => here && colour[unit] === GREY)) entries.push(UNKNOWN);
  if (merged) entries.push(...modelKinds(frame, state, extra.dark));
  const spread = scales[state.size];
  const larger = extra.pictured ? PICTURED : 1;
  const radius = frame[state.size].map((size, unit) => (shown[unit] ? larger * radiusOf(size, spread) : 0));
  const marks = sizeMarks(spread).map(({ label, radius }) => ({ label, radius: larger * radius }));
  return {
    appearance: { colour, radius, opacity, shape },
    legend: { ...legend, entries, sizes: { title: `area: ${SIZES[state.size]}${extra.scales ? ", on one scale for all moments" : ""}`, marks } },
  };
}

const SIZES: Record<SizeBy, string> = {
  norm: "norm of the weight vector",
  moved: "norm of what training added",
};

/** 1 for each unit that is drawn: its model is on and a mask left it some weight. */
export function shownUnits(frame: GraphFrame, hidden: readonly number[]): Uint8Array {
  return Uint8Array.from(frame.kept, (kept, unit) =>
    kept > 0 && !hidden.includes(unit < frame.own ? 0 : 1) ? 1 : 0,
  );
}

function byComponent(frame: GraphFrame, shown: Uint8Array, level: number): Painted {
  const { of, sizes } = components(frame, countWithin(frame.apart, level), shown);
  const coloured = Math.min(sizes.filter((size) => size >= SMALL).length, COMPONENT_COLOURS.length);
  const isolated = Uint8Array.from(of, (component) => (sizes[component] === 1 ? 1 : 0));
  const colour = Uint32Array.from(of, (component, unit) => {
    if (isolated[unit]) return OKABE_ITO.orange;
    return component >= 0 && component < coloured ? COMPONENT_COLOURS[component] : GREY;
  });
  const entries = componentKinds(sizes, coloured);
  return { colour, isolated, legend: { title: "Components", entries, scale: null } };
}

function componentKinds(sizes: number[], coloured: number): Kinds {
  const entries: Kinds = sizes.slice(0, coloured).map((size, place) => ({
    label: `${place === 0 ? "largest component" : `component ${place + 1}`}: ${counted(size)}`,
    colour: COMPONENT_COLOURS[place],
    shape: CIRCLE,
  }));
  const small = sizes.slice(coloured).filter((size) => size > 1);
  if (small.length > 0) {
    const units = small.reduce((sum, size) => sum + size, 0);
    const groups = small.length === 1 ? "1 small component" : `${small.length} small components`;
    entries.push({ label: `${groups}: ${counted(units)}`, colour: GREY, shape: CIRCLE });
  }
  const alone = sizes.filter((size) => size === 1).length;
  if (alone > 0) entries.push({ label: `isolated: ${counted(alone)}`, colour: OKABE_ITO.orange, shape: RING });
  return entries;
}

function bySize(sizes: Float32Array, spread: Spread | null, title: string, dark: boolean): Painted {
  if (spread === null) return unknown(sizes.length, title);
  const legend = scaled(title, short(spread.low), short(spread.high), dark);
  return { colour: byScale(sizes, spread, dark), isolated: null, legend };
}

function byMovement(frame: GraphFrame, spread: Spread | null, dark: boolean): Painted {
  const title = "Angle from the initial weight vector";
  if (spread === null) return unknown(frame.units, title);
  const degrees = (angle: number): string => `${Math.round((angle * 180) / Math.PI)}°`;
  const legend = scaled(title, degrees(spread.low), degrees(spread.high), dark);
  return { colour: byScale(frame.angle, spread, dark), isolated: null, legend };
}

function byRemoval(frame: GraphFrame, { order, dark }: Extra, criterion: string): Painted {
  const title = `Removal order by ${criterion.replaceAll("_", " ")}`;
  if (order === null) return unknown(frame.units, title);
  const colour = new Uint32Array(frame.units).fill(GREY);
  const last = Math.max(order.length - 1, 1);
  order.forEach((unit, place) => {
    if (unit < colour.length) colour[unit] = shade(1 - place / last, dark);
  });
  const legend = scaled(title, "first to go", "last to go", dark);
  legend.scale?.colours.reverse();
  return { colour, isolated: null, legend };
}

function byModel(frame: GraphFrame): Painted {
  const colour = Uint32Array.from(frame.norm, (_, unit) => modelColour(unit < frame.own ? 0 : 1));
  const entries: Kinds =
    frame.own < frame.units ? [] : [{ label: counted(frame.units), colour: modelColour(0), shape: CIRCLE }];
  return { colour, isolated: null, legend: { title: "Run", entries, scale: null } };
}

function byKept(frame: GraphFrame, dark: boolean): Painted {
  const legend = scaled("Weights kept by the mask", "0 %", "100 %", dark);
  // Units fade as they lose weights: the legend shows the colours that are seen.
  legend.scale!.colours = legend.scale!.colours.map((colour, step) => mixed(dark ? 0x17191c : 0xffffff, colour, opacityOf(step / 15)));
  return { colour: byScale(frame.kept, { low: 0, high: 1 }, dark), isolated: null, legend };
}

/** One entry a model, by which it can be switched off; coloured only where colour tells the models. */
function modelKinds(frame: GraphFrame, state: Choices, dark: boolean): Kinds {
  const plain = dark ? 0xdddddd : 0x444444;
  return [state.run ?? "first model", state.merged ?? "second model"].map((name, model) => ({
    label: `${name}: ${counted(model === 0 ? frame.own : frame.units - frame.own)}`,
    colour: state.colour === "model" ? modelColour(model) : plain,
    shape: model === 0 ? CIRCLE : SQUARE,
    model,
  }));
}

function modelColour(model: number): number {
  return model === 0 ? OKABE_ITO.blue : OKABE_ITO.vermillion;
}

/** Units fade as a mask takes their weights. */
function opacityOf(kept: number): number {
  return 0.3 + 0.7 * Math.sqrt(clamped(kept));
}

function unknown(units: number, title: string): Painted {
  return { colour: new Uint32Array(units).fill(GREY), isolated: null, legend: { title, entries: [UNKNOWN], scale: null } };
}

function byScale(values: Float32Array, { low, high }: Pick<Spread, "low" | "high">, dark: boolean): Uint32Array {
  const width = high > low ? high - low : 1;
  return Uint32Array.from(values, (value) =>
    Number.isFinite(value) ? shade((value - low) / width, dark) : GREY,
  );
}

function scaled(title: string, low: string, high: string, dark: boolean): Legend {
  const colours = Array.from({ length: 16 }, (_, step) => shade(step / 15, dark));
  return { title, entries: [], scale: { colours, low, high } };
}

function counted(units: number): string {
  return units === 1 ? "1 unit" : `${units} units`;
}

function short(value: number): string {
  return Number(value.toPrecision(2)).toString();
}

function clamped(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
