/**
 * The key of a usage row within its partition, and the order of rows by it.
 */
import { type Columns, picked, readerOf } from "./Columns.ts";
import type { Revision, SourceMtuRow, Table, UsageRow } from "./Table.ts";
import { type UsageColumns, usageColumns } from "./UsageColumns.ts";

const periodOf = (row: UsageRow): number => (row as Partial<SourceMtuRow>).period_start ?? 0;

export const sourceOf = (row: UsageRow): string => (row as Partial<SourceMtuRow>).source_id ?? "";

/** Period start, day and source: what no two rows of a partition share. */
export const keyOf = (row: UsageRow): string => `${periodOf(row)}/${row.day}/${sourceOf(row)}`;

export const byKey = (a: UsageRow, b: UsageRow): number =>
  periodOf(a) - periodOf(b) || a.day - b.day || compareTexts(sourceOf(a), sourceOf(b));

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Without the day: the series that a row belongs to. */
export const seriesOf = (row: UsageRow): string => `${periodOf(row)}/${sourceOf(row)}`;

/** Whether rows are in key order and no two share a key. */
export const areAscending = (table: Table, columns: Columns): boolean => {
  const order = orderIn(usageColumns(table, columns));
  for (let index = 1; index < columns.length; index++) if (order(index - 1, index) >= 0) return false;
  return true;
};

/** The same rows in key order; undefined where two share a key. */
export const inKeyOrder = (table: Table, columns: Columns): Columns | undefined => {
  if (areAscending(table, columns)) return columns;
  const places = Uint32Array.from({ length: columns.length }, (_, place) => place);
  const sorted = picked(table, columns, places.sort(orderIn(usageColumns(table, columns))));
  return areAscending(table, sorted) ? sorted : undefined;
};

/** The order of two rows by their keys, by their places. */
const orderIn = (rows: UsageColumns): ((a: number, b: number) => number) => {
  const start = rows.period?.start;
  const { day, source } = rows;
  const places = source?.values;
  const ranks = source === undefined ? [] : ranksOf(source.texts);
  return (a, b) =>
    (start === undefined ? 0 : start[a]! - start[b]!) ||
    day[a]! - day[b]! ||
    (places === undefined ? 0 : ranks[places[a]!]! - ranks[places[b]!]!);
};

/** The same of a row of the one and a row of the other. */
export const orderAcross = (table: Table, a: Columns, b: Columns): ((inA: number, inB: number) => number) => {
  const [one, other] = [usageColumns(table, a), usageColumns(table, b)];
  const sourceAt = ({ source }: UsageColumns, index: number) => source!.texts[source!.values[index]!]!;
  return (inA, inB) =>
    (one.period === undefined ? 0 : one.period.start[inA]! - other.period!.start[inB]!) ||
    one.day[inA]! - other.day[inB]! ||
    (one.source === undefined ? 0 : compareTexts(sourceAt(one, inA), sourceAt(other, inB)));
};

/** Of each text its place among all, in their order. */
const ranksOf = (texts: ReadonlyArray<string>): ReadonlyArray<number> => {
  const ranks: Array<number> = Array.from({ length: texts.length }, () => 0);
  const sorted = [...texts.keys()].sort((a, b) => compareTexts(texts[a]!, texts[b]!));
  for (const [rank, place] of sorted.entries()) ranks[place] = rank;
  return ranks;
};

/** Versions of one key by the moment at which they were observed. */
export const byVersion = (a: Revision, b: Revision): number => byKey(a, b) || a.observed_at - b.observed_at;

/** Whether two versions of a row say the same; when they were observed does not count. */
export const sameFigures = (a: UsageRow, b: UsageRow): boolean => {
  for (const name of Object.keys(a) as Array<keyof UsageRow>) {
    if (name !== "observed_at" && a[name] !== b[name]) return false;
  }
  return true;
};

/** Whether a row of the one says the same as a row of the other; when they were observed does not count. */
export const sameFiguresAt = (table: Table, a: Columns, b: Columns): ((inA: number, inB: number) => boolean) => {
  const columns = table.columns.flatMap(({ name, type }, index) =>
    name === "observed_at" ? [] : [[readerOf(type, a.data[index]!), readerOf(type, b.data[index]!)] as const],
  );
  return (inA, inB) => columns.every(([one, other]) => one(inA) === other(inB));
};

/** Whether they say the same, row for row. */
export const areSameFigures = (table: Table, a: Columns, b: Columns): boolean => {
  if (a.length !== b.length) return false;
  const isSame = sameFiguresAt(table, a, b);
  for (let index = 0; index < a.length; index++) if (!isSame(index, index)) return false;
  return true;
};
