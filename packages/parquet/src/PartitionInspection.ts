/**
 * One partition: its usage file, its revisions and its entries in the ledger, held against each other.
 */
import {
  Capture,
  datasetOf,
  type Fault,
  historyFaults,
  Partition,
  type Revision,
  revisionTables,
  type Table,
  type UsageRow,
  usageTables,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { type Inspector, inspectPlaced } from "./Inspector.ts";
import { deviation, parseCapture, parseMark, supersededUntil } from "./ParquetFooter.ts";
import { rollBack, stateOfRevisions } from "./ParquetRecovery.ts";
import { type PlacedFile, revisionsFile, settleRevisions, standing, usageFile } from "./ParquetRevisions.ts";
import type { ParquetTree } from "./ParquetTree.ts";

export interface PartitionFiles extends Pick<ParquetTree, "files" | "kept"> {
  readonly partition: Partition.Partition;
  /** The ledger of the month; undefined: not known. */
  readonly entries: ReadonlyArray<Capture.Capture> | undefined;
}

/** Adds what is found; returns the capture that the usage file names, if that can be read. Memory: the partition's rows. */
export const inspectPartition = Effect.fnUntraced(function* (
  inspector: Inspector,
  { entries, files, kept, partition }: PartitionFiles,
) {
  const { dataDir, encoder, faults, held } = inspector;
  const { table } = datasetOf(partition.dataset);
  const usage = placedIn(files, usageTables[table]);
  const revisions = placedIn(files, revisionTables[table]);
  const cutOff = placedIn(kept, revisionTables[table]);
  const where = (yield* usageFile(dataDir, partition)).file.path;
  const report = (kind: Fault["kind"], where: string, detail: string, clear?: Fault["clear"]): void => {
    const fault = { sink: "parquet", kind, where, detail, partition } as const;
    faults.push(clear === undefined ? fault : { ...fault, clear });
  };

  const rows = usage && (yield* inspectPlaced(inspector, usage, { partition }));
  const capture = rows?.metadata && parseCapture(rows.metadata)?.capture;
  if (capture !== undefined && rows?.rows !== undefined) held.push(capture);
  if (entries !== undefined && (usage === undefined || capture !== undefined)) {
    const detail = contradiction(where, capture, newest(entries, partition));
    if (detail !== undefined) report("inconsistent", where, detail);
  }

  const old = revisions && (yield* inspectPlaced(inspector, revisions, { partition }));
  if (cutOff !== undefined) {
    const { path } = cutOff.file;
    const settled = Effect.as(
      settleRevisions(dataDir, partition, cutOff.copy),
      `Settled which revisions stand: ${path}.`,
    );
    // It is the usage file that tells which stand; without one that can be read it is settled when the partition is replaced.
    const clear = rows?.fault === undefined ? settled : undefined;
    report("pending", path, `A change of ${path} was cut off before it was known to be committed.`, clear);
    return capture;
  }
  if (rows?.fault !== undefined || old?.fault !== undefined) return capture;
  const superseded = (old?.rows ?? []) as ReadonlyArray<Revision>;
  if (revisions !== undefined && (capture !== undefined || entries !== undefined)) {
    const { path } = revisions.file;
    const state = stateOfRevisions(partition, supersededUntil(superseded), capture, entries ?? []);
    const rolledBack = Effect.as(rollBack(dataDir, encoder, partition), `Took the pending revisions out of ${path}.`);
    if (state === "pending")
      report("pending", path, `${path} has revisions of a capture that was not committed.`, rolledBack);
  }
  if (capture !== undefined) {
    const stand = standing(superseded, capture);
    const deviates = deviation(parseMark(rows!.metadata!), revisionTables[table], stand);
    const { path } = (yield* revisionsFile(dataDir, partition)).file;
    // Its partition is replaced from a sink that has them all; nothing here is in the way.
    if (deviates !== undefined) report("altered", path, `${path} ${deviates}.`);
    const history = { capture, rows: rows!.rows as ReadonlyArray<UsageRow>, revisions: stand };
    for (const sentence of historyFaults(history, entries)) report("inconsistent", where, sentence);
  }
  return capture;
});

const placedIn = <P extends PlacedFile>(from: ReadonlyArray<P>, table: Table): P | undefined =>
  from.find((placed) => placed.table === table);

/** The last capture of the partition that the ledger knows to be held. */
const newest = (entries: ReadonlyArray<Capture.Capture>, partition: Partition.Partition) =>
  entries
    .filter((entry) => Capture.isHeld(entry) && Partition.equals(entry.partition, partition))
    .toSorted(Capture.byTime)
    .at(-1);

/** What the ledger knows better than the usage file. That it may lack the file's own capture is another matter. */
const contradiction = (
  path: string,
  capture: Capture.Capture | undefined,
  newest: Capture.Capture | undefined,
): string | undefined => {
  if (newest === undefined) return undefined;
  if (capture === undefined) return `${path} is not there; the ledger has the capture ${newest.captureId} of it.`;
  return Capture.byTime(newest, capture) > 0
    ? `${path} holds the capture ${capture.captureId}; the ledger has the later one ${newest.captureId}.`
    : undefined;
};
