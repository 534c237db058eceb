/**
 * Changes to figures already reported, as the real service makes them: a source is moved to another workspace, figures
 * are recounted, days come late.
 *
 * Guarantees: a restatement holds for both levels, since the workspace's figures are made from its sources; and later
 * restatements act upon the outcome of earlier ones.
 */
import type { Dataset } from "./Dataset.ts";
import type { MonthNumber } from "./Month.ts";
import { largest, measures, type SourceSeries, width } from "./Usage.ts";

/** One change to one month of one workspace. */
export interface Restatement {
  readonly workspaceId: string;
  /** Usage month, `YYYY-MM`. */
  readonly month: string;
  /** Limits it to the people, or to the API calls, at both levels. Default: both. */
  readonly dataset?: Dataset;
  /** Limits it to one source. Default: every source. */
  readonly sourceId?: string;
  /** Figures become this many thousandths of what they were, rounded down. */
  readonly factorPermille?: number;
  /** Added to `identified` and to `apiCalls` of each day; below what they can be, they stay at their least. */
  readonly delta?: bigint | number;
  /** Day of the period, from 1, on which `factorPermille` and `delta` begin to act. Default: 1. */
  readonly fromDay?: number;
  /** Takes the source out of the month: its rows vanish. Needs `sourceId`. */
  readonly withdraw?: boolean;
  /** Day of the period, from 1, after which there are no rows yet, 0 for none at all; a later restatement lets late days in. */
  readonly lastDay?: number;
}

/** A restatement with its month read. */
export interface Change extends Restatement {
  readonly monthNumber: MonthNumber;
}

/** Applies changes in order; the series given are left as they are. */
export function restateSeries(
  series: ReadonlyArray<SourceSeries>,
  changes: ReadonlyArray<Restatement>,
): ReadonlyArray<SourceSeries> {
  let restated = series;
  for (const change of changes) {
    if (change.withdraw === true) restated = restated.filter(({ source }) => source.id !== change.sourceId);
    if (change.factorPermille === undefined && change.delta === undefined) continue;
    restated = restated.map((one) =>
      change.sourceId === undefined || change.sourceId === one.source.id ? restateOne(one, change) : one,
    );
  }
  return restated;
}

/** The last day with rows, of 1-based days, that the changes leave; undefined when they say nothing about it. */
export function lastDayOf(changes: ReadonlyArray<Restatement>): number | undefined {
  return changes.findLast((change) => change.lastDay !== undefined)?.lastDay;
}

function restateOne(one: SourceSeries, change: Restatement): SourceSeries {
  const factor = BigInt(change.factorPermille ?? 1000);
  const delta = BigInt(change.delta ?? 0);
  const figures = one.figures.slice();
  const apart = one.apart?.slice() ?? new BigInt64Array(figures.length);
  for (let at = ((change.fromDay ?? 1) - 1) * width; at < figures.length; at++) {
    const measure = at % width;
    if (!concerns(change.dataset, measure)) continue;
    const scaled = scale(figures[at] as bigint, factor);
    // People tied to an anonymous id are among the identified, and were scaled one step before.
    const least = measure === 2 ? (figures[at - 1] as bigint) : 0n;
    const figure = measure >= 2 ? clamp(scaled + delta, least) : scaled;
    apart[at] = scale(apart[at] as bigint, factor) + figure - scaled;
    figures[at] = figure;
  }
  return { ...one, figures, apart };
}

function scale(figure: bigint, permille: bigint): bigint {
  return (figure * permille) / 1000n;
}

function clamp(figure: bigint, least: bigint): bigint {
  if (figure < least) return least;
  return figure > largest ? largest : figure;
}

function concerns(dataset: Dataset | undefined, measure: number): boolean {
  if (dataset === undefined) return true;
  return dataset.endsWith("mtu") === (measures[measure] !== "apiCalls");
}
