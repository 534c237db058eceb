/**
 * Holds everything below `parquet/` against what it should be: each file against its own footer, usage files, revisions and
 * ledger against each other, and nothing else beside them. Changes nothing; each fault brings along what would clear it.
 *
 * One fault keeps nothing else from being looked at. Memory: one partition with its revisions, and one month of the ledger.
 */
import type { Encoder, Fault, Inspection, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { type Inspector, inspectPlaced } from "./Inspector.ts";
import { inspectMonth, monthsOf } from "./MonthInspection.ts";
import { sweepLeftover } from "./ParquetRecovery.ts";
import { type ParquetTree, readTree } from "./ParquetTree.ts";
import { setAside } from "./SetAside.ts";

export const inspectFiles = Effect.fn("ParquetInspection.inspectFiles")(function* (
  dataDir: string,
  encoder: Encoder,
): Effect.fn.Return<Inspection, SinkError> {
  const inspector: Inspector = { dataDir, encoder, faults: [], held: [], files: 0, rows: 0 };
  const tree = yield* readTree(dataDir);
  inspector.faults.push(...strayFaults(dataDir, encoder, tree));
  for (const month of monthsOf(tree)) yield* inspectMonth(inspector, month);
  for (const placed of tree.files) {
    if (placed.table.partitioning === "workspace") yield* inspectPlaced(inspector, placed);
  }
  const { faults, files, held, rows } = inspector;
  return { faults, held, files, rows };
});

const strayFaults = (
  dataDir: string,
  encoder: Encoder,
  { closed, leftovers, strangers }: ParquetTree,
): ReadonlyArray<Fault> => [
  ...closed.map(([path, { detail }]) => fault("unreadable", path, `${path} cannot be listed: ${detail}`)),
  ...strangers.map(({ isFile, path }) => ({
    ...fault("astray", path, `${path} is no file of segmeter's, and whoever reads the directory may take it for one.`),
    ...(isFile ? { clear: setAside(dataDir, path) } : {}),
  })),
  ...leftovers.map((path) => ({
    ...fault("leftover", path, `${path} was left behind by a process that was killed while it wrote.`),
    clear: Effect.map(sweepLeftover(dataDir, encoder, path), (isGone) =>
      isGone ? `Removed ${path}.` : `Left ${path}, which tells what the ledger beside it lacks.`,
    ),
  })),
];

const fault = (kind: Fault["kind"], where: string, detail: string): Fault => ({ sink: "parquet", kind, where, detail });
