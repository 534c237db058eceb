/**
 * The Parquet sink: one file for each partition, and the sink's whole state in those files. See `ParquetLayout` for where they
 * lie, and `ParquetFile` for how each takes the place of the one before.
 *
 * The usage file is the commit point of `replace`. Its ledger file is written and checked before that, and put in place after
 * it; a process killed between the two loses nothing, since the usage file's footer names the capture too.
 */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import {
  bookTables,
  type Capture,
  datasetOf,
  type Encoder,
  Name,
  type Partition,
  type Row,
  Run,
  type RunRow,
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
import * as Semaphore from "effect/Semaphore";
import { attempt, during, orMissing } from "./Attempt.ts";
import { makeDirectory, publishFile, stageFile } from "./ParquetFile.ts";
import { captureMetadata, fileMetadata } from "./ParquetFooter.ts";
import { fileOf, parquetDirectory } from "./ParquetLayout.ts";
import { heldCaptures, ledgerFile, readLedger, stageLedger } from "./ParquetLedger.ts";
import { readCaptured, readRows } from "./ParquetReader.ts";

export interface ParquetSinkOptions {
  /** Made when it is missing, for this user alone. */
  readonly dataDir: string;
  readonly encoder: Encoder;
}

/**
 * Opens the sink. It holds nothing open between calls, and assumes that no other process writes to the directory.
 * Errors: `Unwritable` when the directory is a file or may not be written to, `Foreign` when `parquet` in it is no directory.
 */
export const openParquetSink = Effect.fn("openParquetSink")(function* ({
  dataDir,
  encoder,
}: ParquetSinkOptions): Effect.fn.Return<Sink, SinkError> {
  yield* openDirectory(dataDir);
  const oneAtATime = makeLocks();

  const replace = Effect.fn("ParquetSink.replace")(function* (captured: Capture.CapturedPartition) {
    const { capture, rows } = captured;
    const table = tableOf(capture.partition);
    const path = yield* partitionFile(dataDir, capture.partition);
    const data = yield* stageFile(encoder, { table, rows, metadata: captureMetadata(captured), path });
    const commit = Effect.gen(function* () {
      const ledger = yield* stageLedger(dataDir, encoder, capture);
      // Once the data is in place the capture stands, and the ledger is merely behind: no failure of the replace.
      yield* Effect.uninterruptible(Effect.andThen(data.commit, Effect.ignore(ledger.commit)));
    });
    yield* oneAtATime(yield* ledgerFile(dataDir, capture), commit);
  }, Effect.scoped);

  const record = Effect.fn("ParquetSink.record")(function* (capture: Capture.Capture) {
    const staged = Effect.flatMap(stageLedger(dataDir, encoder, capture), (ledger) => ledger.commit);
    yield* oneAtATime(yield* ledgerFile(dataDir, capture), Effect.scoped(staged));
  });

  const read = Effect.fn("ParquetSink.read")(function* (partition: Partition.Partition) {
    const path = yield* partitionFile(dataDir, partition);
    const { capture, rows } = yield* readCaptured(tableOf(partition), { path, ...partition });
    return { capture, rows: rows as ReadonlyArray<UsageRow> };
  });

  /** Reads the rows of a small table kept by workspace, changes them, and writes them anew. */
  const rewrite = Effect.fn("ParquetSink.rewrite")(function* <R extends Row>(
    table: Table,
    workspaceId: string,
    change: (held: ReadonlyArray<R>) => ReadonlyArray<R>,
  ) {
    const path = yield* fileOf(dataDir, table, workspaceId);
    const rewritten = Effect.gen(function* () {
      const held = yield* orMissing(readRows(table, { path, workspaceId, month: undefined }), []);
      const rows = change(held as ReadonlyArray<R>);
      yield* publishFile(encoder, { table, rows, metadata: fileMetadata(table, workspaceId), path });
    });
    yield* oneAtATime(path, rewritten);
  });

  return {
    name: "parquet",
    held: (workspaceId) => heldCaptures(dataDir, workspaceId).pipe(during(`list what is held of ${workspaceId}`)),
    read: (partition) => orMissing(read(partition), undefined).pipe(during(`read ${labelOf(partition)}`)),
    replace: (captured) => replace(captured).pipe(during(`replace ${labelOf(captured.capture.partition)}`)),
    record: (capture) => record(capture).pipe(during(`record ${labelOf(capture.partition)}`)),
    captures: (workspaceId) => readLedger(dataDir, workspaceId).pipe(during("read the ledger")),
    saveNames: (names) => {
      const { id } = names.workspace;
      const workspace = rewrite<WorkspaceRow>(bookTables.workspaces, id, ([held]) => [Name.workspaceRow(names, held)]);
      const sources = rewrite<SourceRow>(bookTables.sources, id, (held) => Name.sourceRows(names, held));
      return Effect.andThen(workspace, sources).pipe(during(`save the names of ${id}`));
    },
    saveRun: (run) =>
      rewrite<RunRow>(bookTables.runs, run.workspaceId, (held) => [
        ...held.filter((row) => row.run_id !== run.runId),
        Run.toRow(run),
      ]).pipe(during(`save the run ${run.runId}`)),
  };
});

const openDirectory = Effect.fnUntraced(function* (dataDir: string) {
  const operation = `open ${dataDir}`;
  const found = yield* statOf(operation, dataDir);
  if (found !== undefined && !found.isDirectory()) {
    return yield* Effect.fail(sinkError(operation, "Unwritable", `${dataDir} is a file, not a directory.`));
  }
  yield* attempt(operation, () => makeDirectory(dataDir));
  yield* attempt(operation, () => access(dataDir, constants.W_OK | constants.X_OK));
  const parquet = parquetDirectory(dataDir);
  const inside = yield* statOf(operation, parquet);
  if (inside !== undefined && !inside.isDirectory()) {
    return yield* Effect.fail(sinkError(operation, "Foreign", `${parquet} is a file, not a directory.`));
  }
});

const statOf = (operation: string, path: string) =>
  orMissing(
    attempt(operation, () => stat(path)),
    undefined,
  );

const tableOf = ({ dataset }: Partition.Partition): Table => usageTables[datasetOf(dataset).table];

const partitionFile = (dataDir: string, partition: Partition.Partition): Effect.Effect<string, SinkError> =>
  fileOf(dataDir, tableOf(partition), partition.workspaceId, partition.month);

const labelOf = ({ dataset, month }: Partition.Partition): string => `${dataset} ${month}`;

/** One effect at a time for each file, so that of two that rewrite it none loses what the other added. */
const makeLocks = () => {
  const locks = new Map<string, Semaphore.Semaphore>();
  return <A, E, R>(path: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const lock = locks.get(path) ?? Semaphore.makeUnsafe(1);
    locks.set(path, lock);
    return lock.withPermits(1)(effect);
  };
};
