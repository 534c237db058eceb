/**
 * The DuckDB sink: the sink port over one database file.
 *
 * Guarantees, beside the port's: every call is one transaction, and calls take turns; a failed call leaves the file as it was and
 * the sink usable. All values are bound or appended, never part of SQL.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  allColumns,
  bookTables,
  datasetOf,
  Name,
  Partition,
  type Row,
  Run,
  type Sink,
  type SinkError,
  sinkError,
  type SourceRow,
  type Table,
  type UsageRow,
  usageTables,
  type WorkspaceRow,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type Access, openDuckDBFile } from "./DuckDBFile.ts";
import * as Ledger from "./DuckDBLedger.ts";
import { appendRows } from "./DuckDBRows.ts";
import { openSession, select } from "./DuckDBSession.ts";

const { runs, sources, workspaces } = bookTables;

/**
 * Opens the sink, and the file, which it makes where there is none if it may write. Closed with the scope.
 * Memory: a partition's rows in DuckDB's buffers while it is replaced. Errors: those of opening the file.
 */
export const openDuckDBSink = Effect.fn("openDuckDBSink")(function* (options: {
  readonly path: string;
  /** `read-only`: to look at what is held; the file is not touched, and must be there. Default: `read-write`. */
  readonly access?: Access;
}): Effect.fn.Return<Sink, SinkError, Scope.Scope> {
  const { access = "read-write", path } = options;
  const instance = yield* openDuckDBFile({ path, access });
  const transact = yield* openSession(instance, path);
  return {
    name: "duckdb",
    held: (workspaceId) =>
      transact("read the held captures", (connection) => Ledger.held(connection, path, workspaceId)),
    read: (partition) =>
      // A transaction, so that the capture and the rows are of one moment.
      transact(`read ${Partition.label(partition)}`, async (connection) => {
        const capture = await Ledger.heldOf(connection, path, partition);
        if (capture === undefined) return undefined;
        const table: Table = usageTables[datasetOf(partition.dataset).table];
        const rows = await select(connection, {
          columns: table.columns,
          // As they were appended, which is key order.
          from: `FROM ${table.name} WHERE workspace_id = $1 AND usage_month = $2 ORDER BY rowid`,
          values: Ledger.keyOf(partition),
        });
        return { capture, rows: rows as unknown as ReadonlyArray<UsageRow> };
      }),
    replace: Effect.fnUntraced(function* ({ capture, rows }) {
      const operation = `replace ${Partition.label(capture.partition)}`;
      const table: Table = usageTables[datasetOf(capture.partition.dataset).table];
      const repeated = findRepeated(table, rows as unknown as ReadonlyArray<Row>);
      if (repeated !== undefined) return yield* sinkError(operation, "Broken", `Two rows have the key ${repeated}.`);
      yield* transact(operation, async (connection) => {
        const where = "workspace_id = $1 AND usage_month = $2";
        await connection.run(`DELETE FROM ${table.name} WHERE ${where}`, Ledger.keyOf(capture.partition));
        const target = { table: table.name, columns: allColumns(table) };
        const constants = Ledger.constantsOf(capture.partition);
        await appendRows(connection, target, rows as unknown as ReadonlyArray<Row>, constants);
        await Ledger.write(connection, capture);
        await Ledger.hold(connection, capture);
      });
    }),
    record: (capture) =>
      transact(`record ${Partition.label(capture.partition)}`, (connection) => Ledger.write(connection, capture)),
    captures: (workspaceId) => transact("read the ledger", (connection) => Ledger.all(connection, path, workspaceId)),
    saveNames: (names) =>
      transact(`save the names of workspace ${names.workspace.id}`, async (connection) => {
        const { id } = names.workspace;
        const [held] = await select(connection, {
          columns: workspaces.columns,
          from: "FROM workspaces WHERE id = $1",
          values: [id],
        });
        const heldSources = await select(connection, {
          columns: sources.columns,
          from: "FROM sources WHERE workspace_id = $1",
          values: [id],
        });
        const merged = Name.workspaceRow(names, held as WorkspaceRow | undefined);
        const mergedSources = Name.sourceRows(names, heldSources as unknown as ReadonlyArray<SourceRow>);
        await replaceRows(connection, workspaces, "id", id, [merged]);
        await replaceRows(connection, sources, "workspace_id", id, mergedSources);
      }),
    saveRun: (run) =>
      transact(`save run ${run.runId}`, (connection) =>
        replaceRows(connection, runs, "run_id", run.runId, [Run.toRow(run)], run.workspaceId),
      ),
  };
});

/** Replaces the rows of a book table whose `column` is `value`. */
const replaceRows = async (
  connection: DuckDBConnection,
  table: Table,
  column: string,
  value: string,
  rows: ReadonlyArray<Row>,
  workspaceId: string = value,
): Promise<void> => {
  await connection.run(`DELETE FROM ${table.name} WHERE ${column} = $1`, [value]);
  await appendRows(connection, { table: table.name, columns: allColumns(table) }, rows, { workspace_id: workspaceId });
};

/** The first key that two rows share, or undefined. Memory: the keys. */
const findRepeated = (table: Table, rows: ReadonlyArray<Row>): string | undefined => {
  const columns = table.key.filter((name) => table.columns.some((column) => column.name === name));
  const seen = new Set<string>();
  for (const row of rows) {
    const key = columns.map((name) => `${name} ${String(row[name])}`).join(", ");
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
};
