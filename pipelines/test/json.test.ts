/**
 * `--json`: what a program reads of a run, and that the ledger says the same.
 */
import { assert, it, layer } from "@effect/vitest";
import { datasetNames, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { join } from "node:path";
import {
  assertCode,
  assertNoStack,
  type Ended,
  finished,
  jsonLines,
  pointedAt,
  segmeter,
  shell,
  temporaryDirectory,
} from "./Command.ts";
import { assertTruth, type PlainRow, readers, stamp, truthOf } from "./Held.ts";

const now = "2024-04-10T06:00:00Z";
const months = ["2024-01", "2024-02", "2024-03", "2024-04"];

interface Run {
  readonly simulator: Simulator;
  readonly workspaceId: string;
  readonly dataDir: string;
  readonly json: Ended;
  readonly words: Ended;
}

/** A run with an empty month, retries, a warning, and one partition that fails; then the next, for people, in which it does not. */
class Reported extends Context.Service<Reported, Run>()("test/Reported") {}

const reported = Layer.effect(
  Reported,
  Effect.gen(function* () {
    const simulator = yield* startSimulator({ now, workspaces: [{ sources: 4, from: "2024-02" }] });
    const dataDir = yield* temporaryDirectory;
    simulator.faults.add({ kind: "html-502", path: "/usage/mtu/daily", month: "2024-02", times: 2 });
    simulator.faults.add({ kind: "reset", path: "/sources" });
    simulator.faults.add({ kind: "unknown-field", path: "/usage/mtu/daily", month: "2024-03" });
    simulator.faults.add({ kind: "bad-row", path: "/usage/mtu/sources/daily", month: "2024-03", times: 1 });
    const args = ["backfill", "--from", "2024-01", "--page-size", "50", "--data-dir", dataDir];
    const env = pointedAt(simulator, now);
    const json = yield* segmeter([...args, "--json"], { env });
    const words = yield* segmeter(args, { env });
    return { simulator, workspaceId: simulator.workspaces[0]!.id, dataDir, json, words };
  }),
);

const fields = [
  "event",
  "runId",
  "captured",
  "skipped",
  "empty",
  "absent",
  "failed",
  "rows",
  "requests",
  "retries",
  "throttledMs",
  "revisions",
];

const readersOfAll = Object.entries(readers);

layer(reported, { excludeTestServices: true })("a run with --json", (it) => {
  it.effect("ends with run-finished, of exactly the fields that the documents name", () =>
    Effect.gen(function* () {
      const { json, simulator, workspaceId } = yield* Reported;
      assertCode(json, 1);
      const line = finished(json);
      assert.deepStrictEqual(Object.keys(line), fields);
      const kept = datasetNames.flatMap((dataset) => {
        const held = dataset === "source-mtu" ? months.filter((month) => month !== "2024-03") : months;
        return truthOf(simulator, workspaceId, dataset, held);
      });
      assert.include(line, { captured: 11, skipped: 0, empty: 4, absent: 0, failed: 1, rows: kept.length, retries: 3 });
      assert.match(String(line["runId"]), /^[0-9a-f-]{36}$/);
    }),
  );

  it.effect("says one thing a line, each about a partition once", () =>
    Effect.gen(function* () {
      const { json } = yield* Reported;
      const lines = jsonLines(json.stdout);
      assert.deepStrictEqual(lines[0], { event: "run-planned", captures: 16, skipped: 0, leastCalls: 16 });
      const partitions = lines.filter(({ event }) => String(event).startsWith("partition-"));
      const places = partitions.map(({ dataset, usageMonth }) => `${String(dataset)} ${String(usageMonth)}`);
      const all = datasetNames.flatMap((dataset) => months.map((month) => `${dataset} ${month}`));
      assert.deepStrictEqual(places.toSorted(), all.toSorted());
      // The field that nobody knew of is told once, for the whole run.
      const fields = lines.filter(({ event }) => event === "unknown-fields-seen");
      const seen = [{ name: "estimatedCost", datasets: ["workspace-mtu"] }];
      assert.deepStrictEqual(fields, [{ event: "unknown-fields-seen", fields: seen }]);
      assert.strictEqual(lines.length, 1 + partitions.length + fields.length + 1);
      const failed = partitions.filter(({ event }) => event === "partition-failed");
      assert.strictEqual(failed.length, 1);
      assert.include(failed[0], { dataset: "source-mtu", usageMonth: "2024-03", outcome: "failed", rows: 0 });
    }),
  );

  it.effect("leaves words to stderr", () =>
    Effect.gen(function* () {
      const { json } = yield* Reported;
      assert.match(json.stderr, /^16 partitions to capture, 0 held already; 16 calls for usage at least\.\n/);
      assert.match(json.stderr, /^failed: .*source-mtu.*2024-03.*: .+$/m);
      assert.match(json.stderr, /^warning: .*does not know: estimatedCost \(workspace-mtu\)\.$/m);
      assert.match(
        json.stderr,
        /^backfill: 11 partitions captured \(.+ rows\), 4 empty, 0 held already, 1 failed; .+\n$/m,
      );
      assertNoStack(json.stderr);
    }),
  );

  it.effect("without it, the summary is what stdout has", () =>
    Effect.gen(function* () {
      const { words } = yield* Reported;
      assertCode(words, 0);
      // April is open, and March's sources were missing; the empty January is settled like any other.
      assert.match(
        words.stdout,
        /^backfill: 5 partitions captured \([\d,]+ rows\), 11 held already, 0 failed; [^\n]+\n$/,
      );
      assert.match(words.stderr, /^5 partitions to capture, 11 held already; \d+ calls for usage at least\.\n$/);
    }),
  );

  for (const [name, read] of readersOfAll) {
    it.effect(`runs agrees with it, as read from ${name}`, () =>
      Effect.gen(function* () {
        const { dataDir, json, workspaceId } = yield* Reported;
        const { event: _, runId, ...totals } = finished(json);
        const runs = yield* Effect.promise(() => read(dataDir, "runs"));
        assert.strictEqual(runs.length, 2);
        const run = runs.find((row) => row["run_id"] === runId);
        assert.isDefined(run);
        const { arguments: given, totals: kept, version, ...rest } = run!;
        assert.deepStrictEqual(JSON.parse(String(kept)), totals);
        assert.deepStrictEqual(rest, {
          workspace_id: workspaceId,
          run_id: runId,
          command: "backfill",
          started: stamp(now),
          ended: stamp(now),
          exit: 1n,
        });
        assert.match(String(version), /^\d+\.\d+\.\d+/);
        assert.include(JSON.parse(String(given)), { from: "2024-01", to: "2024-04", pageSize: 50 });
        assert.strictEqual(runs.find((row) => row["run_id"] !== runId)?.["exit"], 0n);
      }),
    );

    it.effect(`captures agrees with it, as read from ${name}`, () =>
      Effect.gen(function* () {
        const { dataDir, json } = yield* Reported;
        const line = finished(json);
        const captures = yield* Effect.promise(() => read(dataDir, "captures"));
        const ofRun = captures.filter((row) => row["run_id"] === line["runId"]);
        const told = jsonLines(json.stdout).filter(({ captureId }) => captureId !== undefined);
        assert.strictEqual(ofRun.length, 16);
        for (const one of told) {
          const row = ofRun.find((row) => row["capture_id"] === one["captureId"]);
          assert.deepStrictEqual(
            { ...row, warnings: JSON.parse(String(row?.["warnings"])) as unknown },
            {
              workspace_id: one["workspaceId"],
              usage_month: `${String(one["usageMonth"])}-01`,
              capture_id: one["captureId"],
              dataset: one["dataset"],
              state: one["state"],
              outcome: one["outcome"],
              rows: BigInt(one["rows"] as number),
              pages: BigInt(one["pages"] as number),
              requests: BigInt(one["requests"] as number),
              retries: BigInt(one["retries"] as number),
              warnings: one["warnings"],
              captured_at: stamp(now),
              run_id: line["runId"],
            },
          );
        }
        // Beside those of the captures: one for the workspace, one for the sources, and a second try of that.
        assert.strictEqual(Number(sumOf(ofRun, "requests")) + 3, line["requests"]);
        assert.strictEqual(Number(sumOf(ofRun, "retries")) + 1, line["retries"]);
      }),
    );
  }

  it.effect("counts each request that the service saw", () =>
    Effect.gen(function* () {
      const { dataDir, simulator } = yield* Reported;
      const runs = yield* Effect.promise(() => readers.DuckDB(dataDir, "runs"));
      const counted = runs.map((row) => (JSON.parse(String(row["totals"])) as { readonly requests: number }).requests);
      assert.strictEqual(
        counted.reduce((sum, count) => sum + count),
        simulator.requests.length,
      );
    }),
  );
});

it.live("a reader that has seen enough does not end the run, nor change how it ends", () =>
  Effect.gen(function* () {
    const simulator = yield* startSimulator({ now, latencyMs: 10, workspaces: [{ sources: 4, from: "2024-02" }] });
    simulator.faults.add({ kind: "bad-row", path: "/usage/mtu/daily", month: "2024-03" });
    const cwd = yield* temporaryDirectory;
    const line = 'segmeter backfill --from 2024-01 --data-dir data --json | head -n 1 > first; echo "${PIPESTATUS[0]}"';
    const ended = yield* shell(line, { cwd, env: pointedAt(simulator, now) });
    assert.strictEqual(ended.stdout, "1\n", ended.stderr);
    assertNoStack(ended.stderr);
    const dataDir = join(cwd, "data");
    const [run] = yield* Effect.promise(() => readers.DuckDB(dataDir, "runs"));
    assert.include(JSON.parse(String(run?.["totals"])), { captured: 11, empty: 4, failed: 1 });
    const others = datasetNames.filter((name) => name !== "workspace-mtu");
    yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, datasets: others }));
  }),
);

const sumOf = (rows: ReadonlyArray<PlainRow>, column: string): bigint =>
  rows.reduce((sum, row) => sum + (row[column] as bigint), 0n);
