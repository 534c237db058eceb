/**
 * The inspection of a DuckDB database: everything that it has, held against its own ledger and against what a history has to be.
 *
 * Guarantees: changes nothing; one partition with its revisions is in memory at a time, and its checks are of one moment. What
 * cannot be read is a fault of its partition, and the inspection goes on.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  Capture,
  datasets,
  type Fault,
  type FaultKind,
  historyFaults,
  type Inspection,
  isDatasetName,
  Partition,
  revisionTableOf,
  revisionTables,
  type SinkError,
  UsageMonth,
  usageTableOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Result from "effect/Result";
import * as Books from "./DuckDBBooks.ts";
import * as Ledger from "./DuckDBLedger.ts";
import { findRepeated, readRevisions, readRows } from "./DuckDBPartition.ts";
import type { Transact } from "./DuckDBSession.ts";
import { setOrphansAside } from "./OrphanRows.ts";

/** Shape: faults by dataset, then workspace and month. Errors: those of reading at all, such as a damaged file. */
export const inspectDatabase = Effect.fnUntraced(function* (
  transact: Transact,
  path: string,
): Effect.fn.Return<Inspection, SinkError> {
  const places = yield* transact("list the partitions", listPlaces);
  const faults: Array<Fault> = [];
  const held: Array<Capture.Capture> = [];
  let rows = 0;
  const ledger = yield* orAltered(transact("read the ledger", (connection) => Ledger.all(connection, path, undefined)));
  if (Result.isFailure(ledger)) faults.push(faultOf("altered", "captures", ledger.failure.detail));
  for (const place of places) {
    const partition = partitionOf(place);
    if (partition === undefined) {
      const where = `${place.dataset} ${place.month} of workspace ${place.workspaceId}`;
      faults.push(faultOf("inconsistent", where, "It is held or has rows, and is no partition of segmeter's."));
      continue;
    }
    const where = `${usageTableOf(partition).name} ${partition.month} of workspace ${partition.workspaceId}`;
    const look = (connection: DuckDBConnection) => inspectPartition(connection, path, partition, place);
    const looked = yield* orAltered(transact(`inspect ${Partition.label(partition)}`, look));
    if (Result.isFailure(looked)) {
      faults.push(faultOf("altered", where, looked.failure.detail, partition));
      continue;
    }
    const { capture, findings, found } = looked.success;
    rows += found;
    if (capture !== undefined) held.push(capture);
    const clear = setOrphansAside(transact, path, partition);
    for (const { detail, kind } of findings) {
      const fault = faultOf(kind, where, detail, partition);
      faults.push(kind === "astray" ? { ...fault, clear } : fault);
    }
  }
  // Read for their own sake: a block that is torn shows only then.
  for (const id of yield* transact("list the workspaces", Books.workspaceIds)) {
    yield* orAltered(transact(`read the books of workspace ${id}`, (connection) => Books.read(connection, path, id)));
  }
  return { faults, held, files: 1, rows };
});

/** What is stored and is not as segmeter stores it is a fault; any other failure, such as a torn file, is the inspection's own. */
const orAltered = <A>(read: Effect.Effect<A, SinkError>): Effect.Effect<Result.Result<A, SinkError>, SinkError> =>
  Effect.flatMap(Effect.result(read), (result) =>
    Result.isFailure(result) && !isOfContent(result.failure) ? Effect.fail(result.failure) : Effect.succeed(result),
  );

/** What DuckDB itself finds damaged has its error as the cause. */
const isOfContent = ({ cause, reason }: SinkError): boolean =>
  reason === "Unrepresentable" || (reason === "Damaged" && cause === undefined);

/** A partition that anything is there of, as it is written in the tables. */
interface Place {
  readonly dataset: string;
  readonly workspaceId: string;
  readonly month: string;
  /** How often it is listed as held: once, unless somebody altered that. */
  readonly times: number;
}

const listPlaces = async (connection: DuckDBConnection): Promise<ReadonlyArray<Place>> => {
  const stored = datasets.flatMap(({ name, table }) =>
    [table, revisionTables[table].name].map(
      (from) => `SELECT DISTINCT '${name}' AS dataset, workspace_id, usage_month, 0 AS times FROM ${from}`,
    ),
  );
  const listed = "SELECT dataset, workspace_id, usage_month, 1 AS times FROM held_captures";
  const sql = `SELECT dataset, workspace_id, CAST(usage_month AS VARCHAR), CAST(sum(times) AS INTEGER)
    FROM (${[listed, ...stored].join(" UNION ALL ")}) GROUP BY ALL ORDER BY ALL`;
  const rows = await (await connection.run(sql)).getRowsJS();
  return rows.map(([dataset, workspaceId, month, times]) => ({
    dataset: String(dataset),
    workspaceId: String(workspaceId),
    month: String(month),
    times: Number(times),
  }));
};

const partitionOf = ({ dataset, month, workspaceId }: Place): Partition.Partition | undefined => {
  const found = Option.getOrUndefined(UsageMonth.fromPeriod(month));
  return found === undefined || !isDatasetName(dataset) ? undefined : { workspaceId, dataset, month: found };
};

interface Finding {
  readonly kind: FaultKind;
  readonly detail: string;
}

const inspectPartition = async (
  connection: DuckDBConnection,
  path: string,
  partition: Partition.Partition,
  { times }: Place,
) => {
  const capture = await Ledger.heldOf(connection, path, partition);
  const captures = await Ledger.allOf(connection, path, partition);
  const rows = await readRows(connection, partition);
  const revisions = await readRevisions(connection, partition);
  const findings: Array<Finding> = [];
  const add = (kind: FaultKind, detail: string): void => void findings.push({ kind, detail });
  const counted = `${count(rows.length, "row")} and ${count(revisions.length, "revision")}`;
  if (times > 1) add("inconsistent", `It is held ${times} times.`);
  else if (times === 0) {
    // What the ledger knows of was captured, and is not put aside for want of a mark that it is held.
    add(captures.some(Capture.isHeld) ? "inconsistent" : "astray", `It has ${counted}, and no capture is held.`);
  } else if (capture === undefined)
    add("inconsistent", `It has ${counted}; the capture that it holds is not in the ledger.`);
  const row = findRepeated(usageTableOf(partition), rows);
  if (row !== undefined) add("altered", `Two rows have the key ${row}.`);
  const revision = findRepeated(revisionTableOf(partition), revisions);
  if (revision !== undefined) add("altered", `Two revisions have the key ${revision}.`);
  if (capture !== undefined) {
    if (capture.rows !== rows.length) {
      add("altered", `It has ${count(rows.length, "row")}; its capture ${capture.captureId} kept ${capture.rows}.`);
    }
    if (!Capture.isHeld(capture)) add("inconsistent", `It holds the capture ${capture.captureId}, which failed.`);
    const newest = captures.findLast(Capture.isHeld);
    if (newest !== undefined && newest.captureId !== capture.captureId) {
      add("inconsistent", `It holds the capture ${capture.captureId}; the ledger's last is ${newest.captureId}.`);
    }
    for (const detail of historyFaults({ capture, rows, revisions }, captures)) add("inconsistent", detail);
  }
  return { capture, findings, found: rows.length };
};

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

const faultOf = (kind: FaultKind, where: string, detail: string, partition?: Partition.Partition): Fault => ({
  sink: "duckdb",
  kind,
  where,
  detail,
  ...(partition === undefined ? {} : { partition }),
});
