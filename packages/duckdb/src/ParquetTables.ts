/**
 * The Parquet files as tables: one view per table over `parquet/<table>/**\/data.parquet`, with the columns, the order and the
 * types of the DuckDB tables, so that the same queries and the same views stand over either.
 */
import { allColumns, type Column, partitionColumns, type Table, tables } from "@segmeter/domain";
import { join } from "node:path";
import { escapeGlob, quoteName, quoteText } from "./Quote.ts";

/** The files of a table as a glob of DuckDB's. */
const filesOf = (dataDir: string, table: Table): string =>
  join(escapeGlob(dataDir), "parquet", table.name, "**", "data.parquet");

/** One row for each table: its name, and whether it has any file. */
export const countFiles = (dataDir: string): string =>
  tables
    .map(
      (table) =>
        `SELECT ${quoteText(table.name)}, (SELECT count(*) > 0 FROM glob(${quoteText(filesOf(dataDir, table))}))`,
    )
    .join(" UNION ALL ");

/** Defines a table's view. Without files it is empty, and typed all the same: reading a glob that matches nothing is an error. */
export const tableView = (dataDir: string, table: Table, hasFiles: boolean): string => {
  const columns = allColumns(table);
  const query = hasFiles
    ? `SELECT ${columns.map(({ name, type }) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`).join(", ")} FROM ${read(dataDir, table)}`
    : `SELECT ${columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteName(name)}`).join(", ")} LIMIT 0`;
  return `CREATE VIEW ${quoteName(table.name)} AS ${query}`;
};

const read = (dataDir: string, table: Table): string =>
  `read_parquet(${quoteText(filesOf(dataDir, table))}, hive_partitioning = true, hive_types = {${hiveTypes(table)}})`;

// Without its type, an id that looks like a number would be one.
const hiveTypes = (table: Table): string =>
  partitionColumns(table)
    .map(({ name, type }: Column) => `${quoteName(name)}: ${type}`)
    .join(", ");
