/**
 * The key of a usage row within its partition, and the order of rows by it.
 */
import type { Revision, UsageRow } from "./Table.ts";

const periodOf = (row: UsageRow): number => ("period_start" in row ? row.period_start : 0);

export const sourceOf = (row: UsageRow): string => ("source_id" in row ? row.source_id : "");

/** Period start, day and source: what no two rows of a partition share. */
export const keyOf = (row: UsageRow): string => `${periodOf(row)}/${row.day}/${sourceOf(row)}`;

export const byKey = (a: UsageRow, b: UsageRow): number =>
  periodOf(a) - periodOf(b) || a.day - b.day || (sourceOf(a) < sourceOf(b) ? -1 : sourceOf(a) > sourceOf(b) ? 1 : 0);

/** Without the day: the series that a row belongs to. */
export const seriesOf = (row: UsageRow): string => `${periodOf(row)}/${sourceOf(row)}`;

/** Whether rows are in key order and no two share a key: what most walks are, and what is told without a text for each key. */
export const areAscending = (rows: ReadonlyArray<UsageRow>): boolean =>
  rows.every((row, index) => index === 0 || byKey(rows[index - 1]!, row) < 0);

/** Versions of one key by the moment at which they were observed. */
export const byVersion = (a: Revision, b: Revision): number => byKey(a, b) || a.observed_at - b.observed_at;

/** Whether two versions of a row say the same; when they were observed does not count. */
export const sameFigures = (a: UsageRow, b: UsageRow): boolean => {
  for (const name of Object.keys(a) as Array<keyof UsageRow>) {
    if (name !== "observed_at" && a[name] !== b[name]) return false;
  }
  return true;
};
