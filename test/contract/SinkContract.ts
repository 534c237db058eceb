/**
 * The contract of the sink port, as tests. Every sink registers them with one call, and none is a sink that fails one.
 *
 * What a sink wrote is looked at twice: through the port, and by a reader that the sink did not bring along.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import {
  bookTables,
  type Capture,
  datasetNames,
  datasetOf,
  type Name,
  type Partition,
  type Row,
  Run,
  type Sink,
  type SinkError,
  type Table,
  usageTables,
  UsageMonth,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { partition, sample, sampleCapture, sampleRows, sampleWithout } from "./Samples.ts";

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

const tableOf = (of: Partition.Partition): Table => usageTables[datasetOf(of.dataset).table];

/** Ids that would leave the directory, be taken for a number or a pattern, or decode twice if a sink were careless. */
const oddIds = [
  "../x",
  "..",
  "a/b",
  "a\\b",
  `it's "quoted"`,
  "%2F",
  "100%",
  "0042",
  "12345678901234567890",
  "2024-01-01",
  "two words",
  " padded ",
  "a=b&c=d",
  "*?[a-z]{1}",
  "true",
  "null",
  "__HIVE_DEFAULT_PARTITION__",
  "ünïcödé",
  "日本語",
  "😀",
  "line\nbreak",
];

