/**
 * The Parquet sink: one file for each partition, one for its revisions, and the sink's whole state in those files. See
 * `ParquetLayout` for where they lie, and `ParquetFile` for how each takes the place of the one before.
 *
 * The usage file is the commit point of `replace`. The other files are written and checked before that. The revisions are put in
 * place just before it, and pending until it is there; the ledger after it: a process killed between the two loses nothing, since
 * the usage file's footer names the capture too.
 */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import {
  byColumn,
  Capture,
  type Encoder,
  type Partition,
  revisionTableOf,
  type Sink,
  type SinkError,
  sinkError,
  type UsageRow,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { attempt, during, orMissing } from "./Attempt.ts";
import { makeLedgerQueue } from "./LedgerQueue.ts";
import { makeLocks } from "./Locks.ts";
import { makeParquetBooks } from "./ParquetBooks.ts";
import { makeDirectory, stageFile } from "./ParquetFile.ts";
import { captureMetadata, fingerprintOf } from "./ParquetFooter.ts";
import { inspectFiles } from "./ParquetInspection.ts";
import { parquetDirectory } from "./ParquetLayout.ts";
import { heldCaptures, type KnownLedgers, ledgerFile, ledgerOf, readLedger } from "./ParquetLedger.ts";
import { readCaptured } from "./ParquetReader.ts";
import { heldFingerprint, readStanding, stageRevisions, usageFile } from "./ParquetRevisions.ts";

export interface ParquetSinkOptions {
  /** Made when it is missing, for this user alone; unless it is only looked at. */
  readonly dataDir: string;
  /** `read-only`: to look at what is held; the directory may be one that takes no writes. Default: `read-write`. */
  readonly access?: "read-write" | "read-only";
  readonly encoder: Encoder;
}

/**
 * Opens the sink. It holds nothing open between calls, and assumes that no other process writes to the directory.
 * Errors: `Unwritable` when the directory is a file or may not be written to, `Foreign` when `parquet` in it is no directory.
 */
export const openParquetSink = Effect.fn("openParquetSink")(function* ({
  access: wanted = "read-write",
  dataDir,
  encoder,
}: ParquetSinkOptions): Effect.fn.Return<Sink, SinkError> {
  yield* openDirectory(dataDir, wanted === "read-write");
  const oneAtATime = makeLocks();
  const known: KnownLedgers = new Map();
  const made = makeParquetBooks(dataDir, encoder, oneAtATime, known);
  const { addBooks, books, enter, saveNames, saveRun, workspaceIds } = made;

  const commit = makeLedgerQueue(dataDir, encoder, oneAtATime, known);

  /** One at a time for each month of a workspace: they share a ledger file. */
  const inTurn = <A>(partition: Partition.Partition, effect: Effect.Effect<A, SinkError>) =>
    Effect.flatMap(ledgerFile(dataDir, partition), ({ path }) => oneAtATime(path, effect));

  const replace = Effect.fn("ParquetSink.replace")(function* (
    { capture, rows: given }: Capture.Handed,
    superseded: Capture.Superseded,
  ) {
    const { partition } = capture;
    const { file, table } = yield* usageFile(dataDir, partition);
    // Before anything else: what is of another type than its column's is met here.
    const rows = yield* byColumn(table, given);
    yield* byColumn(revisionTableOf(partition), superseded.revisions);
    const named = captureMetadata({ capture, rows });
    const staged = Effect.gen(function* () {
      const revisions = yield* stageRevisions(dataDir, encoder, partition, named, superseded);
      const metadata = revisions.footer;
      const data = yield* stageFile(encoder, { table, rows, metadata, path: file.path });
      const isThere = Effect.map(heldFingerprint(dataDir, partition), (held) => held === fingerprintOf(metadata));
      const entries = [...superseded.captures, capture];
      const place = revisions.commitWith(data.commit);
      yield* commit({ of: ledgerOf(partition), entries, place, isThere });
    });
    // By the partition first, so that those of one month are written side by side.
    yield* oneAtATime(file.path, Effect.scoped(staged));
  });

  const read = Effect.fn("ParquetSink.read")(function* (partition: Partition.Partition) {
    const { file, table } = yield* usageFile(dataDir, partition);
    const { capture, rows } = yield* readCaptured(table, file);
    return { capture, rows: rows as ReadonlyArray<UsageRow> };
  });

  return {
    name: "parquet",
    held: (workspaceId) => heldCaptures(dataDir, workspaceId).pipe(during(`list what is held of ${workspaceId}`)),
    read: (partition) => orMissing(read(partition), undefined).pipe(during(`read ${labelOf(partition)}`)),
    revisions: (partition) =>
      inTurn(partition, readStanding(dataDir, partition)).pipe(during(`read the revisions of ${labelOf(partition)}`)),
    replace: (captured, superseded = Capture.nothingSuperseded) =>
      replace(captured, superseded).pipe(during(`replace ${labelOf(captured.capture.partition)}`)),
    record: (capture) => enter(capture.partition, [capture]).pipe(during(`record ${labelOf(capture.partition)}`)),
    captures: (workspaceId) => readLedger(dataDir, workspaceId).pipe(during("read the ledger")),
    saveNames: (names) => saveNames(names).pipe(during(`save the names of ${names.workspace.id}`)),
    saveRun: (run) => saveRun(run).pipe(during(`save the run ${run.runId}`)),
    workspaceIds: workspaceIds.pipe(during("list the workspaces")),
    books: (workspaceId) => books(workspaceId).pipe(during(`read the books of ${workspaceId}`)),
    addBooks: (workspaceId, given) => addBooks(workspaceId, given).pipe(during(`add to the books of ${workspaceId}`)),
    inspect: inspectFiles(dataDir, encoder).pipe(during(`inspect ${parquetDirectory(dataDir)}`)),
  };
});

const openDirectory = Effect.fnUntraced(function* (dataDir: string, isWritten: boolean) {
  const operation = `open ${dataDir}`;
  const found = yield* statOf(operation, dataDir);
  if (found !== undefined && !found.isDirectory()) {
    return yield* Effect.fail(sinkError(operation, "Unwritable", `${dataDir} is a file, not a directory.`));
  }
  if (isWritten) {
    yield* attempt(operation, () => makeDirectory(dataDir));
    yield* attempt(operation, () => access(dataDir, constants.W_OK | constants.X_OK));
  }
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

const labelOf = ({ dataset, month }: Partition.Partition): string => `${dataset} ${month}`;
