/**
 * The rows of a usage table by column, each by what it means.
 */
import { columnNamed, type Columns, type Rows, rowsOf } from "./Columns.ts";
import type { Table, UsageRow } from "./Table.ts";

/** Where a table has no such column it is undefined. Instants in microseconds, days since 1970. */
export interface UsageColumns {
  /** Rows. */
  readonly length: number;
  readonly day: Float64Array;
  /** Places in `texts`. */
  readonly source: { readonly values: Uint32Array; readonly texts: ReadonlyArray<string> } | undefined;
  readonly period: { readonly start: Float64Array; readonly end: Float64Array } | undefined;
  readonly snapshotAt: Float64Array;
  /** By the column's name; cumulative within the period. */
  readonly counts: Readonly<Record<string, BigInt64Array>>;
}

/** Copies nothing. */
export const usageColumns = (table: Pick<Table, "columns" | "name">, columns: Columns): UsageColumns => {
  const values = (name: string) => columnNamed(table, columns, name)?.values;
  const numbers = (name: string) => values(name) as Float64Array;
  const source = columnNamed(table, columns, "source_id");
  return {
    length: columns.length,
    day: numbers("day"),
    source: source && { values: source.values as Uint32Array, texts: source.texts },
    period:
      values("period_start") === undefined ? undefined : { start: numbers("period_start"), end: numbers("period_end") },
    snapshotAt: numbers("snapshot_at"),
    counts: Object.fromEntries(
      table.columns.flatMap(({ name, type }) => (type === "BIGINT" ? [[name, values(name) as BigInt64Array]] : [])),
    ),
  };
};

/** Whether two rows are of one day of one period. */
export const isSameDay = ({ day, period }: UsageColumns, a: number, b: number): boolean =>
  day[a] === day[b] && (period === undefined || period.start[a] === period.start[b]);

/** Row by row. */
export const usageRowsOf = (table: Pick<Table, "columns" | "name">, rows: Rows): ReadonlyArray<UsageRow> =>
  rowsOf(table, rows) as unknown as ReadonlyArray<UsageRow>;
