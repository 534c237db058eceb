/**
 * The books in a DuckDB database: names and runs, and the way of all books into another sink and out of one. Everything here is
 * part of a transaction of the caller's. What is there already is not written again.
 */
import { type DuckDBConnection, listValue } from "@duckdb/node-api";
import {
  allColumns,
  type Books,
  bookTables,
  type Capture,
  type Column,
  Name,
  type Row,
  Run,
  type RunRow,
  type SourceRow,
  type Table,
  tables,
  type WorkspaceRow,
} from "@segmeter/domain";
import * as Ledger from "./DuckDBLedger.ts";
import { appendRows } from "./DuckDBRows.ts";
import { select } from "./DuckDBSession.ts";

const { captures, runs, sources, workspaces } = bookTables;

/** Of every table, ascending. */
export const workspaceIds = async (connection: DuckDBConnection): Promise<ReadonlyArray<string>> => {
  const sql = tables.map(({ name }) => `SELECT workspace_id FROM ${name}`).join(" UNION ");
  const rows = await (await connection.run(sql)).getRowsJS();
  // Not by SQL, whose order of texts is another one.
  return rows.map(([id]) => String(id)).sort();
};

export const read = async (connection: DuckDBConnection, path: string, workspaceId: string): Promise<Books.Books> => ({
  captures: await Ledger.all(connection, path, workspaceId),
  runs: (await rowsOf<RunRow>(connection, runs, workspaceId)).sort(Run.byStart),
  workspaces: (await rowsOf<WorkspaceRow>(connection, workspaces, workspaceId)).sort(byId),
  sources: (await rowsOf<SourceRow>(connection, sources, workspaceId)).sort(byId),
});

export const add = async (
  connection: DuckDBConnection,
  path: string,
  workspaceId: string,
  books: Books.Books,
): Promise<void> => {
  const { captures: given } = books;
  const known = given.length === 0 ? [] : await Ledger.all(connection, path, workspaceId);
  const entries = new Map(known.map((capture) => [capture.captureId, capture]));
  await Ledger.write(
    connection,
    given.filter((capture) => isNew(entries.get(capture.captureId), capture)),
  );
  await upsert(connection, runs, "run_id", workspaceId, books.runs);
  await upsert(connection, workspaces, "id", workspaceId, books.workspaces);
  await upsert(connection, sources, "id", workspaceId, books.sources);
};

export const saveNames = async (connection: DuckDBConnection, names: Name.Names): Promise<void> => {
  const { id } = names.workspace;
  const [held] = await rowsOf<WorkspaceRow>(connection, workspaces, id);
  const heldSources = await rowsOf<SourceRow>(connection, sources, id);
  await upsert(connection, workspaces, "id", id, [Name.workspaceRow(names, held)]);
  await upsert(connection, sources, "id", id, Name.sourceRows(names, heldSources));
};

export const saveRun = (connection: DuckDBConnection, run: Run.Run): Promise<void> =>
  upsert(connection, runs, "run_id", run.workspaceId, [Run.toRow(run)]);

const rowsOf = async <R extends Row>(
  connection: DuckDBConnection,
  table: Table,
  workspaceId: string,
): Promise<Array<R>> => {
  const from = `FROM ${table.name} WHERE workspace_id = $1`;
  return (await select(connection, { columns: table.columns, from, values: [workspaceId] })) as Array<R>;
};

/** Writes those of the rows that are not there as they are, in place of those with the same `id`, the name of a column. */
const upsert = async (
  connection: DuckDBConnection,
  table: Table,
  id: string,
  workspaceId: string,
  rows: ReadonlyArray<Row>,
): Promise<void> => {
  if (rows.length === 0) return;
  const held = new Map((await rowsOf(connection, table, workspaceId)).map((row) => [row[id], row]));
  const changed = rows.filter((row) => isOther(table.columns, held.get(row[id]!), row));
  if (changed.length === 0) return;
  const ids = listValue(changed.map((row) => String(row[id])));
  const where = `workspace_id = $1 AND ${id} IN (SELECT unnest($2::VARCHAR[]))`;
  await connection.run(`DELETE FROM ${table.name} WHERE ${where}`, [workspaceId, ids]);
  const target = { table: table.name, columns: allColumns(table) };
  await appendRows(connection, target, changed, { workspace_id: workspaceId });
};

const isOther = (columns: ReadonlyArray<Column>, held: Row | undefined, row: Row): boolean =>
  held === undefined || columns.some(({ name }) => held[name] !== row[name]);

const isNew = (held: Capture.Capture | undefined, given: Capture.Capture): boolean =>
  held === undefined || isOther(allColumns(captures), Ledger.entryOf(held), Ledger.entryOf(given));

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);
