/**
 * The figures of one workspace and usage month, by source and day, and what the workspace as a whole is billed.
 *
 * Guarantees: every figure is cumulative within the period. On each day each source's figure ≤ the workspace's ≤ the
 * sum over the sources, for every measure, as people seen by two sources count once for the workspace.
 */
import type { DayNumber, Period } from "./Month.ts";
import type { Source } from "./Workspace.ts";

/** Cumulative figures, in the order in which `Figures` keeps them. `tied` is the wire's `anonymousIdentified`. */
export const measures = ["never", "tied", "identified", "apiCalls"] as const;

/** The number of measures. */
export const width = measures.length;

/**
 * Cumulative figures of one source, or of the workspace, over a period.
 * Shape: `width` entries a day, from the first day of the period on.
 */
export type Figures = BigInt64Array;

/** One source in one period. */
export interface SourceSeries {
  readonly source: Source;
  /** First day with a row. */
  readonly firstDay: DayNumber;
  readonly figures: Figures;
  /** The part of `figures` that was added (or taken away) later, and overlaps with no other source. */
  readonly apart?: Figures;
}

/** All of one workspace and month. */
export interface MonthUsage {
  readonly period: Period;
  /** Last day with a row; before `period.first` when there is none. */
  readonly lastDay: DayNumber;
  /** Shape: in the order of the workspace's sources; only those with rows in this month. */
  readonly series: ReadonlyArray<SourceSeries>;
  readonly workspace: Figures;
}

/** The largest count that fits where counts are kept: 2^63 − 1. */
export const largest = 2n ** 63n - 1n;

// `anonymous` is the sum of these two, and must fit as well.
const caps = [2n ** 62n - 1n, 2n ** 62n - 1n, largest, largest] as const;

/** How much of what the sources hold beyond the largest of them is new to the workspace, of 1000. */
const distinctPermille = 550n;

/**
 * What the workspace is billed for these sources.
 *
 * API calls belong to one source each, so they add up. People overlap: the figure lies between the largest source and
 * the sum, always at the same share of the way, so that it never falls while no source falls.
 */
export function workspaceFigures(period: Period, series: ReadonlyArray<SourceSeries>): Figures {
  const figures = new BigInt64Array((period.end - period.first) * width);
  for (let at = 0; at < figures.length; at++) {
    const day = period.first + Math.floor(at / width);
    const measure = at % width;
    const living = series.filter(({ firstDay }) => firstDay <= day);
    let sum = 0n;
    let top = 0n;
    let apart = 0n;
    let topOfShared = 0n;
    for (const one of living) {
      const figure = one.figures[at] as bigint;
      const own = one.apart?.[at] ?? 0n;
      sum += figure;
      apart += own;
      top = larger(top, figure);
      topOfShared = larger(topOfShared, figure - own);
    }
    const people = topOfShared + ((sum - apart - topOfShared) * distinctPermille) / 1000n + apart;
    // What was taken away later may have been more than what the other sources add to the largest.
    const figure = measures[measure] === "apiCalls" ? sum : larger(people, top);
    figures[at] = smaller(figure, caps[measure] as bigint);
  }
  return figures;
}

function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
