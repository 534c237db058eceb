/**
 * The run after: what it asks for again, what it leaves alone, and what a rehearsal of it tells.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertCode, finished, jsonLines, pointedAt, segmeter, temporaryDirectory, usageCalls } from "./Command.ts";
import { assertTruth, figuresOf, fingerprint, readers, stamp } from "./Held.ts";

/** March is settled then, by two days, and April is ten days old. */
const now = "2024-04-10T06:00:00Z";

describe.concurrent("the next run", () => {
  const world = { now, workspaces: [{ sources: 4, from: "2024-01" }] } as const;
  const openPaths = [
    "/usage/mtu/daily",
    "/usage/mtu/sources/daily",
    "/usage/api-calls/daily",
    "/usage/api-calls/sources/daily",
  ];

  it.live("begins anew where a first one was killed while it made the database", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      const leftover = join(dataDir, "segmeter.duckdb.0123456789ab.tmp");
      yield* Effect.promise(() => writeFile(leftover, "half"));
      const args = ["backfill", "--from", "2024-04", "--data-dir", dataDir];
      assertCode(yield* segmeter(args, { env: pointedAt(simulator, now) }), 0);
      assert.isFalse(existsSync(leftover));
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months: ["2024-04"] }));
    }),
  );

  it.live("of another workspace begins anew in the same directory, and each goes on from its own", () =>
    Effect.gen(function* () {
      const workspaces = [2, 3].map((sources) => ({ sources, from: "2024-02" }));
      const simulator = yield* startSimulator({ now, workspaces });
      const dataDir = yield* temporaryDirectory;
      const run = (workspace: number, at: string, ...args: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const since = simulator.requests.length;
          const env = pointedAt(simulator, at, workspace);
          assertCode(yield* segmeter([...args, "--data-dir", dataDir, "--json"], { env }), 0);
          return new Set(usageCalls(simulator, since).map((call) => call.split(" ")[1]));
        });
      yield* run(0, "2024-03-05T06:00:00Z", "backfill", "--from", "2024-02", "--to", "2024-03");
      // February is open in what the first workspace has, and none of the second's business.
      assert.deepStrictEqual(yield* run(1, now, "nightly"), new Set(["2024-04-01"]));
      assert.deepStrictEqual(yield* run(0, now, "nightly"), new Set(["2024-02-01", "2024-03-01", "2024-04-01"]));
      assert.deepStrictEqual(yield* run(1, now, "nightly"), new Set(["2024-04-01"]));
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months: ["2024-04"], workspace: 1 }));
      const months = ["2024-02", "2024-03", "2024-04"];
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, workspace: 0 }));
    }),
  );

  it.live("reads the open month again and nothing else; what did not change keeps when it was first observed", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const [workspace] = simulator.workspaces;
      const dataDir = yield* temporaryDirectory;
      const backfill = (at: string, ...flags: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const since = simulator.requests.length;
          const args = ["backfill", "--from", "2024-02", "--to", "2024-04", "--data-dir", dataDir, "--json", ...flags];
          const ended = yield* segmeter(args, { env: pointedAt(simulator, at) });
          assertCode(ended, 0);
          return { line: finished(ended), calls: usageCalls(simulator, since).toSorted() };
        });
      const observed = (table: string, reader: keyof typeof readers) =>
        Effect.promise(async () => {
          const rows = await readers[reader](dataDir, table);
          return new Map(rows.map((row) => [`${row["day"]} ${row["source_id"]}`, row["observed_at"]]));
        });
      const held = { months: ["2024-02", "2024-03", "2024-04"] };

      yield* backfill(now);

      // The same day once more: April is asked for again, and every row is as it was.
      const again = yield* backfill("2024-04-10T18:00:00Z");
      assert.deepStrictEqual(again.calls, openPaths.map((path) => `${path} 2024-04-01`).toSorted());
      assert.include(again.line, { captured: 4, skipped: 8, revisions: 0 });
      for (const at of (yield* observed("source_mtu_daily", "DuckDB")).values()) assert.strictEqual(at, stamp(now));

      // Weeks later April is whole, two of its days were corrected, and one source's March, which is settled, as well.
      const later = "2024-05-20T06:00:00Z";
      simulator.setNow(later);
      const [source] = simulator.sources(workspace!.id);
      const change = {
        workspaceId: workspace!.id,
        delta: 7,
        sourceId: source!.id,
        dataset: "source-api-calls",
      } as const;
      simulator.restate({ ...change, month: "2024-04", fromDay: 9 });
      const march = simulator.truth(workspace!.id, "source-api-calls", "2024-03");
      simulator.restate({ ...change, month: "2024-03", fromDay: 31 });
      const third = yield* backfill(later);
      assert.deepStrictEqual(third.calls, again.calls);
      // Two days of the source, and the same two of the workspace.
      assert.include(third.line, { captured: 4, skipped: 8, revisions: 4 });
      for (const reader of Object.keys(readers) as Array<keyof typeof readers>) {
        const seen = yield* observed("source_api_calls_daily", reader);
        for (const [place, at] of seen) {
          const [date = "", id = ""] = place.split(" ");
          const changed = date >= "2024-04-11" || (date >= "2024-04-09" && id === source!.id);
          assert.strictEqual(at, stamp(changed ? later : now), `${place}, ${reader}`);
        }
        const rows = yield* Effect.promise(() => readers[reader](dataDir, "source_api_calls_daily"));
        const heldOfMarch = rows.filter((row) => row["usage_month"] === "2024-03-01");
        assert.deepStrictEqual(
          figuresOf(heldOfMarch)
            .map((row) => String(row["api_calls"]))
            .toSorted(),
          march.map(({ apiCalls }) => apiCalls).toSorted(),
          "a settled month is left alone",
        );
      }

      // All is settled now.
      const fourth = yield* backfill("2024-05-21T06:00:00Z");
      assert.deepStrictEqual(fourth.calls, []);
      assert.include(fourth.line, { captured: 0, skipped: 12, rows: 0, requests: 1, revisions: 0 });

      // Unless it is asked for.
      const refreshed = yield* backfill("2024-05-22T06:00:00Z", "--refresh");
      assert.deepStrictEqual(
        refreshed.calls,
        held.months.flatMap((month) => openPaths.map((path) => `${path} ${month}-01`)).toSorted(),
      );
      assert.include(refreshed.line, { captured: 12, skipped: 0, revisions: 2 });
      yield* Effect.promise(() => assertTruth(dataDir, simulator, held));
      const seen = yield* observed("source_api_calls_daily", "Parquet through hyparquet");
      assert.strictEqual(seen.get(`2024-03-31 ${source!.id}`), stamp("2024-05-22T06:00:00Z"));
      assert.strictEqual(seen.get(`2024-03-30 ${source!.id}`), stamp(now));
    }),
  );
});

