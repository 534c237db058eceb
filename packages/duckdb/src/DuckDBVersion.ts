/**
 * The version of a database's layout, and the way from one to the next.
 *
 * - 1: no revisions, no macros, and no version in the file; held captures in the table `internal.held`
 * - 2: the revisions tables; held captures in `internal.held_captures`, the version in `internal.schema_version`
 *
 * Guarantees: a newer version is refused before anything is read or written. A segmeter that knows version 1 alone looks for no
 * version; in a database of version 2 it meets `internal.held` as a view that tells it so, before it has written any figure.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { allColumns, revisionTables, sinkError, type Table } from "@segmeter/domain";
import { quoteName, quoteText } from "./Quote.ts";

/** The version that this segmeter writes, and the newest that it reads. */
const schemaVersion = 2;

/** Of a database that has none of our tables yet. */
const noVersion = 0;

const listMarks = `
  SELECT
    count(*) FILTER (schema_name = 'internal' AND table_name = 'schema_version'),
    count(*) FILTER (schema_name = 'main' AND table_name = 'captures')
  FROM duckdb_tables() WHERE database_name = current_database()`;

/** The version of the connection's current database. Throws a `SinkError`: `Foreign` when it is newer, `Damaged` when it has several. */
export const readVersion = async (connection: DuckDBConnection, operation: string, path: string): Promise<number> => {
  const [[versioned, ours] = []] = await (await connection.run(listMarks)).getRowsJS();
  if (Number(versioned) === 0) return Number(ours) === 0 ? noVersion : 1;
  const rows = await (await connection.run("SELECT version FROM internal.schema_version")).getRowsJS();
  const version = Number(rows[0]?.[0]);
  if (rows.length !== 1 || !Number.isInteger(version)) {
    throw sinkError(operation, "Damaged", `${path}: internal.schema_version is not as segmeter writes it.`);
  }
  if (version > schemaVersion) {
    const detail = `${path} has schema version ${version}; this segmeter knows ${schemaVersion}.`;
    throw sinkError(operation, "Foreign", detail, { hint: "Use a newer segmeter." });
  }
  return version;
};

const tellFirstVersion = quoteText(
  `This database has schema version ${schemaVersion}; this segmeter knows 1. Use a newer segmeter.`,
);

/** Brings a database of version `found` up; within the transaction that makes the tables, and after the one of held captures. */
export const versionStatements = (found: number): ReadonlyArray<string> => [
  // Copied and not renamed, so that the view can have the name in the same transaction.
  ...(found === 1
    ? [
        "INSERT INTO internal.held_captures SELECT workspace_id, usage_month, dataset, capture_id FROM internal.held",
        "DROP TABLE internal.held",
      ]
    : []),
  `CREATE OR REPLACE VIEW internal.held AS SELECT CAST(error(${tellFirstVersion}) AS VARCHAR) AS workspace_id, CAST(NULL AS DATE) AS usage_month, CAST(NULL AS VARCHAR) AS dataset, CAST(NULL AS VARCHAR) AS capture_id`,
  "CREATE TABLE IF NOT EXISTS internal.schema_version (version INTEGER NOT NULL)",
  `INSERT INTO internal.schema_version SELECT ${schemaVersion} WHERE NOT EXISTS (FROM internal.schema_version)`,
];

/**
 * Makes a connection read either version in the same words, by temporary views of its own: `held_captures`, and the revisions
 * tables, which version 1 lacks and which are empty then. `version` is not 0.
 */
export const sessionStatements = (version: number): ReadonlyArray<string> =>
  version === 1
    ? ["CREATE TEMP VIEW held_captures AS FROM internal.held", ...Object.values(revisionTables).map(emptyView)]
    : ["CREATE TEMP VIEW held_captures AS FROM internal.held_captures"];

const emptyView = (table: Table): string => `CREATE TEMP VIEW ${quoteName(table.name)} AS ${emptyRows(table)}`;

/** No rows, with the columns and types of the table. */
export const emptyRows = (table: Table): string =>
  `SELECT ${allColumns(table)
    .map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteName(name)}`)
    .join(", ")} LIMIT 0`;
