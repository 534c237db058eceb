/**
 * What the tests of the sink stand on: a sink on a directory of its own, and a partition with a history of three captures.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  bookTables,
  type Capture,
  type DatasetName,
  type Encoder,
  type Partition,
  type Revision,
  revisionTables,
  sinkError,
  UsageMonth,
  type UsageRow,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { fileOf } from "../src/ParquetLayout.ts";
import { openParquetSink } from "../src/ParquetSink.ts";
import { mtuRow, mtuTable, temporaryDirectory } from "./Setting.ts";

export const january = Option.getOrThrow(UsageMonth.parse("2024-01"));
export const workspaceId = "w";
export const partition: Partition.Partition = { workspaceId, dataset: "source-mtu", month: january };
export const revisionsTable = revisionTables.source_mtu_daily;

export const opened = Effect.fn("opened")(function* (encoder: Encoder = parquetJsEncoder) {
  const dataDir = join(yield* temporaryDirectory, "data");
  const sink = yield* openParquetSink({ dataDir, encoder });
  const ledger = yield* fileOf(dataDir, bookTables.captures, workspaceId, january);
  const data = yield* fileOf(dataDir, mtuTable, workspaceId, january);
  const revisions = yield* fileOf(dataDir, revisionsTable, workspaceId, january);
  return { dataDir, sink, ledger, data, revisions };
});

/** Everything below a directory, by name and content. */
export const contents = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name, parentPath }) => [join(parentPath, name), readFileSync(join(parentPath, name), "latin1")]),
  );

export const at = (time: number): number => 1_706_745_600_000_000 + time;

export const capture = (time: number, fields: Partial<Capture.Capture> = {}): Capture.Capture => ({
  captureId: `capture-${time}`,
  runId: "run-1",
  partition,
  state: "open",
  outcome: "captured",
  rows: 5,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt: at(time),
  ...fields,
});

export const captured = (time: number, days = 5, dataset: DatasetName = "source-mtu"): Capture.CapturedPartition => {
  const rows = Array.from({ length: days }, (_, index): UsageRow => {
    const { source_id, ...row } = mtuRow(index);
    return dataset === "source-mtu" ? { ...row, source_id } : row;
  });
  return { capture: capture(time, { rows: rows.length, partition: { ...partition, dataset } }), rows };
};

/** The version of the row of a day that the capture at `observed` saw first. */
export const version = (day: number, observed: number): UsageRow => ({
  ...mtuRow(day),
  anonymous: BigInt(observed),
  observed_at: at(observed),
});

export const revision = (day: number, observed: number, superseded: number): Revision => ({
  ...version(day, observed),
  superseded_at: at(superseded),
});

const step = (time: number, rows: ReadonlyArray<UsageRow>, revisions: ReadonlyArray<Revision>) => ({
  captured: { capture: capture(time, { rows: rows.length }), rows },
  superseded: { since: at(time - 1), revisions, captures: [] } satisfies Capture.Superseded,
});

/** Three captures of one partition: the second corrects a row, the third withdraws one. */
export const steps = [
  step(1, [version(0, 1), version(1, 1), version(2, 1)], []),
  step(2, [version(0, 1), version(1, 2), version(2, 1)], [revision(1, 1, 2)]),
  step(3, [version(0, 1), version(1, 2)], [revision(2, 1, 3)]),
] as const;

/** A sink that has taken the first steps. */
export const after = Effect.fn("after")(function* (count: number) {
  const setting = yield* opened();
  for (const { captured, superseded } of steps.slice(0, count)) yield* setting.sink.replace(captured, superseded);
  return setting;
});

/** What a process leaves that is killed before it renames a file to `path`. */
export const markBeside = (path: string): string =>
  join(dirname(path), `.data.parquet.${process.pid}.0123456789ab.tmp`);

/** The same as after three steps, but the ledger is that of after two. `complete`: everything, with the ledger of after three. */
export const behind = Effect.gen(function* () {
  const setting = yield* after(2);
  const { dataDir, ledger, sink } = setting;
  const old = readFileSync(ledger);
  yield* sink.replace(steps[2].captured, steps[2].superseded);
  const complete = contents(dataDir);
  writeFileSync(ledger, old);
  return { ...setting, complete, old };
});

/** Cannot write a thing. */
export const full: Encoder = {
  name: "parquetjs",
  encode: ({ path }) => Effect.fail(sinkError(`write ${path}`, "Full", "No space.")),
};
