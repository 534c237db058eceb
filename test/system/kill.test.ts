/**
 * Kill -9: whatever moment it comes at, what was committed is whole, and the next run needs nothing of it again.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames, datasets, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { setTimeout } from "node:timers/promises";
import {
  assertCode,
  finished,
  pointedAt,
  segmeter,
  start,
  temporaryDirectory,
  until,
  usageCalls,
} from "../../pipelines/test/Command.ts";
import {
  assertTruth,
  expectedFiles,
  figuresOf,
  filesBelow,
  monthsFrom,
  readers,
  tableOf,
  truthOf,
} from "../../pipelines/test/Held.ts";
import { random } from "./Random.ts";

/** May is settled then, and June ten days old. */
const now = "2024-06-10T06:00:00Z";
const months = monthsFrom("2024-01", "2024-06");
const kills = 6;

describe("kill -9", () => {
  const seed = Number(process.env["KILL_SEED"] ?? Date.now() % 1_000_000);

  it.live(`at ${kills} random moments, seed ${seed}`, () =>
    Effect.gen(function* () {
      const draw = random(seed);
      const options = { now, latencyMs: [5, 60], workspaces: [{ sources: 4, from: "2024-01" }] } as const;
      const simulator = yield* startSimulator(options);
      const workspaceId = simulator.workspaces[0]!.id;
      const dataDir = yield* temporaryDirectory;
      const env = pointedAt(simulator, now);
      const args = ["backfill", "--from", "2024-01", "--concurrency", "3", "--page-size", "60", "--data-dir", dataDir];
      const moments: Array<string> = [];

      for (let kill = 0; kill < kills; kill++) {
        const since = simulator.requests.length;
        // A random number of requests into the run, and then a little: while pages come, rows are written, or files renamed.
        const requests = 1 + Math.floor(draw() * 14);
        const ms = Math.floor(draw() * 60);
        moments.push(`${requests} requests and ${ms} ms`);
        const running = yield* start(args, { env });
        let isOver = false;
        const ended = running.ended.pipe(Effect.tap(() => Effect.sync(() => (isOver = true))));
        const watching = Effect.runPromise(ended);
        yield* until("requests are made", () => isOver || simulator.requests.length - since >= requests);
        yield* Effect.promise(() => setTimeout(ms));
        running.kill("SIGKILL");
        yield* Effect.promise(() => watching);

        // Whatever is there is whole months of the truth, in either sink.
        for (const dataset of datasetNames) {
          for (const [name, read] of Object.entries(readers)) {
            const rows = yield* Effect.promise(() => read(dataDir, tableOf[dataset]));
            const held = [...new Set(rows.map((row) => String(row["usage_month"]).slice(0, 7)))].toSorted();
            const truth = truthOf(simulator, workspaceId, dataset, held);
            assert.deepStrictEqual(figuresOf(rows), truth, `${dataset} in ${name} after ${moments.join(", ")}`);
          }
        }
      }

      const settled = new Set<string>();
      for (const dataset of datasetNames) {
        for (const read of [readers.DuckDB, readers["Parquet through hyparquet"]]) {
          for (const row of yield* Effect.promise(() => read(dataDir, tableOf[dataset]))) {
            if (row["usage_month"] !== "2024-06-01")
              settled.add(`${datasets[dataset].path} ${String(row["usage_month"])}`);
          }
        }
      }

      const since = simulator.requests.length;
      const last = yield* segmeter([...args, "--json"], { env });
      assertCode(last, 0);
      const again = usageCalls(simulator, since).filter((call) => settled.has(call));
      assert.deepStrictEqual(again, [], `months that were committed: ${moments.join(", ")}`);
      const { captured, skipped } = finished(last);
      assert.deepStrictEqual([captured, skipped], [24 - settled.size, settled.size], moments.join(", "));
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months }));
      const files = yield* Effect.promise(() => filesBelow(dataDir));
      assert.deepStrictEqual(files, expectedFiles(workspaceId, months), moments.join(", "));
    }),
  );
});