describe.concurrent("--dry-run", () => {
  const world = { now, workspaces: [{ sources: 5, from: "2024-01" }] } as const;

  it.live("tells the least number of calls, makes none of them, and creates nothing", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = join(yield* temporaryDirectory, "not", "there");
      const args = ["backfill", "--from", "2024-02", "--dry-run", "--data-dir", dataDir];
      const env = pointedAt(simulator, now);
      const ended = yield* segmeter(args, { env });
      assertCode(ended, 0);
      assert.match(
        `${ended.stdout}${ended.stderr}`,
        /^12 partitions to capture, 0 held already; 12 calls for usage at least\.\n$/,
      );
      const [planned] = jsonLines((yield* segmeter([...args, "--json"], { env })).stdout);
      assert.deepStrictEqual(planned, { event: "run-planned", captures: 12, skipped: 0, leastCalls: 12 });
      assert.deepStrictEqual(usageCalls(simulator), []);
      assert.isFalse(existsSync(join(dataDir, "..")));
    }),
  );

  it.live("counts the pages of what is held, and touches nothing of it", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      const env = pointedAt(simulator, now);
      const args = ["backfill", "--from", "2024-03", "--page-size", "20", "--data-dir", dataDir];
      assertCode(yield* segmeter(args, { env }), 0);
      const before = yield* Effect.promise(() => fingerprint(dataDir));
      const since = simulator.requests.length;
      const april = usageCalls(simulator).filter((call) => call.endsWith("2024-04-01"));

      const open = yield* segmeter([...args, "--dry-run", "--json"], { env });
      assertCode(open, 0);
      assert.deepStrictEqual(jsonLines(open.stdout)[0], {
        event: "run-planned",
        captures: 4,
        skipped: 4,
        leastCalls: april.length,
      });
      assert.isAbove(april.length, 4);
      assert.include(finished(open), { captured: 0, rows: 0, requests: 1, failed: 0 });
      const all = yield* segmeter([...args, "--dry-run", "--json", "--refresh"], { env });
      assert.strictEqual(jsonLines(all.stdout)[0]?.["leastCalls"], usageCalls(simulator).length);

      assert.deepStrictEqual(usageCalls(simulator, since), []);
      assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(dataDir)), before);
    }),
  );
});
