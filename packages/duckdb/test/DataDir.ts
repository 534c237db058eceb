/**
 * A data directory with the same captures in DuckDB and in Parquet files, laid out as the design has it.
 */
import {
  bookTables,
  Capture,
  type Encoder,
  Name,
  type Row,
  Run,
  type Table,
  usageTables,
  UsageMonth,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDuckDBEncoder, openDuckDBSink } from "../src/index.ts";
import { at, callsRow, capture, day, mtuRow, ofWorkspace, partition, tableOf } from "./Setting.ts";

/** Ids that a careless reader would take for numbers, dates, nulls, patterns or parts of a path. */
export const workspaces = ["0042", "w/../é*[1]", "2024-01-01", "NULL"];

const fields = (index: number) => ({
  day: day("2024-01-01") + (index % 20),
  source_id: `${index % 3}`,
  snapshot_at: at("2024-01-01") + index,
});

const partitions = (workspaceId: string): ReadonlyArray<Capture.CapturedPartition> => {
  const rows = Array.from({ length: 60 }, (_, index) => index).sort((a, b) => (a % 20) - (b % 20) || (a % 3) - (b % 3));
  const mtu = rows.map((index) =>
    mtuRow({ ...fields(index), identified: 2n ** 62n + BigInt(index), never_identified: 1n }),
  );
  const calls = rows.map((index) => callsRow({ ...fields(index), api_calls: BigInt(1_000 - index) }));
  const first = (all: typeof mtu) => all.filter((row) => "source_id" in row && row.source_id === "0").map(ofWorkspace);
  return [
    { capture: capture(partition("source-mtu", "2024-01", workspaceId), { capturedAt: at("2024-02-02") }), rows: mtu },
    { capture: capture(partition("source-api-calls", "2024-01", workspaceId)), rows: calls },
    { capture: capture(partition("source-api-calls", "2024-02", workspaceId)), rows: calls.slice(0, 7) },
    { capture: capture(partition("workspace-mtu", "2024-01", workspaceId)), rows: first(mtu) },
  ];
};

/**
 * Fills both. `workspace-api-calls` is never captured, so that its table has no file; the Parquet files of it do not exist at
 * all, not even their directory.
 */
export const fill = Effect.fnUntraced(function* (dataDir: string, ids: ReadonlyArray<string> = workspaces) {
  const sink = yield* openDuckDBSink({ path: join(dataDir, "segmeter.duckdb") });
  const encoder = yield* makeDuckDBEncoder();
  const write = writer(dataDir, encoder);
  for (const workspaceId of ids) {
    const names: Name.Names = {
      workspace: { id: workspaceId, slug: "slug", name: `it's "${workspaceId}"` },
      sources: ["0", "1"].map((id) => ({ id, slug: `s${id}`, name: id, type: "web", enabled: id === "0", labels: [] })),
      seenAt: at("2024-02-02"),
    };
    yield* sink.saveNames(names);
    yield* write(bookTables.workspaces, workspaceId, [Name.workspaceRow(names, undefined)]);
    yield* write(bookTables.sources, workspaceId, Name.sourceRows(names, []));
    const run: Run.Run = {
      runId: `run of ${workspaceId}`,
      workspaceId,
      command: "backfill",
      arguments: { from: "2024-01" },
      version: "1.2.3",
      started: at("2024-02-02"),
    };
    yield* sink.saveRun(run);
    yield* write(bookTables.runs, workspaceId, [Run.toRow(run)]);
    const captured = partitions(workspaceId);
    yield* Effect.forEach(captured, (each) => sink.replace(each));
    for (const month of ["2024-01", "2024-02"]) {
      const captures = captured.map((each) => each.capture).filter((each) => each.partition.month === month);
      yield* write(bookTables.captures, workspaceId, captures.map(Capture.toRow), month);
    }
    for (const each of captured) {
      yield* write(tableOf(each.capture.partition), workspaceId, each.rows as never, each.capture.partition.month);
    }
  }
}, Effect.scoped);

const writer =
  (dataDir: string, encoder: Encoder) =>
  (table: Table, workspaceId: string, rows: ReadonlyArray<Row>, month?: string) => {
    const id = encodeURIComponent(workspaceId)
      .replace(/^NULL$/, "%4EULL")
      .replaceAll("*", "%2A");
    const path = join(
      dataDir,
      "parquet",
      table.name,
      `workspace_id=${id}`,
      month === undefined ? "" : `usage_month=${UsageMonth.toPeriod(month as UsageMonth.UsageMonth)}`,
      "data.parquet",
    );
    return Effect.andThen(
      Effect.promise(() => mkdir(dirname(path), { recursive: true })),
      encoder.encode({ table, rows, metadata: {}, path }),
    );
  };

export const emptyTable = usageTables.workspace_api_calls_daily.name;
