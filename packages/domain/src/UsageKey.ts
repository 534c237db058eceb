/**
 * The key of a usage row within its partition, and the order of rows by it.
 */
import { type ColumnData, columnNamed, type Columns } from "./Columns.ts";
import type { Revision, SourceMtuRow, Table, UsageRow } from "./Table.ts";

const periodOf = (row: UsageRow): number => (row as Partial<SourceMtuRow>).period_start ?? 0;

export const sourceOf = (row: UsageRow): string => (row as Partial<SourceMtuRow>).source_id ?? "";

/** Period start, day and source: what no two rows of a partition share. */
export const keyOf = (row: UsageRow): string => `${periodOf(row)}/${row.day}/${sourceOf(row)}`;

export const byKey = (a: UsageRow, b: UsageRow): number =>
  periodOf(a) - periodOf(b) || a.day - b.day || compareTexts(sourceOf(a), sourceOf(b));

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Without the day: the series that a row belongs to. */
export const seriesOf = (row: UsageRow): string => `${periodOf(row)}/${sourceOf(row)}`;

/** Whether rows are in key order and no two share a key: what most walks are, and what is told without a text for each key. */
export const areAscending = (rows: ReadonlyArray<UsageRow>): boolean =>
  rows.every((row, index) => index === 0 || byKey(rows[index - 1]!, row) < 0);

/** The same of rows by column. */
export const areColumnsAscending = (table: Table, columns: Columns): boolean => {
  const keys = ["period_start", "day", "source_id"].map((name) => columnNamed(table, columns, name));
  const [period, day, source] = keys;
  for (let index = 1; index < columns.length; index++) {
    const order =
      difference(period, index) ||
      difference(day, index) ||
      (source === undefined ? 0 : compareTexts(textAt(source, index - 1), textAt(source, index)));
    if (order >= 0) return false;
  }
  return true;
};

const difference = (data: ColumnData | undefined, index: number): number =>
  data === undefined ? 0 : Number(data.values[index - 1]) - Number(data.values[index]);

const textAt = ({ texts, values }: ColumnData, index: number): string => texts[Number(values[index])]!;

/** Versions of one key by the moment at which they were observed. */
export const byVersion = (a: Revision, b: Revision): number => byKey(a, b) || a.observed_at - b.observed_at;

/** Whether two versions of a row say the same; when they were observed does not count. */
export const sameFigures = (a: UsageRow, b: UsageRow): boolean => {
  for (const name of Object.keys(a) as Array<keyof UsageRow>) {
    if (name !== "observed_at" && a[name] !== b[name]) return false;
  }
  return true;
};
