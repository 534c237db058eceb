/**
 * The DuckDB sink: the sink port over one database file.
 *
 * Guarantees, beside the port's: every call is one transaction, and calls take turns; a failed call leaves the file as it was and
 * the sink usable. All values are bound or appended, never part of SQL.
 */
import {
  byColumn,
  Capture,
  Partition,
  revisionTableOf,
  type Sink,
  type SinkError,
  sinkError,
  usageTableOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Books from "./DuckDBBooks.ts";
import { openDuckDBFile } from "./DuckDBFile.ts";
import { inspectDatabase } from "./DuckDBInspection.ts";
import * as Ledger from "./DuckDBLedger.ts";
import type { Access } from "./DuckDBOpenings.ts";
import * as Partitions from "./DuckDBPartition.ts";
import { openSession } from "./DuckDBSession.ts";

/**
 * Opens the sink, and the file, which it makes where there is none if it may write. Closed with the scope; then all that was
 * written is in the file, and no log beside it, so that it can be renamed.
 * Memory: a partition's rows in DuckDB's buffers while it is replaced. Errors: those of opening the file.
 */
export const openDuckDBSink = Effect.fn("openDuckDBSink")(function* (options: {
  /** Any name, such as one beside the database that it is to replace. */
  readonly path: string;
  /**
   * `read-only`: to look at what is held; the file is not touched, and must be there. One of version 1 is read too, without
   * revisions. Default: `read-write`.
   */
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
        return capture && { capture, rows: await Partitions.readRows(connection, partition) };
      }),
    revisions: (partition) =>
      transact(`read the revisions of ${Partition.label(partition)}`, (connection) =>
        Partitions.readRevisions(connection, partition),
      ),
    replace: Effect.fnUntraced(function* (
      { capture, rows: given, unchangedFrom },
      superseded = Capture.nothingSuperseded,
    ) {
      const { partition } = capture;
      const operation = `replace ${Partition.label(partition)}`;
      const named = Effect.mapError(({ detail, hint, reason }: SinkError) =>
        sinkError(operation, reason, detail, { hint }),
      );
      const rows = yield* named(byColumn(usageTableOf(partition), given));
      const row = Partitions.findRepeated(usageTableOf(partition), rows);
      if (row !== undefined) return yield* sinkError(operation, "Broken", `Two rows have the key ${row}.`);
      const revisions = yield* named(byColumn(revisionTableOf(partition), superseded.revisions));
      const revision = Partitions.findRepeated(revisionTableOf(partition), revisions);
      if (revision !== undefined) {
        return yield* sinkError(operation, "Broken", `Two revisions have the key ${revision}.`);
      }
      yield* transact(operation, async (connection) => {
        const held = unchangedFrom && (await Ledger.heldOf(connection, path, partition));
        if (!held || held.captureId !== unchangedFrom) await Partitions.writeRows(connection, partition, rows);
        await Partitions.writeRevisions(connection, partition, superseded);
        await Ledger.write(connection, [...superseded.captures, capture]);
        await Ledger.hold(connection, capture);
      });
    }),
    record: (capture) =>
      transact(`record ${Partition.label(capture.partition)}`, (connection) => Ledger.write(connection, [capture])),
    captures: (workspaceId) => transact("read the ledger", (connection) => Ledger.all(connection, path, workspaceId)),
    saveNames: (names) =>
      transact(`save the names of workspace ${names.workspace.id}`, (connection) => Books.saveNames(connection, names)),
    saveRun: (run) => transact(`save run ${run.runId}`, (connection) => Books.saveRun(connection, run)),
    workspaceIds: transact("list the workspaces", Books.workspaceIds),
    books: (workspaceId) =>
      transact(`read the books of workspace ${workspaceId}`, (connection) => Books.read(connection, path, workspaceId)),
    addBooks: (workspaceId, books) =>
      transact(`add to the books of workspace ${workspaceId}`, (connection) =>
        Books.add(connection, path, workspaceId, books),
      ),
    inspect: inspectDatabase(transact, path),
  };
});
