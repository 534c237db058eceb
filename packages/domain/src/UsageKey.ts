/**
 * The key of a usage row within its partition, and the order of rows by it.
 */
import { type ColumnData, type Columns, picked } from "./Columns.ts";
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
const orderAcross = (table: Table, a: Columns, b: Columns): ((inA: number, inB: number) => number) => {
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

/** Places of the rows of two lists, both in key order, whose keys are in both. */
export const withSameKeys = (table: Table, a: Columns, b: Columns): { readonly inA: Places; readonly inB: Places } => {
  const order = orderAcross(table, a, b);
  const [inA, inB]: [Array<number>, Array<number>] = [[], []];
  for (let one = 0, other = 0; one < a.length && other < b.length;) {
    const difference = order(one, other);
    if (difference === 0) {
      inA.push(one);
      inB.push(other);
    }
    if (difference <= 0) one++;
    if (difference >= 0) other++;
  }
  return { inA, inB };
};

type Places = ReadonlyArray<number>;

/** By pair of places, 1 where the one row says the same as the other; when they were observed does not count. */
export const areSameFigures = (table: Table, a: Columns, inA: Places, b: Columns, inB: Places): Uint8Array => {
  const same = new Uint8Array(inA.length).fill(1);
  for (const [index, { name }] of table.columns.entries()) {
    if (name === "observed_at") continue;
    const [one, other] = [a.data[index]!, b.data[index]!];
    if (one.values instanceof BigInt64Array) {
      compareCounts(one.values, inA, other.values as BigInt64Array, inB, same);
    } else if (one.values instanceof Uint32Array) {
      compareTextsAt(one, inA, other, inB, same);
    } else {
      compareNumbers(one.values as Float64Array, inA, other.values as Float64Array, inB, same);
    }
  }
  return same;
};

// One loop for each type: one for all would be compiled for none.
const compareNumbers = (a: Float64Array, inA: Places, b: Float64Array, inB: Places, same: Uint8Array): void => {
  for (let pair = 0; pair < inA.length; pair++) if (a[inA[pair]!] !== b[inB[pair]!]) same[pair] = 0;
};

const compareCounts = (a: BigInt64Array, inA: Places, b: BigInt64Array, inB: Places, same: Uint8Array): void => {
  for (let pair = 0; pair < inA.length; pair++) if (a[inA[pair]!] !== b[inB[pair]!]) same[pair] = 0;
};

const compareTextsAt = (a: ColumnData, inA: Places, b: ColumnData, inB: Places, same: Uint8Array): void => {
  for (let pair = 0; pair < inA.length; pair++) {
    if (a.texts[Number(a.values[inA[pair]!])] !== b.texts[Number(b.values[inB[pair]!])]) same[pair] = 0;
  }
};
