/**
 * What a test of the contract stands on: a sink on a directory of its own, and a reader of what it left there.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, it } from "@effect/vitest";
import {
  type Capture,
  datasetOf,
  type Partition,
  type Row,
  type Sink,
  type SinkError,
  type Table,
  usageTables,
  UsageMonth,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";

export type OpenSink = (dataDir: string) => Effect.Effect<Sink, SinkError, Scope.Scope>;

export interface SinkContractOptions {
  /**
   * All rows of a table, partition columns included, in any order, read by something other than the sink. Called when no sink
   * is open on the directory.
   */
  readonly rowsOf: (dataDir: string, table: Table) => Promise<ReadonlyArray<Row>>;
  /** The sink takes any bigint, so that no row of this suite can make `replace` fail. */
  readonly boundless?: true;
}

export interface Store {
  /** Opens the sink for the time of `use`. */
  readonly using: <A, E>(use: (sink: Sink) => Effect.Effect<A, E>) => Effect.Effect<A, E | SinkError>;
  /** In key order. */
  readonly rowsOf: (table: Table) => Effect.Effect<ReadonlyArray<Row>>;
}

/** Registers a test of the sink at hand. */
export type SinkTest = (title: string, body: (store: Store) => Effect.Effect<void, unknown>) => void;

export const sinkTest =
  (open: OpenSink, options: SinkContractOptions): SinkTest =>
  (title, body) =>
    it.live(title, () =>
      Effect.acquireUseRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-contract-"))),
        (parent) => {
          const dataDir = join(parent, "data");
          return body({
            using: (use) => Effect.scoped(Effect.flatMap(open(dataDir), use)),
            rowsOf: (table) =>
              Effect.map(
                Effect.promise(() => options.rowsOf(dataDir, table)),
                (rows) => rows.toSorted(byKey(table)),
              ),
          });
        },
        (parent) => Effect.promise(() => rm(parent, { recursive: true })),
      ),
    );

export const tableOf = (of: Partition.Partition): Table => usageTables[datasetOf(of.dataset).table];

export const byKey =
  (table: Table) =>
  (a: Row, b: Row): number => {
    for (const column of table.key) {
      const [left, right] = [a[column]!, b[column]!];
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  };

/** The rows as a store's table has them: with the partition columns, in key order. */
export const inTable = ({ capture, rows }: Capture.CapturedPartition): ReadonlyArray<Row> =>
  rows.map((row) => ({
    workspace_id: capture.partition.workspaceId,
    usage_month: UsageMonth.firstDay(capture.partition.month),
    ...row,
  }));

export const byId = (captures: ReadonlyArray<Capture.Capture>): ReadonlyArray<Capture.Capture> =>
  captures.toSorted((a, b) => (a.captureId < b.captureId ? -1 : 1));

/** The sink gives back exactly this. */
export const holds = Effect.fn("holds")(function* (sink: Sink, expected: Capture.CapturedPartition) {
  const found = yield* sink.read(expected.capture.partition);
  assert.deepStrictEqual(found?.capture, expected.capture);
  assert.deepStrictEqual(found?.rows, expected.rows);
});
