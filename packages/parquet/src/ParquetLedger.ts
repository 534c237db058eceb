/**
 * The ledger of captures: one file for each workspace and month, with the captures of all its datasets and their history.
 *
 * The footers of the usage files have the last word: a run that was killed after it committed a usage file leaves a ledger file
 * without that capture, so reading adds what the footers say, and the next write stores it.
 */
import {
  bookTables,
  Capture,
  type CaptureRow,
  type Encoder,
  type SinkError,
  sinkError,
  type Table,
  UsageMonth,
  usageTables,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import { orMissing } from "./Attempt.ts";
import { type StagedFile, stageFile } from "./ParquetFile.ts";
import { fileMetadata } from "./ParquetFooter.ts";
import { fileOf, filesOf, type TableFile } from "./ParquetLayout.ts";
import { readCapture, readRows } from "./ParquetReader.ts";

/** Footers read side by side; each holds a file open. */
const concurrency = 16;

const table = bookTables.captures;

const tables: ReadonlyArray<Table> = Object.values(usageTables);

/** The captures that the usage files hold, in no order: of a workspace, or of all. */
export const heldCaptures = Effect.fn("ParquetLedger.heldCaptures")(function* (dataDir: string, workspaceId?: string) {
  const files = yield* Effect.forEach(tables, (usage) =>
    Effect.map(filesOf(dataDir, usage, workspaceId), (found) => found.map((file) => ({ usage, file }))),
  );
  const footers = yield* Effect.forEach(files.flat(), ({ file, usage }) => readCapture(usage, file), { concurrency });
  return footers.map(({ capture }) => capture);
});

/** The same of one month, found without listing a directory. */
const heldOfMonth = Effect.fnUntraced(function* (dataDir: string, workspaceId: string, month: UsageMonth.UsageMonth) {
  const footers = yield* Effect.forEach(tables, (usage) =>
    Effect.flatMap(fileOf(dataDir, usage, workspaceId, month), (path) =>
      orMissing(readCapture(usage, { path, workspaceId, month }), undefined),
    ),
  );
  return footers.flatMap((footer) => (footer === undefined ? [] : [footer.capture]));
});

/** The whole ledger, of a workspace or of all, ordered by `capturedAt`. Memory: every capture. */
export const readLedger = Effect.fn("ParquetLedger.readLedger")(function* (dataDir: string, workspaceId?: string) {
  const files = yield* filesOf(dataDir, table, workspaceId);
  const entries = yield* Effect.forEach(files, readEntries, { concurrency });
  return merge([...entries.flat(), ...(yield* heldCaptures(dataDir, workspaceId))]);
});

/**
 * Writes the ledger file of the capture's month anew, with the capture, and stages it. Call it one at a time for each file.
 */
export const stageLedger = Effect.fn("ParquetLedger.stageLedger")(function* (
  dataDir: string,
  encoder: Encoder,
  capture: Capture.Capture,
): Effect.fn.Return<StagedFile, SinkError, Scope.Scope> {
  const { month, workspaceId } = capture.partition;
  const path = yield* ledgerFile(dataDir, capture);
  const entries = yield* orMissing(readEntries({ path, workspaceId, month }), []);
  const held = yield* heldOfMonth(dataDir, workspaceId, month);
  const rows = merge([...entries, ...held, capture]).map(Capture.toRow);
  return yield* stageFile(encoder, { table, rows, metadata: fileMetadata(table, workspaceId, month), path });
});

/** Where a capture is recorded. */
export const ledgerFile = (dataDir: string, { partition }: Capture.Capture): Effect.Effect<string, SinkError> =>
  fileOf(dataDir, table, partition.workspaceId, partition.month);

const readEntries = Effect.fnUntraced(function* (file: TableFile) {
  const rows = yield* readRows(table, file);
  return yield* Effect.forEach(rows, (row) => {
    const { month, workspaceId } = file;
    const capture = Capture.fromRow(workspaceId, UsageMonth.toPeriod(month!), row as CaptureRow);
    return Option.isSome(capture)
      ? Effect.succeed(capture.value)
      : Effect.fail(
          sinkError(
            `read ${file.path}`,
            "Damaged",
            `${file.path} has an entry that is no capture: ${row["capture_id"]}.`,
          ),
        );
  });
});

/** Of two entries with one id the later stands: they are equal unless the capture was made again. */
const merge = (captures: ReadonlyArray<Capture.Capture>): ReadonlyArray<Capture.Capture> =>
  [...new Map(captures.map((capture) => [capture.captureId, capture])).values()].toSorted(
    (a, b) => a.capturedAt - b.capturedAt || (a.captureId < b.captureId ? -1 : 1),
  );
