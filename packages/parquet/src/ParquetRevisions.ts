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
  type Table,
  usageTables,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { attempt, orMissing } from "./Attempt.ts";
import { sameRows } from "./Checksum.ts";
import { stageFile, syncDirectory } from "./ParquetFile.ts";
import { parseSupersededUntil, revisionsMetadata } from "./ParquetFooter.ts";
import { fileOf, type TableFile } from "./ParquetLayout.ts";
import { readCapture, readMetadata, readRows } from "./ParquetReader.ts";
import { keepPrevious, settlePrevious } from "./PreviousRevisions.ts";

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

/** Whether all were superseded by then, by the footer alone; so it is without a file. */
const supersededBy = ({ file, table }: PlacedFile, instant: Instant.EpochMicros) =>
  Effect.map(
    orMissing(readMetadata(table, file), undefined),
    (metadata) => metadata === undefined || (parseSupersededUntil(metadata) ?? Number.POSITIVE_INFINITY) <= instant,
  );

export interface StagedRevisions {
  /** Puts the revisions in place, once with the usage file's commit, and takes that back when the other fails. */
  readonly commitWith: (usage: Effect.Effect<void, SinkError>) => Effect.Effect<void, SinkError>;
}

/**
 * Writes the revisions as they will be, beside their place. Without any change to them nothing is written; when the capture
 * superseded nothing, at most the file's footer is read. Call it one at a time for each partition.
 */
export const stageRevisions = Effect.fn("ParquetRevisions.stageRevisions")(function* (
  dataDir: string,
  encoder: Encoder,
  { captureId, partition }: Capture.Capture,
  { revisions, since }: Capture.Superseded,
): Effect.fn.Return<StagedRevisions, SinkError, Scope.Scope> {
  const unchanged: StagedRevisions = { commitWith: (usage) => usage };
  if (revisions.length === 0 && since === Number.MAX_SAFE_INTEGER) return unchanged;
  const { file, table } = yield* revisionsFile(dataDir, partition);
  if (revisions.length === 0 && (yield* supersededBy({ file, table }, since))) return unchanged;
  const before = (yield* readRevisions({ file, table })) ?? [];
  const stay = before.filter(({ superseded_at }) => superseded_at <= since);
  const rows = [...stay, ...revisions].sort(byVersion);
  if (sameRows(table, before, rows)) return unchanged;
  const { path } = file;
  const commit =
    rows.length === 0
      ? removeFile(path)
      : (yield* stageFile(encoder, { table, rows, metadata: revisionsMetadata(table, file, rows), path })).commit;
  return {
    commitWith: (usage) =>
      Effect.acquireUseRelease(
        keepPrevious(path, captureId),
        () => Effect.andThen(commit, usage),
        // What cannot be settled now, on a disk that fails, is settled when the next run begins.
        (copy) => Effect.ignore(settleRevisions(dataDir, partition, copy)),
      ),
  };
});

/** Puts back the revisions that were kept, unless the usage file shows that what took their place was committed. */
export const settleRevisions = (dataDir: string, partition: Partition.Partition, copy: string) =>
  Effect.flatMap(heldCapture(dataDir, partition), (held) => settlePrevious(copy, held?.captureId));

/** Removes a file of revisions that are none any more. */
export const removeFile = (path: string): Effect.Effect<void, SinkError> =>
  attempt(`remove ${path}`, async () => {
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  });
