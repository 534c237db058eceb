/**
 * What the tests of inspection stand on: a sink in which everything is as it should be, and what tells how it no longer is.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { assert } from "@effect/vitest";
import { type Fault, type Inspection, type Row, type Table, type Sink } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { publishFile } from "../src/ParquetFile.ts";
import { captureMetadata, type Metadata } from "../src/ParquetFooter.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { parquetDirectory, type TableFile } from "../src/ParquetLayout.ts";
import { after, capture, contents, january, partition, revision, steps, workspaceId } from "./SinkSetting.ts";

export const run = { runId: "run-1", workspaceId, command: "backfill", arguments: {}, version: "1", started: 1 };
const names = { workspace: { id: workspaceId, slug: "acme", name: "Acme" }, seenAt: 1 };
const source = { id: "s", slug: "s", name: "s", type: "javascript", enabled: true, labels: [] };

/** A sink in which everything is as it should be: a history, another dataset, all the books. */
export const sound = Effect.fn("sound")(function* () {
  const setting = yield* after(3);
  const { sink } = setting;
  const other = capture(4, { captureId: "other", partition: { ...partition, dataset: "workspace-mtu" }, rows: 0 });
  yield* sink.replace({ capture: { ...other, outcome: "empty" }, rows: [] });
  yield* sink.record(capture(5, { captureId: "failed", outcome: "failed", rows: 0 }));
  yield* sink.saveRun(run);
  yield* sink.saveNames({ ...names, sources: [source] });
  return setting;
});

export const kinds = ({ faults }: Inspection) => faults.map(({ kind, where }) => [kind, where]);

export const onlyFault = Effect.fnUntraced(function* (sink: Sink) {
  const { faults } = yield* sink.inspect;
  assert.lengthOf(faults, 1, JSON.stringify(faults));
  return faults[0]!;
});

/** Writes a file of ours that says in its footer what `metadata` says, whatever its rows. */
export const written = (table: Table, rows: ReadonlyArray<Row>, metadata: Metadata, path: string) =>
  publishFile(parquetJsEncoder, { table, rows, metadata, path });

export const usageFooter = captureMetadata(steps[2].captured);
export const usageRows = steps[2].captured.rows;
export const place: Pick<TableFile, "month" | "workspaceId"> = { workspaceId, month: january };
export const superseded = [revision(1, 1, 2), revision(2, 1, 3)];

/** Clears it, and says where the file lies then; what it says has to be so. */
export const moved = Effect.fnUntraced(function* (dataDir: string, fault: Fault) {
  const before = readFileSync(fault.where, "latin1");
  const said = yield* fault.clear!;
  const [path] = Object.keys(contents(join(dataDir, "damaged")));
  assert.include(said, path!);
  assert.isFalse(existsSync(fault.where));
  assert.strictEqual(readFileSync(path!, "latin1"), before);
  const below = relative(parquetDirectory(dataDir), dirname(fault.where));
  assert.strictEqual(dirname(path!), join(dataDir, "damaged", below));
  assert.match(path!, /\/[0-9TZ]+-[0-9a-f]{6}-data\.parquet$/);
});
