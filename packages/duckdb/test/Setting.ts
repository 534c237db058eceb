/**
 * What the tests of this package stand on: a directory of their own, made-up captures, and a reader that is not under test.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import {
  type Capture,
  type DatasetName,
  datasetOf,
  type EncodeRequest,
  Instant,
  type Partition,
  type Row,
  type Sink,
  type SinkError,
  type Table,
  usageTables,
  type UsageRow,
  UsageMonth,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory, removed with the scope. */
export const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-duckdb-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true })),
);

export const partition = (dataset: DatasetName, month = "2024-01", workspaceId = "w1"): Partition.Partition => ({
  workspaceId,
  dataset,
  month: Option.getOrThrow(UsageMonth.parse(month)),
});

/** Midnight of `YYYY-MM-DD`. */
export const at = (text: string): number => Option.getOrThrow(Instant.parse(text));

export const day = (text: string): number => Instant.dayOf(at(text));

let made = 0;

export const capture = (of: Partition.Partition, fields: Partial<Capture.Capture> = {}): Capture.Capture => ({
  captureId: `capture-${++made}`,
  runId: "run-1",
  partition: of,
  state: "open",
  outcome: "captured",
  rows: 0,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt: at("2024-02-02") + made,
  ...fields,
});

/** A row of `source-mtu` of January 2024, with what matters to the test. */
export const mtuRow = (fields: Partial<Record<string, number | bigint | string>>): UsageRow =>
  ({
    day: day("2024-01-01"),
    source_id: "s1",
    period_start: at("2024-01-01"),
    period_end: at("2024-02-01") - 1,
    anonymous: 0n,
    anonymous_identified: 0n,
    identified: 0n,
    never_identified: 0n,
    snapshot_at: at("2024-01-01"),
    observed_at: at("2024-02-02"),
    ...fields,
  }) as unknown as UsageRow;

export const callsRow = (fields: Partial<Record<string, number | bigint | string>>): UsageRow =>
  ({
    day: day("2024-01-01"),
    source_id: "s1",
    api_calls: 0n,
    snapshot_at: at("2024-01-01"),
    observed_at: at("2024-02-02"),
    ...fields,
  }) as unknown as UsageRow;

/** Without the source, for the tables of whole workspaces. */
export const ofWorkspace = (row: UsageRow): UsageRow => {
  const { source_id: _, ...rest } = row as unknown as Record<string, unknown>;
  return rest as unknown as UsageRow;
};

export const replace = (
  sink: Sink,
  of: Partition.Partition,
  rows: ReadonlyArray<UsageRow>,
  fields: Partial<Capture.Capture> = {},
): Effect.Effect<Capture.CapturedPartition, SinkError> => {
  const captured = { capture: capture(of, { rows: rows.length, ...fields }), rows };
  return Effect.as(sink.replace(captured), captured);
};

export const tableOf = (of: Partition.Partition): Table => usageTables[datasetOf(of.dataset).table];

export const encodeRequest = (path: string, rows: ReadonlyArray<UsageRow>, table: Table): EncodeRequest => ({
  table,
  rows: rows as unknown as ReadonlyArray<Row>,
  metadata: {},
  path,
});

/** What plain DuckDB answers, as JSON-able values. Opens the database past everything that is tested here. */
export const ask = async (path: string, sql: string): Promise<ReadonlyArray<ReadonlyArray<unknown>>> => {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    return await (await connection.run(sql)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
};

/** Another process that runs `script`, an ES module with `DuckDBInstance` in it, until the scope ends. Ready when it prints. */
export const otherProcess = (script: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const source = `import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};\n${script}`;
      const child = spawn(process.execPath, ["--input-type=module", "--eval", source, ...args], {
        stdio: ["ignore", "pipe", "inherit"],
        env: {},
      });
      const [said] = (await new Promise((resolve, reject) => {
        child.stdout.once("data", (data) => resolve([data]));
        child.once("exit", (code) => reject(new Error(`it ended with ${code}`)));
      })) as [Buffer];
      return { pid: child.pid!, said: said.toString().trim(), child };
    }),
    ({ child }) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.removeAllListeners("exit");
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await ended;
      }),
  );
