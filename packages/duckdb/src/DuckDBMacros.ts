/**
 * The macros: the views of every day, over the figures as they were known at an instant. The same SQL stands over the tables of a
 * DuckDB database and over Parquet files.
 *
 * - `workspace_mtu_as_of(ts)`, `source_mtu_as_of(ts)`, `workspace_api_calls_as_of(ts)`, `source_api_calls_as_of(ts)`: the columns
 *   of the view without `_as_of`; growth is that of the figures as they were known; names of sources are those of today
 *
 * `ts`: DATE (its midnight in UTC), TIMESTAMP (UTC), TIMESTAMPTZ, or text of any of them, whose offset counts; whatever the session's
 * TimeZone. NULL gives no rows, as does an instant before the first capture; text that is no instant is an error.
 *
 * DuckDB looks the tables up by the caller's search path: in a database that is attached under another name a macro works after
 * `USE <name>` alone, and a temporary view of a table's name stands in for the table.
 */
import { type Dataset, datasets, revisionTables, type Table, usageTables } from "@segmeter/domain";
import { dailyQuery } from "./DuckDBViews.ts";
import { quoteName } from "./Quote.ts";

/** What a table is called in SQL. */
export type Naming = (table: Table) => string;

const byName: Naming = ({ name }) => quoteName(name);

/** Rows as they were known at `instant`, a TIMESTAMP in SQL: the columns of the usage table, each version with its own `observed_at`. */
export const rowsAsOf = (dataset: Dataset, instant: string, naming: Naming = byName): string => {
  const table: Table = usageTables[dataset.table];
  const columns = ["workspace_id", "usage_month", ...table.columns.map(({ name }) => name)].map(quoteName).join(", ");
  const current = `SELECT ${columns} FROM ${naming(table)} WHERE observed_at <= ${instant}`;
  const superseded = `SELECT ${columns} FROM ${naming(revisionTables[dataset.table])} WHERE observed_at <= ${instant} AND ${instant} < superseded_at`;
  // Not UNION ALL: beside Parquet files that are just being replaced a version may be current and superseded at once.
  return `${current} UNION ${superseded}`;
};

/** The parameter as a TIMESTAMP in UTC. Cast to TIMESTAMP, an offset would be dropped; to TIMESTAMPTZ, the session's zone put in. */
const instantOf = (parameter: string): string =>
  `CASE WHEN regexp_matches(CAST(${parameter} AS VARCHAR), ':.*[+-]\\d\\d') THEN timezone('UTC', CAST(${parameter} AS TIMESTAMPTZ)) ELSE CAST(${parameter} AS TIMESTAMP) END`;

export interface Macro {
  /** Of a table macro with the one parameter `ts`. */
  readonly name: string;
  readonly dataset: Dataset;
}

export const macros: ReadonlyArray<Macro> = datasets.map((dataset) => ({
  name: dataset.table.replace("_daily", "_as_of"),
  dataset,
}));

/** Defines the macros; replaces those of an earlier version. */
export const macroStatements = (naming: Naming = byName): ReadonlyArray<string> =>
  macros.map(({ dataset, name }) => {
    // A subquery is evaluated even where there are no rows to compare with: what is no instant is an error then too.
    const query = dailyQuery(dataset, `(${rowsAsOf(dataset, "(SELECT instant FROM asked)", naming)})`);
    return `CREATE OR REPLACE MACRO ${quoteName(name)}(ts) AS TABLE WITH asked AS (SELECT ${instantOf("ts")} AS instant) ${query}`;
  });
