/**
 * One month of a workspace: the ledger file, and the partitions that it tells of.
 */
import { isDeepStrictEqual } from "node:util";
import { bookTables, type Capture, datasets, type UsageMonth } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { type Inspector, inspectPlaced } from "./Inspector.ts";
import { ledgerFile, parseEntries, remakeLedger, writeLedger } from "./ParquetLedger.ts";
import type { PlacedFile } from "./ParquetRevisions.ts";
import type { ParquetTree } from "./ParquetTree.ts";
import { inspectPartition } from "./PartitionInspection.ts";

/** The files of one month of a workspace, and the copies of revisions files that a killed process kept. */
interface MonthFiles extends Pick<ParquetTree, "files" | "kept"> {
  readonly workspaceId: string;
  readonly month: UsageMonth.UsageMonth;
}

/** What lies in the tables that are kept by month, month by month. */
export const monthsOf = ({ files, kept }: ParquetTree): ReadonlyArray<MonthFiles> => {
  const months = new Map<string, MonthFiles>();
  const monthOf = ({ file: { month, workspaceId } }: PlacedFile): MonthFiles | undefined => {
    if (month === undefined) return undefined;
    const key = `${month}/${workspaceId}`;
    const found = months.get(key) ?? { workspaceId, month, files: [], kept: [] };
    months.set(key, found);
    return found;
  };
  for (const placed of files) monthOf(placed)?.files.push(placed);
  for (const placed of kept) monthOf(placed)?.kept.push(placed);
  return [...months.values()];
};

export const inspectMonth = Effect.fnUntraced(function* (inspector: Inspector, of: MonthFiles) {
  const { files, kept, month, workspaceId } = of;
  const entries = yield* inspectLedger(inspector, of);
  const held: Array<Capture.Capture> = [];
  for (const dataset of datasets) {
    const partition = { workspaceId, dataset: dataset.name, month };
    const capture = yield* inspectPartition(inspector, { partition, files, kept, entries });
    if (capture !== undefined) held.push(capture);
  }
  if (entries === undefined) return;
  const lacking = held.filter((capture) => !entries.some((entry) => isDeepStrictEqual(entry, capture)));
  const isBehind = lacking.every(({ captureId }) => !entries.some((entry) => entry.captureId === captureId));
  if (lacking.length > 0) yield* reportLacking(inspector, of, lacking, isBehind ? "leftover" : "inconsistent");
});

/** The entries of the month; none without a ledger file, undefined when it is at fault: nothing can be held against it then. */
const inspectLedger = Effect.fnUntraced(function* (inspector: Inspector, { files }: MonthFiles) {
  const ledger = files.find(({ table }) => table === bookTables.captures);
  if (ledger === undefined) return [];
  const { dataDir, encoder } = inspector;
  const { fault, rows } = yield* inspectPlaced(inspector, ledger, {
    clear: remakeLedger(dataDir, encoder, ledger.file),
  });
  const entries = fault !== undefined || rows === undefined ? "is at fault" : parseEntries(ledger.file, rows);
  return typeof entries === "string" ? undefined : entries;
});

/** Behind, as after a kill between usage file and ledger, or with other content: the footers have the last word, and tell the ledger what it lacks. */
const reportLacking = Effect.fnUntraced(function* (
  { dataDir, encoder, faults }: Inspector,
  { month, workspaceId }: MonthFiles,
  lacking: ReadonlyArray<Capture.Capture>,
  kind: "leftover" | "inconsistent",
) {
  const { path } = yield* ledgerFile(dataDir, { workspaceId, month });
  const named = lacking.map(({ captureId, partition }) => `${captureId} (${partition.dataset})`).join(", ");
  faults.push({
    sink: "parquet",
    kind,
    where: path,
    detail: `${path} does not have, or not as the usage files have it, the held capture ${named}.`,
    clear: Effect.as(
      writeLedger(dataDir, encoder, { workspaceId, month }, []),
      `Entered in ${path} what the usage files hold.`,
    ),
  });
});
