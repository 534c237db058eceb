/**
 * The contract on what stands around the figures: the ledger, the names and the runs.
 */
import { assert } from "@effect/vitest";
import { bookTables, type Name, type Row, Run } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { partition, sample, sampleCapture } from "./Samples.ts";
import { holds, type SinkTest } from "./SinkStore.ts";

export const booksContract = (test: SinkTest): void => {
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
        all.map(({ capture }) => capture.captureId).toSorted(),
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
      yield* using((sink) => sink.saveNames(namesOf("w1", "Renamed", ["s2", "s3"], 90_000_000_003)));
      assert.deepStrictEqual(yield* rowsOf(bookTables.workspaces), [
        {
          workspace_id: "w1",
          id: "w1",
          slug: "w1-slug",
          name: "Renamed",
          first_seen: 1_000_001,
          last_seen: 90_000_000_003,
        },
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
        source("w1", "s2", 1_000_001, 90_000_000_003),
        source("w1", "s3", 90_000_000_003, 90_000_000_003),
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
        Effect.forEach([ended, second], (run) => sink.saveRun(run), { concurrency: "unbounded", discard: true }),
      );
      assert.deepStrictEqual(yield* rowsOf(bookTables.runs), [
        { workspace_id: "w1", ...Run.toRow(ended) },
        { workspace_id: "w1", ...Run.toRow(second) },
        { workspace_id: "w2", ...Run.toRow(elsewhere) },
      ]);
    }));
};

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
