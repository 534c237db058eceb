import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { type Capture, makeMemorySink, UsageMonth } from "../src/index.ts";

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
      yield* sink.saveNames({ workspace, sources: [], seenAt: 9 });
      const { first_seen, last_seen } = sink.workspaces.get("w1")!;
      assert.deepStrictEqual([first_seen, last_seen], [1, 9]);
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
        [...sink.runs.values()].map(({ started }) => started),
        [2],
      );
    }),
  );
});
