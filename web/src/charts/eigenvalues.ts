// What the spectrum's chart computes: bins, spikes, and which units carry an eigenvector.

import { bin } from "d3-array";

import type { SpectrumFrame } from "../types";

const BULK_BINS = 14; // bins across the noise
const MOST_BINS = 90;
const VANISHING = 1e-12; // of the largest eigenvalue: rounding alone
const SMALLEST = 1e-4; // of the largest eigenvalue: what lies below is not drawn

/** Bins of equal width on the logarithmic axis, one of them beginning at the spikes' threshold; wide
 * enough for a second spectrum too. */
export function binsOf({ eigenvalues, fit }: SpectrumFrame, second: SpectrumFrame | null = null): { edges: number[]; counts: number[]; others: number[] } {
  const largest = [...eigenvalues, ...(second?.eigenvalues ?? [])].reduce((most, value) => Math.max(most, value), 0);
  const above = (values: Float32Array): number[] => Array.from(values).filter((value) => value > SMALLEST * largest);
  const [drawn, other] = [above(eigenvalues), second ? above(second.eigenvalues) : []];
  // A layer of which a mask left little may have noise of no size at all.
  const lower = fit ? Math.max(fit.lower, fit.upper * 1e-3, SMALLEST * largest) : Infinity;
  const start = Math.log(Math.min(...drawn, ...other, lower) * 0.8);
  const stop = Math.log(Math.max(largest * 1.3, (fit?.threshold ?? 0) * 1.1));
  const bulk = fit && fit.upper > lower ? Math.log(fit.upper / lower) / BULK_BINS : (stop - start) / 40;
  const number = Math.round(Math.min(Math.max((stop - start) / bulk, 20), MOST_BINS));
  const width = (stop - start) / number;
  const shift = fit && fit.threshold > 0 ? remainder(Math.log(fit.threshold) - start, width) - width : 0;
  const logs = Array.from({ length: number + 2 }, (_, edge) => start + shift + width * edge);
  const within = bin<number, number>().domain([logs[0], logs[number + 1]]).thresholds(logs.slice(1, -1));
  const counted = (values: number[]): number[] => within(values.map(Math.log)).map((bin) => bin.length);
  return { edges: logs.map(Math.exp), counts: counted(drawn), others: counted(other) };
}

function remainder(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/** Eigenvalues above the noise, the largest first. */
export function spikesOf({ eigenvalues, fit }: SpectrumFrame): number[] {
  return fit ? Array.from(eigenvalues.subarray(0, fit.spikes)) : [];
}

/** Eigenvalues that the noise explains: all but spikes and those that vanish, as of dead units. */
export function noiseCount({ eigenvalues, fit }: SpectrumFrame): number {
  const largest = eigenvalues.reduce((most, value) => Math.max(most, value), 0);
  const there = eigenvalues.filter((value) => value > VANISHING * largest).length;
  return fit ? Math.max(there - fit.spikes, 0) : 0;
}

/** The fewest units that together carry half of an eigenvector's squared loading, heaviest first. */
export function carriersOf({ loadings, units }: SpectrumFrame, vector: number): number[] {
  const row = loadings.subarray(vector * units, (vector + 1) * units);
  const half = row.reduce((sum, value) => sum + value, 0) / 2;
  const heaviest = Array.from(row, (_, unit) => unit).sort((a, b) => row[b] - row[a] || a - b);
  const carriers: number[] = [];
  let carried = 0;
  for (const unit of heaviest) {
    if (carried >= half) break;
    carriers.push(unit);
    carried += row[unit];
  }
  return carriers;
}

/** The share of each leading eigenvector that lies on these units; none without units. */
export function sharesOf({ loadings, units, leading }: SpectrumFrame, selected: readonly number[]): number[] {
  const own = selected.filter((unit) => unit < units);
  if (own.length === 0) return [];
  return Array.from({ length: leading }, (_, vector) => own.reduce((sum, unit) => sum + loadings[vector * units + unit], 0));
}
