// What a state means where it is opened: which run, layer and moment are to be shown, and what has
// to be said where they are not those that were asked for.

import { layerName } from "../layers";
import type { Catalog, Layer, Moment, Query, Timeline, ViewState } from "../types";
import { nearestNames } from "./nearest";
import { choicesOf } from "./usual";

/** What is shown. */
export interface Scene {
  timeline: Timeline;
  merged: Timeline | null;
  layer: Layer;
  moment: Moment;
  /** The moment's place among the timeline's moments. */
  index: number;
  /** What was asked for and is not there, a sentence each. */
  notices: string[];
}

/** What of a state a scene rests on. */
export type Wish = Pick<ViewState, "run" | "merged" | "layer" | "at">;

/** The scene of a state; a sentence where there is nothing to show, null while what it needs is
 * `unreadOf`. */
export function sceneOf(catalog: Catalog, state: Wish): Scene | string | null {
  const notices: string[] = [];
  const timeline = timelineOf(catalog, state.run, notices);
  if (!timeline) return "There are no runs here yet. Record one with `surfeit train`, and it appears here.";
  const lacking = lackOf(timeline);
  if (lacking) return [...notices, lacking].join(" ");
  if (isUnread(timeline)) return null;
  const layer = layerOf(timeline, state.layer, notices);
  const merged = mergedOf(catalog, timeline, layer, state.merged, notices);
  if (merged && isUnread(merged)) return null;
  const index = state.at === null ? timeline.moments.length - 1 : nearestIndex(timeline.moments, state.at);
  return {
    timeline,
    merged,
    layer,
    index,
    moment: timeline.moments[index]!,
    notices,
  };
}

/** The timeline that a state means, whatever is known of it. */
export function meantBy(catalog: Catalog, state: Wish): Timeline | undefined {
  return timelineOf(catalog, state.run, []);
}

/** The timelines of a scene whose moments are still to be asked for. */
export function unreadOf(catalog: Catalog, state: Wish): string[] {
  const timeline = meantBy(catalog, state);
  if (!timeline || lackOf(timeline)) return [];
  const merged = mergedOf(catalog, timeline, layerOf(timeline, state.layer, []), state.merged, []);
  return [timeline, merged].flatMap((one) => (one && isUnread(one) ? [one.id] : []));
}

function isUnread({ unread }: Timeline): boolean {
  return unread !== undefined && unread > 0;
}

/** How many moments a timeline has, read or not. */
export function momentsIn({ moments, unread }: Timeline): number {
  return unread ?? moments.length;
}

/** The catalog with runs of one name told apart by the beginning of their keys. */
export function distinct(catalog: Catalog): Catalog {
  const count = new Map<string, number>();
  for (const { name } of catalog.timelines) count.set(name, (count.get(name) ?? 0) + 1);
  const named = catalog.timelines.map((timeline) =>
    count.get(timeline.name) === 1 ? timeline : { ...timeline, name: `${timeline.name} (${timeline.id.replace(/^tickets-/, "").slice(0, 6)})` },
  );
  return { ...catalog, timelines: named };
}

/** The picture that a scene needs. */
export function queryOf(scene: Scene, state: ViewState, at = scene.moment.at): Query {
  return {
    timeline: scene.timeline.id,
    layer: scene.layer.name,
    source: choicesOf(state, scene).source,
    at,
    merged: scene.merged?.id ?? null,
  };
}

/** What a question on single units of a scene's run rests on, or on those of the run beside it. */
export function unitQueryOf(scene: Scene, state: Parameters<typeof queryOf>[1], beside: boolean): Query {
  const query: Query = { ...queryOf(scene, state), source: "weights" };
  return beside ? query : { ...query, merged: null };
}

/** The timelines whose units of the layer may be added to these: same axis, layer and inputs. */
export function mergeable(catalog: Catalog, timeline: Timeline, layer: Layer): Timeline[] {
  return catalog.timelines.filter(
    (other) =>
      other.id !== timeline.id &&
      other.axis === timeline.axis &&
      momentsIn(other) > 0 &&
      other.layers.some(({ name, inputs }) => name === layer.name && inputs === layer.inputs),
  );
}

/** The moment that a run shows beside another one's: its last one that is not later. */
export function momentBeside(merged: Timeline, at: number): Moment {
  return merged.moments.findLast((moment) => moment.at <= at) ?? merged.moments[0]!;
}

/** The moment nearest to a step or level; the later one of two that are as near. */
export function nearestIndex(moments: readonly Moment[], at: number): number {
  let best = 0;
  moments.forEach((moment, index) => {
    if (Math.abs(moment.at - at) <= Math.abs(moments[best]!.at - at)) best = index;
  });
  return best;
}

/** A run by its identity, or by its beginning, or by a longer key than is known here. */
export function findTimeline(timelines: readonly Timeline[], wanted: string): Timeline | undefined {
  return (
    timelines.find(({ id }) => id === wanted) ??
    timelines.find(({ id }) => wanted.length >= 4 && (id.startsWith(wanted) || wanted.startsWith(id)))
  );
}

function timelineOf(catalog: Catalog, wanted: string | null, notices: string[]): Timeline | undefined {
  const first = catalog.timelines.find((timeline) => momentsIn(timeline) > 0) ?? catalog.timelines[0];
  if (wanted === null || !first) return first;
  const found = findTimeline(catalog.timelines, wanted);
  if (!found) notices.push(`There is no run ${wanted} here; this is ${first.name}.`);
  return found ?? first;
}

function lackOf(timeline: Timeline): string | null {
  if (timeline.layers.length === 0) return `${timeline.name} has no layer that could be shown.`;
  if (momentsIn(timeline) > 0) return null;
  if (timeline.status === "running") return `${timeline.name} has no snapshot yet; the first one will appear here.`;
  return `${timeline.name} was recorded without snapshots, so its weights cannot be shown. Choose another run, or train again with snapshots.`;
}

function layerOf(timeline: Timeline, wanted: string | null, notices: string[]): Layer {
  const first = timeline.layers[0]!;
  if (wanted === null) return first;
  const found = timeline.layers.find(({ name }) => name === wanted);
  if (found) return found;
  const near = nearestNames(wanted, timeline.layers.map(({ name }) => name));
  const shown = timeline.layers.find(({ name }) => name === near[0]) ?? first;
  const others = near.map(layerName);
  notices.push(`${timeline.name} has no layer ${wanted || "without a name"}; near it are ${others.join(", ")}. This is ${layerName(shown.name)}.`);
  return shown;
}

function mergedOf(
  catalog: Catalog,
  timeline: Timeline,
  layer: Layer,
  wanted: string | null,
  notices: string[],
): Timeline | null {
  if (wanted === null) return null;
  const found = findTimeline(mergeable(catalog, timeline, layer), wanted);
  if (!found && findTimeline([timeline], wanted)) {
    notices.push("A run cannot be shown beside itself.");
    return null;
  }
  if (!found) notices.push(`Run ${wanted} has no layer like ${layerName(layer.name)} here, so it is not added.`);
  return found ?? null;
}
