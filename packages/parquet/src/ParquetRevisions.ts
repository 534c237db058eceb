/**
 * The revisions of a partition: the versions of its rows that no longer stand, in a file of their own, if there are any.
 *
 * They are put in place just before the usage file, whose rename is what commits a capture. What is superseded after the capture
 * that the usage file holds is therefore *pending*, and no revision yet.
 */
import { dirname } from "node:path";
import { rm } from "node:fs/promises";
import {
  byVersion,
  type Capture,
  datasetOf,
  type Encoder,
  type Instant,
  type Partition,
  type Revision,
  revisionTables,
  type SinkError,
  sinkError,
  type Table,
  usageTables,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { attempt, orMissing } from "./Attempt.ts";
import { sameRows } from "./Checksum.ts";
import { stageFile, syncDirectory } from "./ParquetFile.ts";
import {
  deviation,
  fingerprintOf,
  markIn,
  markMetadata,
  markOf,
  type Metadata,
  parseCapture,
  parseMark,
  parseSupersededUntil,
  revisionsMetadata,
  type RevisionsMark,
} from "./ParquetFooter.ts";
import { fileOf, type TableFile } from "./ParquetLayout.ts";
import { readCapture, readMetadata, readRows } from "./ParquetReader.ts";
import { keepPrevious, previousOf, settlePrevious } from "./PreviousRevisions.ts";

/** A file with the table that it is of. */
export interface PlacedFile {
  readonly table: Table;
  readonly file: TableFile;
}

const placed = (dataDir: string, table: Table, { month, workspaceId }: Partition.Partition) =>
  Effect.map(fileOf(dataDir, table, workspaceId, month), (path): PlacedFile => {
    return { table, file: { path, workspaceId, month } };
  });

/** Where the rows of a partition lie. */
export const usageFile = (dataDir: string, partition: Partition.Partition): Effect.Effect<PlacedFile, SinkError> =>
  placed(dataDir, usageTables[datasetOf(partition.dataset).table], partition);

/** Where its revisions lie. */
export const revisionsFile = (dataDir: string, partition: Partition.Partition): Effect.Effect<PlacedFile, SinkError> =>
  placed(dataDir, revisionTables[datasetOf(partition.dataset).table], partition);

export const isOfRevisions = (table: Table): boolean => Object.values<Table>(revisionTables).includes(table);

/** The capture that the usage file holds; undefined when there is no file. */
export const heldCapture = Effect.fn("ParquetRevisions.heldCapture")(function* (
  dataDir: string,
  partition: Partition.Partition,
) {
  const { file, table } = yield* usageFile(dataDir, partition);
  return (yield* orMissing(readCapture(table, file), undefined))?.capture;
});

/** The fingerprint of the usage file that is there; undefined when there is none. */
export const heldFingerprint = Effect.fn("ParquetRevisions.heldFingerprint")(function* (
  dataDir: string,
  partition: Partition.Partition,
) {
  const { file, table } = yield* usageFile(dataDir, partition);
  return yield* orMissing(Effect.map(readMetadata(table, file), fingerprintOf), undefined);
});

/** All that the file holds, in the order of `byVersion`, pending ones included. Undefined: there is no file. */
export const readRevisions = ({
  file,
  table,
}: PlacedFile): Effect.Effect<ReadonlyArray<Revision> | undefined, SinkError> =>
  orMissing(readRows(table, file) as Effect.Effect<ReadonlyArray<Revision>, SinkError>, undefined);

/** Those that the held capture, or an earlier one, superseded. */
export const standing = (
  revisions: ReadonlyArray<Revision>,
  held: Capture.Capture | undefined,
): ReadonlyArray<Revision> =>
  held === undefined ? [] : revisions.filter(({ superseded_at }) => superseded_at <= held.capturedAt);

/**
 * Those that stand, of a partition; none without a file. Errors: `Damaged` when they are not those that the held capture was
 * committed with, since a copy that lacks some must not pass for the whole.
 */
export const readStanding = Effect.fn("ParquetRevisions.readStanding")(function* (
  dataDir: string,
  partition: Partition.Partition,
) {
  const placed = yield* revisionsFile(dataDir, partition);
  const found = yield* readRevisions(placed);
  const usage = yield* usageFile(dataDir, partition);
  const metadata = yield* orMissing(readMetadata(usage.table, usage.file), undefined);
  if (metadata === undefined) return [];
  const rows = standing(found ?? [], parseCapture(metadata)?.capture);
  const problem = deviation(parseMark(metadata), placed.table, rows);
  if (problem === undefined) return rows;
  return yield* sinkError(`read ${placed.file.path}`, "Damaged", `${placed.file.path} ${problem}.`);
});

/** By the footer alone; of no file, nothing was superseded after any instant. */
const wasSupersededBy = (metadata: Metadata | undefined, instant: Instant.EpochMicros): boolean =>
  metadata === undefined || (parseSupersededUntil(metadata) ?? Number.POSITIVE_INFINITY) <= instant;

export interface StagedRevisions {
  /** The footer of the usage file that they are committed with. */
  readonly footer: Metadata;
  /** Puts the revisions in place, once with the usage file's commit, and takes that back when the other fails. */
  readonly commitWith: (usage: Effect.Effect<void, SinkError>) => Effect.Effect<void, SinkError>;
}

/**
 * Writes the revisions as they will be, beside their place. Without any change to them nothing is written; when the capture
 * superseded nothing, two footers are all that is read. Call it one at a time for each partition. `capture`: the usage file's
 * footer but for what it says of the revisions.
 * Errors: `Damaged` when those that are to stay are not those that the held capture was committed with; nothing is written then.
 */
export const stageRevisions = Effect.fn("ParquetRevisions.stageRevisions")(function* (
  dataDir: string,
  encoder: Encoder,
  partition: Partition.Partition,
  capture: Metadata,
  { revisions, since }: Capture.Superseded,
): Effect.fn.Return<StagedRevisions, SinkError, Scope.Scope> {
  const { file, table } = yield* revisionsFile(dataDir, partition);
  // Of an earlier capture in this run that failed, on a disk that did not let it be settled.
  yield* Effect.forEach(yield* previousOf(file.path), (copy) => settleRevisions(dataDir, partition, copy));
  const committed = yield* committedMark(dataDir, partition, since);
  const footerWith = (mark: RevisionsMark): Metadata => ({ ...capture, ...markMetadata(mark) });
  const unchanged = (mark: RevisionsMark): StagedRevisions => ({
    footer: footerWith(mark),
    commitWith: (usage) => usage,
  });
  if (revisions.length === 0) {
    const metadata = yield* orMissing(readMetadata(table, file), undefined);
    const mark = metadata === undefined ? markOf(table, []) : markIn(metadata);
    if (wasSupersededBy(metadata, since) && (committed === undefined || committed.checksum === mark.checksum)) {
      return unchanged(mark);
    }
  }
  const before = (yield* readRevisions({ file, table })) ?? [];
  const stay = before.filter(({ superseded_at }) => superseded_at <= since);
  const problem = deviation(committed, table, stay);
  if (problem !== undefined) return yield* sinkError(`write ${file.path}`, "Damaged", `${file.path} ${problem}.`);
  const rows = [...stay, ...revisions].sort(byVersion);
  const mark = markOf(table, rows);
  if (sameRows(table, before, rows)) return unchanged(mark);
  const { path } = file;
  const commit =
    rows.length === 0
      ? removeFile(path)
      : (yield* stageFile(encoder, { table, rows, metadata: revisionsMetadata(table, file, rows), path })).commit;
  const footer = footerWith(mark);
  return {
    footer,
    commitWith: (usage) =>
      Effect.acquireUseRelease(
        keepPrevious(path, fingerprintOf(footer)),
        () => Effect.andThen(commit, usage),
        // What cannot be settled now, on a disk that fails, is settled when the next run begins.
        (copy) => Effect.ignore(settleRevisions(dataDir, partition, copy)),
      ),
  };
});

/**
 * What the held capture says of its revisions, if all of them are to stay: what stays is held against it, since the next capture
 * would vouch for whatever is found. Undefined where they are replaced, or nothing is said.
 */
const committedMark = Effect.fnUntraced(function* (
  dataDir: string,
  partition: Partition.Partition,
  since: Instant.EpochMicros,
) {
  const { file, table } = yield* usageFile(dataDir, partition);
  const metadata = yield* orMissing(readMetadata(table, file), undefined);
  const held = metadata && parseCapture(metadata)?.capture;
  return held === undefined || held.capturedAt > since ? undefined : parseMark(metadata!);
});

/** Puts back the revisions that were kept, unless the usage file shows that what took their place was committed. */
export const settleRevisions = (dataDir: string, partition: Partition.Partition, copy: string) =>
  Effect.flatMap(heldFingerprint(dataDir, partition), (held) => settlePrevious(copy, held));

/** Removes a file of revisions that are none any more. */
export const removeFile = (path: string): Effect.Effect<void, SinkError> =>
  attempt(`remove ${path}`, async () => {
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  });
