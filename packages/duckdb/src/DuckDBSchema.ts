/**
 * The DuckDB definitions that follow from the domain's table contract, and the tests whether a database holds them.
 *
 * Guarantees: the columns are those of `allColumns`, in that order, NOT NULL unless nullable. There are no primary keys:
 * measured, one makes replacing a month six times as slow and doubles the file; the sink checks keys before it appends.
 */
import { allColumns, type Column, revisionTables, type Table, tables } from "@segmeter/domain";
import { macroStatements } from "./DuckDBMacros.ts";
import { versionStatements } from "./DuckDBVersion.ts";
import { viewStatements } from "./DuckDBViews.ts";
import { quoteName, quoteText } from "./Quote.ts";

/**
 * Which capture of the ledger the rows of a partition belong to: the one that replaced it last. Kept beside `captures`
 * because nothing in there says so when old captures are recorded again, or come from another sink.
 * In a schema of its own, so that `main` has the same tables as the Parquet files.
 */
export const heldTable = {
  name: "internal.held_captures",
  columns: [
    { name: "workspace_id", type: "VARCHAR", doc: "Of the partition." },
    { name: "usage_month", type: "DATE", doc: "Of the partition." },
    { name: "dataset", type: "VARCHAR", doc: "Of the partition." },
    { name: "capture_id", type: "VARCHAR", doc: "The capture in `captures` that the partition's rows came from." },
  ],
} as const satisfies { readonly name: string; readonly columns: ReadonlyArray<Column> };

/** `name TYPE [NOT NULL], …` */
export const columnDefinitions = (columns: ReadonlyArray<Column>): string =>
  columns
    .map(({ name, nullable, type }) => `${quoteName(name)} ${type}${nullable === true ? "" : " NOT NULL"}`)
    .join(", ");

/** The definition of one table; does nothing where the table is. */
export const createTable = (table: Table): string =>
  `CREATE TABLE IF NOT EXISTS ${quoteName(table.name)} (${columnDefinitions(allColumns(table))})`;

/** What each column means, as DuckDB's own comments: `duckdb_columns()` shows them. */
const commentsOn = (table: Table): ReadonlyArray<string> =>
  allColumns(table).map(
    ({ doc, name }) => `COMMENT ON COLUMN ${quoteName(table.name)}.${quoteName(name)} IS ${quoteText(doc)}`,
  );

/**
 * Everything that a database gets when it is opened to be written to, in order: version, tables, comments, views, macros.
 * `found`: the version that it has, 0 for a new one. Each statement may be run again.
 */
export const schemaStatements = (found: number = 0): ReadonlyArray<string> => [
  "CREATE SCHEMA IF NOT EXISTS internal",
  `CREATE TABLE IF NOT EXISTS ${heldTable.name} (${columnDefinitions(heldTable.columns)})`,
  ...versionStatements(found),
  ...tables.flatMap((table) => [createTable(table), ...commentsOn(table)]),
  ...viewStatements(),
  ...macroStatements(),
];

/** Lists the columns of a database's own tables, as {@link strangeness} takes them; those of another schema with its name. */
export const listColumns = `
  SELECT if(schema_name = 'main', '', schema_name || '.') || table_name, string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_index)
  FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, table_name)
  WHERE database_name = current_database() AND schema_name IN ('main', 'internal')
  GROUP BY schema_name, table_name`;

/**
 * Why a database with these tables is not one of ours, or undefined when it is one (a new one included).
 * Tables that the user added beside ours are no reason.
 */
export const strangeness = (found: ReadonlyMap<string, string>): string | undefined => {
  const ours = tables.filter((table) => found.has(table.name));
  if (found.size > 0 && ours.length === 0) return "it holds tables, but none of segmeter's";
  const altered = ours.find((table) => found.get(table.name) !== signature(table));
  return altered && `its table ${altered.name} has other columns than segmeter's`;
};

/** A table that a database of this version lost, undefined when it has them all; one without any of ours is new. */
export const lostTable = (found: ReadonlySet<string>, version: number): string | undefined => {
  const expected =
    version >= 2
      ? [...tables.map(({ name }) => name), heldTable.name]
      : [...tables.map(({ name }) => name).filter((name) => !revisionNames.has(name)), "internal.held"];
  return version === 0 && tables.every(({ name }) => !found.has(name))
    ? undefined
    : expected.find((name) => !found.has(name));
};

const revisionNames: ReadonlySet<string> = new Set(Object.values(revisionTables).map(({ name }) => name));

const signature = (table: Table): string =>
  allColumns(table)
    .map(({ name, type }) => `${name} ${type}`)
    .join(", ");
