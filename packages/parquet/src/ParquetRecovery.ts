/**
 * What a run does before anything else: puts right what a process that was killed left half done. Temporary files are swept away,
 * revisions of a capture that was never committed are rolled back, and the ledger is told of one that was.
 *
 * Cost: a listing, and one footer for each revisions file and one for its usage file; the ledger of a month only when it was just
 * being written. Files that cannot be read are left as they
 * are; whatever needs them says so.
 */
import { basename, dirname, join, relative } from "node:path";
import {
  bookTables,
  Capture,
  type Dataset,
  datasets,
  type Encoder,
  type Instant,
  Partition,
  revisionTables,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { orMissing, orUnreadable } from "./Attempt.ts";
import { leftoversIn, publishFile, removeLeftover } from "./ParquetFile.ts";
import { parseSupersededUntil, revisionsMetadata } from "./ParquetFooter.ts";
import { fileName, filesOf, listBelow, parseFile, tableDirectory, type TableFile } from "./ParquetLayout.ts";
import { heldOfMonth, ledgerFile, type MonthOfLedger, readEntries, writeLedger } from "./ParquetLedger.ts";
import { readMetadata } from "./ParquetReader.ts";
import {
  heldCapture,
  readRevisions,
  removeFile,
  revisionsFile,
  settleRevisions,
  standing,
} from "./ParquetRevisions.ts";
import { isPrevious } from "./PreviousRevisions.ts";
import { setAside } from "./SetAside.ts";

export interface Recovery {
  /** Paths of the temporary files that were removed: all but those of a ledger that cannot be read. */
  readonly removed: ReadonlyArray<string>;
  /** Paths of the revisions files that are again what they were before a capture that was cut off. */
  readonly rolledBack: ReadonlyArray<string>;
}

/** To be called before anything is written, by the one run that holds the data directory. */
export const recover = Effect.fn("ParquetRecovery.recover")(function* (dataDir: string, encoder: Encoder) {
  const leftovers = yield* leftoversIn(dataDir);
  const marks = leftovers.filter((path) => ledgerBeside(dataDir, path) !== undefined);
  const removed = leftovers.filter((path) => !marks.includes(path));
  yield* Effect.forEach(removed, (path) => sweepLeftover(dataDir, encoder, path), { discard: true });
  const rolledBack: Array<string> = [];
  for (const dataset of datasets) {
    const table = revisionTables[dataset.table];
    for (const { copy, file } of yield* keptFiles(dataDir, dataset)) {
      const settled = settleRevisions(dataDir, partitionOf(dataset, file), copy);
      if (yield* orUnreadable(settled, false)) rolledBack.push(file.path);
    }
    for (const file of yield* filesOf(dataDir, table)) {
      const partition = partitionOf(dataset, file);
      if (!(yield* orUnreadable(isPending(dataDir, partition), false))) continue;
      if (yield* orUnreadable(rollBack(dataDir, encoder, partition), false)) rolledBack.push(file.path);
    }
  }
  // A mark goes last, once there is nothing more to be told of: this may be cut off, too.
  for (const path of marks) if (yield* sweepLeftover(dataDir, encoder, path)) removed.push(path);
  return { removed, rolledBack: [...new Set(rolledBack)] } satisfies Recovery;
});

/**
 * Removes a temporary file; one of a ledger once the ledger is complete. Returns whether it went: beside a ledger that cannot be
 * read it stays, and tells whoever mends that.
 */
export const sweepLeftover = Effect.fn("ParquetRecovery.sweepLeftover")(function* (
  dataDir: string,
  encoder: Encoder,
  path: string,
) {
  const of = ledgerBeside(dataDir, path);
  const completed = of === undefined ? Effect.void : completeLedger(dataDir, encoder, of, path);
  const isDone = yield* orUnreadable(Effect.as(completed, true), false);
  if (isDone) yield* removeLeftover(path);
  return isDone;
});

/** The ledger file that a temporary file was to take the place of; undefined when it was another file's. */
const ledgerBeside = (dataDir: string, path: string): MonthOfLedger | undefined => {
  const table = bookTables.captures;
  const root = tableDirectory(dataDir, table);
  const file = Option.getOrUndefined(parseFile(root, table, relative(root, join(dirname(path), fileName))));
  return file?.month === undefined ? undefined : { workspaceId: file.workspaceId, month: file.month };
};

/**
 * A ledger file that was about to be put in place may have been that of a capture which is committed: the usage file comes first.
 * Of a capture that only the usage file knows, it has those as well that led to it.
 */
const completeLedger = Effect.fnUntraced(function* (
  dataDir: string,
  encoder: Encoder,
  of: MonthOfLedger,
  mark: string,
) {
  const file = yield* ledgerFile(dataDir, of);
  const entries = yield* orMissing(readEntries(file), []);
  const marked = yield* Effect.orElseSucceed(readEntries({ ...file, path: mark }), () => []);
  const committed = (yield* heldOfMonth(dataDir, of)).filter((held) => has(marked, held) && !has(entries, held));
  const led = marked.filter((one) =>
    committed.some((held) => Partition.equals(one.partition, held.partition) && Capture.byTime(one, held) < 0),
  );
  yield* writeLedger(dataDir, encoder, of, led);
});

const has = (captures: ReadonlyArray<Capture.Capture>, { captureId }: Capture.Capture): boolean =>
  captures.some((one) => one.captureId === captureId);

/** The partition whose rows, or revisions, a file of the dataset's tables holds. */
const partitionOf = ({ name }: Dataset, { month, workspaceId }: TableFile): Partition.Partition => ({
  workspaceId,
  dataset: name,
  month: month!,
});

/** Revisions files that were kept until a capture is committed, with the place that each belongs at. */
const keptFiles = Effect.fnUntraced(function* (dataDir: string, dataset: Dataset) {
  const table = revisionTables[dataset.table];
  const root = tableDirectory(dataDir, table);
  const names = (yield* listBelow(root)).filter((name) => isPrevious(basename(name)));
  return names.flatMap((name) =>
    Option.toArray(parseFile(root, table, join(dirname(name), fileName))).map((file) => ({
      file,
      copy: join(root, name),
    })),
  );
});

/**
 * - `standing`: none was superseded after the held capture
 * - `pending`: some were, or nothing is held and nothing ever was, as far as the ledger says
 * - `orphaned`: they did stand, but the usage file is gone; they wait for the partition to be captured again
 */
export type StateOfRevisions = "standing" | "pending" | "orphaned";

/**
 * `until`: when the last of the revisions was superseded; `held`: what the usage file holds, if there is one; `entries`: of the
 * ledger, of any partitions.
 */
export const stateOfRevisions = (
  partition: Partition.Partition,
  until: Instant.EpochMicros,
  held: Capture.Capture | undefined,
  entries: ReadonlyArray<Capture.Capture>,
): StateOfRevisions => {
  if (held !== undefined) return until <= held.capturedAt ? "standing" : "pending";
  const stood = (entry: Capture.Capture): boolean =>
    entry.capturedAt >= until && Capture.isHeld(entry) && Partition.equals(entry.partition, partition);
  return entries.some(stood) ? "orphaned" : "pending";
};

/** Reads footers, and without a usage file the ledger of the month. Errors: of any of these files. */
const isPending = Effect.fnUntraced(function* (dataDir: string, partition: Partition.Partition) {
  const { file, table } = yield* revisionsFile(dataDir, partition);
  const until = parseSupersededUntil(yield* readMetadata(table, file)) ?? Number.POSITIVE_INFINITY;
  const held = yield* heldCapture(dataDir, partition);
  const entries = held === undefined ? yield* orMissing(readEntries(yield* ledgerFile(dataDir, partition)), []) : [];
  return stateOfRevisions(partition, until, held, entries) === "pending";
});

/** Takes the pending revisions of a partition away; says whether there were any. Memory: the partition's revisions. */
export const rollBack = Effect.fn("ParquetRecovery.rollBack")(function* (
  dataDir: string,
  encoder: Encoder,
  partition: Partition.Partition,
) {
  const { file, table } = yield* revisionsFile(dataDir, partition);
  const revisions = (yield* readRevisions({ file, table })) ?? [];
  const held = yield* heldCapture(dataDir, partition);
  const rows = standing(revisions, held);
  if (rows.length === revisions.length) return false;
  const metadata = revisionsMetadata(table, file, rows);
  if (rows.length > 0) yield* publishFile(encoder, { table, rows, metadata, path: file.path });
  else if (held !== undefined) yield* removeFile(file.path);
  // Without a usage file to tell, they are not destroyed.
  else yield* setAside(dataDir, file.path);
  return true;
});
