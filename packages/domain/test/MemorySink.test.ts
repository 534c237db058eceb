import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { Books, type Capture, Instant, makeMemorySink, type Revision, UsageMonth } from "../src/index.ts";

const month = Option.getOrThrow(UsageMonth.parse("2024-01"));
const capture = (captureId: string, more: Partial<Capture.Capture> = {}): Capture.Capture => ({
  captureId,
  runId: "r1",
  partition: { workspaceId: "w1", dataset: "workspace-api-calls", month },
  state: "settled",
  outcome: "captured",
  rows: 1,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt: 1,
  ...more,
});
const row = { day: 19_723, api_calls: 2n ** 63n - 1n, snapshot_at: 1, observed_at: 2 };

describe("the sink in memory", () => {
  it.effect("holds the last capture of a partition, and every capture in the ledger", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      const { partition } = capture("c1");
      assert.isUndefined(yield* sink.read(partition));
      yield* sink.replace({ capture: capture("c1", { capturedAt: 2 }), rows: [] });
      yield* sink.replace({ capture: capture("c2", { capturedAt: 3 }), rows: [row] });
      yield* sink.replace({ capture: capture("c2", { capturedAt: 3 }), rows: [row] });
      assert.deepStrictEqual((yield* sink.read({ ...partition }))?.rows, [row]);
      assert.deepStrictEqual(
        (yield* sink.held("w1")).map(({ captureId }) => captureId),
        ["c2"],
      );
      assert.deepStrictEqual(
        (yield* sink.captures()).map(({ captureId }) => captureId),
        ["c1", "c2"],
      );
    }),
  );

  it.effect("keeps what it holds when a failure is recorded", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      yield* sink.replace({ capture: capture("c2", { capturedAt: 5 }), rows: [row] });
      yield* sink.record(capture("c1", { outcome: "failed", capturedAt: 4 }));
      assert.deepStrictEqual((yield* sink.read(capture("c2").partition))?.rows, [row]);
      assert.deepStrictEqual(
        (yield* sink.captures("w1")).map(({ captureId }) => captureId),
        ["c1", "c2"],
      );
    }),
  );

  it.effect("holds partitions without rows, and tells workspaces apart", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      const other = { ...capture("c1").partition, workspaceId: "w2" };
      yield* sink.replace({ capture: capture("c1", { outcome: "absent" }), rows: [] });
      yield* sink.replace({
        capture: capture("c2", { outcome: "empty", partition: other }),
        rows: [],
      });
      assert.strictEqual((yield* sink.held("w1"))[0]?.outcome, "absent");
      assert.strictEqual((yield* sink.held("w2"))[0]?.outcome, "empty");
      assert.strictEqual((yield* sink.captures("w2")).length, 1);
      assert.deepStrictEqual(yield* sink.held("w3"), []);
      const forbidden = capture("c3", { outcome: "forbidden", partition: { ...other, workspaceId: "w3" } });
      yield* sink.replace({ capture: forbidden, rows: [] });
      assert.deepStrictEqual(yield* sink.held("w3"), [], "what was not answered is not held");
    }),
  );

  it.effect("merges names and updates runs", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      const workspace = { id: "w1", slug: "acme", name: "Acme" };
      yield* sink.saveNames({ workspace, sources: [], seenAt: 1 });
      yield* sink.saveNames({ workspace, sources: [], seenAt: Instant.microsPerDay });
      const { first_seen, last_seen } = sink.workspaces.get("w1")!;
      assert.deepStrictEqual([first_seen, last_seen], [1, Instant.microsPerDay]);
      const run = {
        runId: "r1",
        workspaceId: "w1",
        command: "nightly",
        arguments: {},
        version: "1",
      };
      yield* sink.saveRun({ ...run, started: 1 });
      yield* sink.saveRun({ ...run, started: 2 });
      assert.deepStrictEqual(
        [...sink.runs.get("w1")!.values()].map(({ started }) => started),
        [2],
      );
    }),
  );

  it.effect("adds revisions to those that stand, and drops those superseded since", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      const { partition } = capture("c1");
      const revision = (day: number, observed_at: number, superseded_at: number): Revision => ({
        ...row,
        day,
        observed_at,
        superseded_at,
      });
      const replace = (superseded?: Capture.Superseded) =>
        sink.replace({ capture: capture("c1", { capturedAt: 9 }), rows: [row] }, superseded);
      yield* replace({ since: 0, revisions: [revision(2, 1, 3), revision(1, 1, 5)], captures: [] });
      assert.deepStrictEqual(yield* sink.revisions(partition), [revision(1, 1, 5), revision(2, 1, 3)]);
      yield* replace();
      assert.strictEqual((yield* sink.revisions(partition)).length, 2, "they stay by default");
      for (let times = 0; times < 2; times++) {
        yield* replace({ since: 3, revisions: [revision(2, 4, 6), revision(1, 1, 4)], captures: [] });
        assert.deepStrictEqual(yield* sink.revisions(partition), [
          revision(1, 1, 4),
          revision(2, 1, 3),
          revision(2, 4, 6),
        ]);
      }
      assert.deepStrictEqual(yield* sink.revisions({ ...partition, workspaceId: "w2" }), []);
    }),
  );

  it.effect("enters the captures that led to one, and the one itself as it is given", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      const held = capture("c3", { capturedAt: 9 });
      const captures = [capture("c1"), capture("c2", { capturedAt: 2 }), { ...held, capturedAt: 3 }];
      yield* sink.replace({ capture: held, rows: [row] }, { since: 0, revisions: [], captures });
      assert.deepStrictEqual(
        (yield* sink.captures("w1")).map(({ captureId, capturedAt }) => [captureId, capturedAt]),
        [
          ["c1", 1],
          ["c2", 2],
          ["c3", 9],
        ],
      );
    }),
  );

  it.effect("keeps books for each workspace, and takes nothing away from them", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink();
      const inOther = { ...capture("c2").partition, workspaceId: "w2" };
      yield* sink.replace({ capture: capture("c1"), rows: [row] });
      yield* sink.record(capture("c2", { outcome: "failed", partition: inOther }));
      yield* sink.saveNames({ workspace: { id: "w3", slug: "s", name: "N" }, sources: [], seenAt: 1 });
      yield* sink.saveRun({ runId: "r", workspaceId: "w4", command: "x", arguments: {}, version: "1", started: 2 });
      assert.deepStrictEqual(yield* sink.workspaceIds, ["w1", "w2", "w3", "w4"]);
      const before = yield* sink.books("w1");
      assert.deepStrictEqual(before, { ...Books.empty, captures: [capture("c1")] });
      const run = {
        run_id: "r",
        command: "x",
        arguments: "{}",
        version: "1",
        started: 1,
        ended: null,
        exit: null,
        totals: null,
      };
      yield* sink.addBooks("w4", { ...Books.empty, runs: [{ ...run, run_id: "r0" }] });
      yield* sink.addBooks("w4", Books.empty);
      assert.deepStrictEqual(
        (yield* sink.books("w4")).runs.map(({ run_id }) => run_id),
        ["r0", "r"],
      );
      yield* sink.addBooks("w4", { ...Books.empty, runs: [{ ...run, ended: 3, exit: 0n, totals: "{}" }] });
      assert.strictEqual((yield* sink.books("w4")).runs.find(({ run_id }) => run_id === "r")?.ended, 3);
      assert.deepStrictEqual(yield* sink.books("w1"), before);
      assert.deepStrictEqual(yield* sink.books("w5"), Books.empty);
    }),
  );

  it.effect("says what it holds when it is inspected", () =>
    Effect.gen(function* () {
      const sink = makeMemorySink("duckdb");
      assert.strictEqual(sink.name, "duckdb");
      yield* sink.replace({ capture: capture("c1"), rows: [row] });
      yield* sink.record(capture("c2", { outcome: "failed" }));
      assert.deepStrictEqual(yield* sink.inspect, { faults: [], held: [capture("c1")], files: 0, rows: 1 });
    }),
  );
});
