/**
 * Restatements: what a capture changed of figures that were reported before, and by how much. Pure.
 *
 * A figure is held against itself, on the last day on which it was held: days that came since are growth, and no restatement.
 */
import {
  datasetOf,
  type Instant,
  keyOf,
  type Partition,
  type Revision,
  seriesOf,
  sourceOf,
  type UsageRow,
} from "@segmeter/domain";
import { figureOf } from "./Figure.ts";

/** One series, the workspace's or a source's, within one period. */
export interface FigureChange {
  /** Undefined for the workspace's own figure. */
  readonly sourceId: string | undefined;
  /** The last day on which the series was held; the figures are cumulative up to it. */
  readonly day: Instant.EpochDay;
  /** MTU, or API calls. */
  readonly before: bigint;
  /** Undefined: the day is withdrawn. */
  readonly after: bigint | undefined;
}

export interface Restatement {
  readonly partition: Partition.Partition;
  readonly measure: "mtu" | "api-calls";
  /** Rows that say something else now. */
  readonly corrected: number;
  /** Rows that are gone. */
  readonly withdrawn: number;
  /** Series whose figure is another one now, the largest change first. Rows may be corrected without any. */
  readonly changes: ReadonlyArray<FigureChange>;
}

/** Undefined when the capture only added rows, or changed nothing. `held` and `rows` are in key order. */
export const restatementOf = (
  partition: Partition.Partition,
  held: ReadonlyArray<UsageRow>,
  rows: ReadonlyArray<UsageRow>,
  superseded: ReadonlyArray<Revision>,
): Restatement | undefined => {
  if (superseded.length === 0) return undefined;
  const now = new Map(rows.map((row) => [keyOf(row), row]));
  const corrected = superseded.filter((row) => now.has(keyOf(row))).length;
  const touched = new Set(superseded.map(seriesOf));
  // Of each series the last stays: key order has days ascending.
  const last = new Map(held.filter((row) => touched.has(seriesOf(row))).map((row) => [seriesOf(row), row]));
  const changes = [...last.values()].flatMap((row): ReadonlyArray<FigureChange> => {
    const version = now.get(keyOf(row));
    const [before, after] = [figureOf(row), version === undefined ? undefined : figureOf(version)];
    return before === after ? [] : [{ sourceId: sourceOf(row) || undefined, day: row.day, before, after }];
  });
  return {
    partition,
    measure: datasetOf(partition.dataset).measure,
    corrected,
    withdrawn: superseded.length - corrected,
    changes: changes.toSorted((a, b) => compare(sizeOf(b), sizeOf(a))),
  };
};

/** By how much a figure rose, or fell; a withdrawn one falls by all of it. */
export const differenceOf = ({ after = 0n, before }: FigureChange): bigint => after - before;

const sizeOf = (change: FigureChange): bigint => {
  const difference = differenceOf(change);
  return difference < 0n ? -difference : difference;
};

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