const exactCounts = [0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

const byKey =
  (table: Table) =>
  (a: Row, b: Row): number => {
    for (const column of table.key) {
      const [left, right] = [a[column]!, b[column]!];
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  };

/** The rows as a store's table has them: with the partition columns, in key order. */
const inTable = ({ capture, rows }: Capture.CapturedPartition): ReadonlyArray<Row> =>
  rows.map((row) => ({
    workspace_id: capture.partition.workspaceId,
    usage_month: UsageMonth.firstDay(capture.partition.month),
    ...row,
  }));

const idsOf = (captures: ReadonlyArray<Capture.Capture>): ReadonlyArray<string> =>
  captures.map((capture) => capture.captureId);

const byId = (captures: ReadonlyArray<Capture.Capture>): ReadonlyArray<Capture.Capture> =>
  captures.toSorted((a, b) => (a.captureId < b.captureId ? -1 : 1));

const holds = Effect.fn("holds")(function* (sink: Sink, expected: Capture.CapturedPartition) {
  const found = yield* sink.read(expected.capture.partition);
  assert.deepStrictEqual(found?.capture, expected.capture);
  assert.deepStrictEqual(found?.rows, expected.rows);
});

export const sinkContract = (name: string, open: OpenSink, options: SinkContractOptions): void => {
  /** A test on a directory of its own, with ways to open the sink and to look at what it left. */
  const test = (title: string, body: (store: Store) => Effect.Effect<void, SinkError>, skipped = false): void =>
    it.live.skipIf(skipped)(title, () =>
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

  describe(`sink contract: ${name}`, () => {
    for (const dataset of datasetNames) {
      test(`gives back what was put in: ${dataset}`, ({ rowsOf, using }) =>
        Effect.gen(function* () {
          const captured = sample(partition(dataset));
          yield* using((sink) =>
            Effect.gen(function* () {
              yield* sink.replace(captured);
              yield* holds(sink, captured);
              const { workspaceId } = captured.capture.partition;
              assert.deepStrictEqual(yield* sink.held(workspaceId), [captured.capture]);
              assert.deepStrictEqual(yield* sink.captures(workspaceId), [captured.capture]);
              assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
            }),
          );
          assert.deepStrictEqual(yield* rowsOf(tableOf(captured.capture.partition)), inTable(captured));
        }));
    }

    test("knows nothing of what it never got", ({ using }) =>
      using((sink) =>
        Effect.gen(function* () {
          assert.isUndefined(yield* sink.read(partition("source-mtu")));
          assert.deepStrictEqual(yield* sink.held("nobody"), []);
          assert.deepStrictEqual(yield* sink.captures("nobody"), []);
          assert.deepStrictEqual(yield* sink.captures(), []);
          yield* sink.replace(sample(partition("source-mtu")));
          assert.isUndefined(yield* sink.read(partition("source-mtu", "2024-02")));
          assert.isUndefined(yield* sink.read(partition("workspace-mtu")));
          assert.isUndefined(yield* sink.read(partition("source-mtu", "2024-01", "nobody")));
          assert.deepStrictEqual(yield* sink.held("nobody"), []);
        }),
      ));

    test("replacing twice with the same capture equals once", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const captured = sample(partition("source-mtu"));
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(captured);
            yield* sink.replace(captured);
            yield* holds(sink, captured);
            assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
            assert.lengthOf(yield* sink.held(captured.capture.partition.workspaceId), 1);
          }),
        );
        assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), inTable(captured));
        assert.lengthOf(yield* rowsOf(bookTables.captures), 1);
      }));

    test("a capture with fewer, more or other rows takes the place of the held one", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const of = partition("source-api-calls");
        const neighbour = sample(partition("source-api-calls", "2024-02"));
        const versions = [
          sample(of, { days: 20 }),
          sample(of, { days: 5 }),
          sample(of, { days: 31, sources: ["src-a", "src-b", "src-c", "src-d"] }),
          sample(of, { days: 31, sources: ["others", "only"] }),
          sample(of, { count: (row) => BigInt(row) + 1n }),
        ];
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(neighbour);
            for (const captured of versions) {
              yield* sink.replace(captured);
              yield* holds(sink, captured);
              const held = yield* sink.held(of.workspaceId);
              assert.deepStrictEqual(byId(held), byId([neighbour.capture, captured.capture]));
            }
            yield* holds(sink, neighbour);
          }),
        );
        const expected = [...inTable(versions.at(-1)!), ...inTable(neighbour)];
        const table = usageTables.source_api_calls_daily;
        assert.deepStrictEqual(yield* rowsOf(table), expected.toSorted(byKey(table)));
      }));

    test("counts come back exactly, over the whole range of a BIGINT", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const count = (row: number): bigint => exactCounts[row % exactCounts.length]!;
        const mtu = sample(partition("source-mtu"), { count });
        const calls = sample(partition("workspace-api-calls"), { count });
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(mtu);
            yield* sink.replace(calls);
            yield* holds(sink, mtu);
            yield* holds(sink, calls);
          }),
        );
        assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), inTable(mtu));
        assert.deepStrictEqual(yield* rowsOf(usageTables.workspace_api_calls_daily), inTable(calls));
      }));

    test("instants keep their microseconds", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const captured = sample(partition("workspace-mtu"), { micros: 123_457 }, { capturedAt: 1_709_251_200_000_001 });
        yield* using((sink) => Effect.andThen(sink.replace(captured), holds(sink, captured)));
        assert.deepStrictEqual(yield* rowsOf(usageTables.workspace_mtu_daily), inTable(captured));
        const [entry] = yield* rowsOf(bookTables.captures);
        assert.strictEqual(entry!["captured_at"], 1_709_251_200_000_001);
      }));

    test("ids may be any text", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const all = oddIds.map((id) => sample(partition("source-mtu", "2024-01", id), { days: 2, sources: oddIds }));
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* Effect.forEach(all, (captured) => sink.replace(captured));
            yield* Effect.forEach(all, (captured) => holds(sink, captured));
            for (const { capture } of all) {
              assert.deepStrictEqual(yield* sink.held(capture.partition.workspaceId), [capture]);
              assert.deepStrictEqual(yield* sink.captures(capture.partition.workspaceId), [capture]);
            }
          }),
        );
        const table = usageTables.source_mtu_daily;
        assert.deepStrictEqual(yield* rowsOf(table), all.flatMap(inTable).toSorted(byKey(table)));
      }));

    for (const outcome of ["empty", "absent"] as const) {
      test(`a month without rows is held: ${outcome}`, ({ rowsOf, using }) =>
        Effect.gen(function* () {
          const of = partition("source-mtu");
          const without = sampleWithout(of, outcome);
          yield* using((sink) =>
            Effect.gen(function* () {
              yield* sink.replace(without);
              yield* holds(sink, without);
              assert.deepStrictEqual(yield* sink.held(of.workspaceId), [without.capture]);
              const captured = sample(of);
              yield* sink.replace(captured);
              yield* holds(sink, captured);
              const again = sampleWithout(of, outcome);
              yield* sink.replace(again);
              yield* holds(sink, again);
              assert.deepStrictEqual(yield* sink.held(of.workspaceId), [again.capture]);
              assert.deepStrictEqual(yield* sink.captures(), [without.capture, captured.capture, again.capture]);
            }),
          );
          assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), []);
        }));
    }

    test("a failed capture is recorded and leaves what is held", ({ using }) =>
      using((sink) =>
        Effect.gen(function* () {
          const captured = sample(partition("source-mtu"));
          yield* sink.replace(captured);
          const failed = sampleCapture(captured.capture.partition, { outcome: "failed", state: "open" });
          const forbidden = sampleCapture(partition("workspace-mtu"), { outcome: "forbidden", state: "open" });
          yield* sink.record(failed);
          yield* sink.record(forbidden);
          yield* sink.record(forbidden);
          yield* holds(sink, captured);
          assert.isUndefined(yield* sink.read(forbidden.partition));
          assert.deepStrictEqual(yield* sink.held(failed.partition.workspaceId), [captured.capture]);
          assert.deepStrictEqual(yield* sink.captures(), [captured.capture, failed, forbidden]);
        }),
      ));

    test("the ledger keeps every capture, in the order in which they were made", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const days = [5, 1, 4, 2, 3];
        const all = days.map((day) =>
          sample(partition("workspace-api-calls", `2024-0${1 + (day % 2)}`), { days: day }, { capturedAt: day * 1e15 }),
        );
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* Effect.forEach(all, (captured) => sink.replace(captured));
            const expected = all.map(({ capture }) => capture).toSorted((a, b) => a.capturedAt - b.capturedAt);
            assert.deepStrictEqual(yield* sink.captures(), expected);
          }),
        );
        const entries = yield* rowsOf(bookTables.captures);
        assert.deepStrictEqual(
          entries.map((row) => row["capture_id"]),
          idsOf(all.map(({ capture }) => capture)).toSorted(),
        );
      }));

    test("workspaces are kept apart", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const a = sample(partition("source-mtu", "2024-01", "workspace-a"));
        const b = sample(partition("source-mtu", "2024-01", "workspace-b"), { days: 3 });
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(a);
            yield* sink.replace(b);
            yield* holds(sink, a);
            yield* holds(sink, b);
            assert.deepStrictEqual(yield* sink.held("workspace-a"), [a.capture]);
            assert.deepStrictEqual(yield* sink.held("workspace-b"), [b.capture]);
            assert.deepStrictEqual(yield* sink.captures("workspace-a"), [a.capture]);
            assert.deepStrictEqual(yield* sink.captures(), [a.capture, b.capture]);
          }),
        );
        assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), [...inTable(a), ...inTable(b)]);
      }));

    test("several replaces at once lose nothing", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const months = ["2024-01", "2024-02", "2024-03", "2024-04"];
        const all = months.flatMap((period) => datasetNames.map((dataset) => sample(partition(dataset, period))));
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* Effect.forEach(all, (captured) => sink.replace(captured), { concurrency: "unbounded" });
            yield* Effect.forEach(all, (captured) => holds(sink, captured));
            const captures = all.map(({ capture }) => capture);
            assert.deepStrictEqual(byId(yield* sink.captures()), byId(captures));
            assert.deepStrictEqual(byId(yield* sink.held(captures[0]!.partition.workspaceId)), byId(captures));
          }),
        );
        assert.lengthOf(yield* rowsOf(bookTables.captures), all.length);
      }));

    test("of several replaces of one partition at once, one stands whole", ({ using }) =>
      using((sink) =>
        Effect.gen(function* () {
          const all = [3, 9, 27].map((days) => sample(partition("source-mtu"), { days }));
          yield* Effect.forEach(all, (captured) => sink.replace(captured), { concurrency: "unbounded" });
          const found = yield* sink.read(partition("source-mtu"));
          const winner = all.find(({ capture }) => capture.captureId === found?.capture.captureId);
          assert.deepStrictEqual(found, winner);
          assert.deepStrictEqual(byId(yield* sink.captures()), byId(all.map(({ capture }) => capture)));
        }),
      ));

    for (const tooLarge of [2n ** 63n, -(2n ** 63n) - 1n]) {
      test(
        `a count that the store cannot hold fails the replace, which changes nothing: ${tooLarge}`,
        ({ rowsOf, using }) =>
          Effect.gen(function* () {
            const captured = sample(partition("source-mtu"));
            const fresh = partition("source-mtu", "2024-02");
            const count = (row: number): bigint => (row === 40 ? tooLarge : 1n);
            yield* using((sink) =>
              Effect.gen(function* () {
                yield* sink.replace(captured);
                for (const of of [captured.capture.partition, fresh]) {
                  const error = yield* Effect.flip(sink.replace(sample(of, { count })));
                  assert.strictEqual(error._tag, "SinkError");
                  assert.strictEqual(error.reason, "Unrepresentable");
                  assert.include(error.detail, String(tooLarge));
                }
                yield* holds(sink, captured);
                assert.isUndefined(yield* sink.read(fresh));
                assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
                assert.deepStrictEqual(yield* sink.held(fresh.workspaceId), [captured.capture]);
                const good = sample(fresh);
                yield* sink.replace(good);
                yield* holds(sink, good);
              }),
            );
            const table = usageTables.source_mtu_daily;
            const good = inTable({ ...captured, rows: sampleRows(fresh) });
            const expected = [...inTable(captured), ...good.map((row) => ({ ...row, usage_month: firstDay(fresh) }))];
            assert.deepStrictEqual(yield* rowsOf(table), expected.toSorted(byKey(table)));
          }),
        options.boundless,
      );
    }

    test("opened again, it holds the same", ({ using }) =>
      Effect.gen(function* () {
        const all = [
          ...datasetNames.map((dataset) => sample(partition(dataset))),
          sampleWithout(partition("source-mtu", "2024-02"), "absent"),
        ];
        const failed = sampleCapture(partition("source-mtu", "2024-03"), { outcome: "failed" });
        yield* using((sink) =>
          Effect.andThen(
            Effect.forEach(all, (captured) => sink.replace(captured)),
            sink.record(failed),
          ),
        );
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* Effect.forEach(all, (captured) => holds(sink, captured));
            const captures = all.map(({ capture }) => capture);
            assert.deepStrictEqual(byId(yield* sink.held(failed.partition.workspaceId)), byId(captures));
            assert.deepStrictEqual(yield* sink.captures(), [...captures, failed]);
          }),
        );
      }));

    test("names are merged: first seen stays, and so do sources that are gone", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.saveNames(namesOf("w1", "First", ["s1", "s2"], 1_000_001));
            yield* sink.saveNames(namesOf("w2", "Other", ["s1"], 2_000_002));
          }),
        );
        yield* using((sink) => sink.saveNames(namesOf("w1", "Renamed", ["s2", "s3"], 3_000_003)));
        assert.deepStrictEqual(yield* rowsOf(bookTables.workspaces), [
          { workspace_id: "w1", id: "w1", slug: "w1-slug", name: "Renamed", first_seen: 1_000_001, last_seen: 3_000_003 },
          { workspace_id: "w2", id: "w2", slug: "w2-slug", name: "Other", first_seen: 2_000_002, last_seen: 2_000_002 },
        ]);
        const source = (workspace: string, id: string, first: number, last: number): Row => ({
          workspace_id: workspace,
          id,
          slug: `${id}-slug`,
          name: `${id} “näme”`,
          type: "javascript",
          enabled: id !== "s2",
          labels: `[{"key":"environment","value":"prod"}]`,
          first_seen: first,
          last_seen: last,
        });
        assert.deepStrictEqual(yield* rowsOf(bookTables.sources), [
          source("w1", "s1", 1_000_001, 1_000_001),
          source("w1", "s2", 1_000_001, 3_000_003),
          source("w1", "s3", 3_000_003, 3_000_003),
          source("w2", "s1", 2_000_002, 2_000_002),
        ]);
      }));

    test("runs are added when they begin and updated when they end", ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const first: Run.Run = {
          runId: "run-1",
          workspaceId: "w1",
          command: "backfill",
          arguments: { from: "2024-01", dataset: ["source-mtu"], note: `"quoted"` },
          version: "1.2.3",
          started: 1_704_067_200_000_001,
        };
        const ended: Run.Run = { ...first, ended: { at: 1_704_067_260_000_002, exit: 1, totals } };
        const second: Run.Run = { ...first, runId: "run-2", command: "nightly" };
        const elsewhere: Run.Run = { ...first, runId: "run-3", workspaceId: "w2" };
        yield* using((sink) => Effect.andThen(sink.saveRun(first), sink.saveRun(elsewhere)));
        yield* using((sink) =>
          Effect.all([sink.saveRun(ended), sink.saveRun(second)], { concurrency: "unbounded", discard: true }),
        );
        assert.deepStrictEqual(yield* rowsOf(bookTables.runs), [
          { workspace_id: "w1", ...Run.toRow(ended) },
          { workspace_id: "w1", ...Run.toRow(second) },
          { workspace_id: "w2", ...Run.toRow(elsewhere) },
        ]);
      }));
  });
};

interface Store {
  readonly using: <A>(use: (sink: Sink) => Effect.Effect<A, SinkError>) => Effect.Effect<A, SinkError>;
  readonly rowsOf: (table: Table) => Effect.Effect<ReadonlyArray<Row>>;
}

const firstDay = (of: Partition.Partition): number => UsageMonth.firstDay(of.month);

const namesOf = (workspace: string, name: string, sources: ReadonlyArray<string>, seenAt: number): Name.Names => ({
  workspace: { id: workspace, slug: `${workspace}-slug`, name },
  sources: sources.map((id) => ({
    id,
    slug: `${id}-slug`,
    name: `${id} “näme”`,
    type: "javascript",
    enabled: id !== "s2",
    labels: [{ key: "environment", value: "prod" }],
  })),
  seenAt,
});

const totals = {
  captured: 1,
  skipped: 2,
  empty: 3,
  absent: 4,
  failed: 5,
  rows: 6,
  requests: 7,
  retries: 8,
  throttledMs: 9,
  revisions: 10,
};
