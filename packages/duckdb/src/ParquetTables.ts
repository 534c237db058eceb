/**
 * The Parquet files as tables: one view per table over the `data.parquet` of its partitions, with the columns, the order and the
 * types of the DuckDB tables, so that the same queries and the same views stand over either.
 *
 * A revisions file is put in place before the usage file whose capture it belongs to. What is superseded after the capture that
 * the usage file names in its footer is no revision yet, and is not shown.
 */
import {
  allColumns,
  bookTables,
  type Column,
  datasets,
  partitionColumns,
  revisionTables,
  type Table,
  tables,
  usageTables,
} from "@segmeter/domain";
import { join } from "node:path";
import { emptyRows } from "./DuckDBVersion.ts";
import { escapeGlob, quoteName, quoteText } from "./Quote.ts";

/** The files of a table as a glob of DuckDB's; what lies elsewhere is in nobody's place. */
const filesOf = (dataDir: string, table: Table): string =>
  join(
    escapeGlob(dataDir),
    "parquet",
    table.name,
    ...partitionColumns(table).map(({ name }) => `${name}=*`),
    "data.parquet",
  );

/** One row for each table: its name, and whether it has any file. */
export const countFiles = (dataDir: string): string =>
  tables
    .map(
      (table) =>
        `SELECT ${quoteText(table.name)}, (SELECT count(*) > 0 FROM glob(${quoteText(filesOf(dataDir, table))}))`,
    )
    .join(" UNION ALL ");

/**
 * One row: whether a segmeter that knows revisions has captured into the directory. Every capturing command writes `runs` anew,
 * so that its files tell. Where there are none, the query is an error: ask {@link countFiles} first.
 */
export const isBroughtUp = (dataDir: string): string =>
  `SELECT count(*) > 0 FROM parquet_kv_metadata(${quoteText(filesOf(dataDir, bookTables.runs))})
    WHERE key = encode('segmeter.schema_version') AND value <> encode('1')`;

/**
 * The SELECT behind a table. Without files it is empty, and typed all the same: reading a glob that matches nothing is an error.
 * `hasFiles`: names of the tables that have any.
 */
export const tableQuery = (dataDir: string, table: Table, hasFiles: ReadonlySet<string>): string => {
  if (!hasFiles.has(table.name)) return emptyRows(table);
  const columns = allColumns(table).map(
    ({ name, type }) => `CAST(r.${quoteName(name)} AS ${type}) AS ${quoteName(name)}`,
  );
  const rows = `SELECT ${columns.join(", ")} FROM ${read(dataDir, table)} AS r`;
  const dataset = datasets.find((each) => revisionTables[each.table].name === table.name);
  if (dataset === undefined) return rows;
  const usage: Table = usageTables[dataset.table];
  if (!hasFiles.has(usage.name)) return emptyRows(table);
  const held = `(${heldCaptures(dataDir, usage)}) AS h`;
  return `${rows} JOIN ${held} ON h.workspace_id = r.workspace_id AND h.usage_month = r.usage_month AND r.superseded_at <= h.captured_at`;
};

/** One row for each usage file, from its footer alone: the partition, and when the capture that it holds was made. */
const heldCaptures = (dataDir: string, table: Table): string => {
  // Other keys are not looked into: they may be another program's, and no text at all.
  const keyOf = (name: string) => `encode('segmeter.${name}')`;
  const keys = ["workspace_id", "usage_month", "captured_at"].map(keyOf).join(", ");
  const value = (name: string) => `max(decode(value)) FILTER (key = ${keyOf(name)})`;
  return `SELECT ${value("workspace_id")} AS workspace_id, CAST(${value("usage_month")} AS DATE) AS usage_month, CAST(${value("captured_at")} AS TIMESTAMP) AS captured_at FROM parquet_kv_metadata(${quoteText(filesOf(dataDir, table))}) WHERE key IN (${keys}) GROUP BY file_name`;
};

/**
 * The partition is read from the end of the path: DuckDB's own way takes the first directory of a name, which may lie above the
 * data directory. A filter on it still leaves out files.
 */
const read = (dataDir: string, table: Table): string => {
  const partition = partitionColumns(table).map(({ name, type }: Column) => {
    const value = `regexp_extract(filename, ${quoteText(`.*[/\\\\]${name}=([^/\\\\]*)[/\\\\]`)}, 1, 's')`;
    return `CAST(url_decode(${value}) AS ${type}) AS ${quoteName(name)}`;
  });
  const files = `read_parquet(${quoteText(filesOf(dataDir, table))}, hive_partitioning = false, filename = true)`;
  return `(SELECT *, ${partition.join(", ")} FROM ${files})`;
};
