/**
 * A data directory with the same captures in DuckDB and in Parquet files, laid out as the design has it.
 */
import {
  bookTables,
  byVersion,
  Capture,
  type DatasetName,
  datasetOf,
  type Encoder,
  Instant,
  Name,
  type Revision,
  revisionTables,
  type Row,
  Run,
  type Table,
  type UsageRow,
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

/** When the versions before those of now were observed, and when they were superseded. */
export const [observed, superseded] = [at("2024-01-25"), at("2024-02-02")];

/** Of the first ten rows an earlier version, with other figures. */
const earlier = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<Revision> =>
  rows
    .slice(0, 10)
    .map((row): Revision => {
      const version = { ...row, observed_at: observed, superseded_at: superseded };
      return "identified" in version ? { ...version, identified: 5n } : { ...version, api_calls: 5n };
    })
    .toSorted(byVersion);

const partitions = (workspaceId: string): ReadonlyArray<Capture.History> => {
  const rows = Array.from({ length: 60 }, (_, index) => index).sort((a, b) => (a % 20) - (b % 20) || (a % 3) - (b % 3));
  const mtu = rows.map((index) =>
    mtuRow({ ...fields(index), identified: 2n ** 62n + BigInt(index), never_identified: 1n }),
  );
  const calls = rows.map((index) => callsRow({ ...fields(index), api_calls: BigInt(1_000 - index) }));
  const first = mtu.filter((row) => "source_id" in row && row.source_id === "0").map(ofWorkspace);
  const history = (dataset: DatasetName, month: string, rows: ReadonlyArray<UsageRow>): Capture.History => ({
    capture: capture(partition(dataset, month, workspaceId), { capturedAt: superseded, rows: rows.length }),
    rows,
    revisions: month === "2024-01" ? earlier(rows) : [],
  });
  return [
    history("source-mtu", "2024-01", mtu),
    history("source-api-calls", "2024-01", calls),
    history("source-api-calls", "2024-02", calls.slice(0, 7)),
    history("workspace-mtu", "2024-01", first),
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
    yield* Effect.forEach(captured, (each) => sink.replace(each, Capture.wholly(each, [])));
    for (const month of ["2024-01", "2024-02"]) {
      const captures = captured.map((each) => each.capture).filter((each) => each.partition.month === month);
      yield* write(bookTables.captures, workspaceId, captures.map(Capture.toRow), month);
    }
    for (const each of captured) {
      const { capturedAt, partition } = each.capture;
      yield* write(tableOf(partition), workspaceId, each.rows as never, partition.month, capturedAt);
      if (each.revisions.length === 0) continue;
      const table = revisionTables[datasetOf(partition.dataset).table];
      yield* write(table, workspaceId, each.revisions as never, partition.month);
    }
  }
}, Effect.scoped);

const writer =
  (dataDir: string, encoder: Encoder) =>
  (table: Table, workspaceId: string, rows: ReadonlyArray<Row>, month?: string, capturedAt?: number) => {
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
      encoder.encode({ table, rows, metadata: footer(workspaceId, month, capturedAt), path }),
    );
  };

/** As the Parquet sink has it, as far as queries read it. */
export const footer = (workspaceId: string, month?: string, capturedAt?: number): Readonly<Record<string, string>> => ({
  "segmeter.schema_version": "2",
  "segmeter.workspace_id": workspaceId,
  ...(month === undefined ? {} : { "segmeter.usage_month": `${month}-01` }),
  ...(capturedAt === undefined ? {} : { "segmeter.captured_at": Instant.format(capturedAt) }),
});

export const emptyTable = usageTables.workspace_api_calls_daily.name;
