/**
 * Exit codes, which scripts depend on, and the sentence that goes with each.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { join } from "node:path";
import {
  assertCode,
  assertNoStack,
  assertOneSentence,
  finished,
  jsonLines,
  pointedAt,
  type Running,
  segmeter,
  start,
  temporaryDirectory,
  until,
  usageCalls,
} from "./Command.ts";
import { ask, assertTruth, databaseOf, expectedFiles, filesBelow, readers } from "./Held.ts";
import { holdDatabase } from "./OtherProcess.ts";

const now = "2024-04-10T06:00:00Z";
const world = { now, workspaces: [{ sources: 3, from: "2024-01" }] } as const;
const months = ["2024-02", "2024-03"];

const backfill = (dataDir: string, ...flags: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["backfill", "--from", "2024-02", "--to", "2024-03", "--data-dir", dataDir].concat(flags);

const lastExit = (dataDir: string) =>
  Effect.promise(async () => {
    const exits: Array<unknown> = [];
    for (const read of Object.values(readers)) exits.push((await read(dataDir, "runs")).at(-1)?.["exit"]);
    assert.strictEqual(new Set(exits).size, 1, String(exits));
    return exits[0];
  });

describe.concurrent("1: some partitions failed", () => {
  it.live("names the one that did; the others are the truth, and the next run needs that one alone", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      const env = pointedAt(simulator, now);
      simulator.faults.add({ kind: "bad-row", path: "/usage/mtu/sources/daily", month: "2024-02", times: Infinity });
      const ended = yield* segmeter(backfill(dataDir), { env });
      assertCode(ended, 1);
      assert.match(ended.stderr, /^failed: .*source-mtu.*2024-02.*$/m);
      assert.strictEqual(ended.stderr.match(/^failed: /gm)?.length, 1);
      assert.match(ended.stdout, /7 partitions captured .* 1 failed;/);
      assertNoStack(ended.stderr);
      assert.strictEqual(yield* lastExit(dataDir), 1n);
      const others = datasetNames.filter((name) => name !== "source-mtu");
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, datasets: others }));
      const rest = { months: ["2024-03"], datasets: ["source-mtu"] } as const;
      yield* Effect.promise(() => assertTruth(dataDir, simulator, rest));

      simulator.faults.clear();
      const since = simulator.requests.length;
      assertCode(yield* segmeter(backfill(dataDir), { env }), 0);
      assert.deepStrictEqual(usageCalls(simulator, since), ["/usage/mtu/sources/daily 2024-02-01"]);
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months }));
    }),
  );

  it.live("a plan without the feature: every partition fails, and the service's reason is told", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator({ ...world, plan: "free" });
      const dataDir = yield* temporaryDirectory;
      const ended = yield* segmeter(backfill(dataDir, "--json"), { env: pointedAt(simulator, now) });
      assertCode(ended, 1);
      assert.include(finished(ended), { captured: 0, failed: 8 });
      assert.match(ended.stderr, /^failed: .*403.*plan/m);
      const forbidden = jsonLines(ended.stdout).filter(({ outcome }) => outcome === "forbidden");
      assert.strictEqual(forbidden.length, 8);
    }),
  );
});

describe.concurrent("3: the token was refused", () => {
  it.live("at once: one call, and nothing is captured", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      const env = { ...pointedAt(simulator, now), SEGMENT_TOKEN: "another" };
      const ended = yield* segmeter(backfill(dataDir, "--json"), { env });
      assertCode(ended, 3);
      assert.match(ended.stderr, /^segmeter: GET \/: The service answered 401.*SEGMENT_TOKEN.*--region/m);
      assertNoStack(ended.stderr);
      assert.include(finished(ended), { captured: 0, failed: 0, requests: 1, retries: 0 });
      assert.strictEqual(simulator.requests.length, 1);
      assert.deepStrictEqual(yield* Effect.promise(() => readers.DuckDB(dataDir, "captures")), []);
    }),
  );

  it.live("for the other region is refused as well, and which one is told", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator({ ...world, region: "eu" });
      const dataDir = yield* temporaryDirectory;
      const ended = yield* segmeter(backfill(dataDir), { env: pointedAt(simulator, now) });
      assertCode(ended, 3);
      assert.match(ended.stderr, /EU-hosted.*--region/);
    }),
  );

  it.live("midway: no further call, and what was committed is kept", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      const env = pointedAt(simulator, now);
      simulator.faults.add({ kind: "revoked-token", path: "/usage/mtu/daily", month: "2024-03" });
      const ended = yield* segmeter(backfill(dataDir, "--json", "--concurrency", "1"), { env });
      assertCode(ended, 3);
      assert.include(finished(ended), { captured: 4, failed: 0 });
      assert.strictEqual(simulator.requests.at(-1)?.status, 401);
      assert.strictEqual(simulator.requests.filter(({ status }) => status === 401).length, 1);
      assert.strictEqual(yield* lastExit(dataDir), 3n);
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months: ["2024-02"] }));
    }),
  );
});

describe.concurrent("4: another holds the data directory", () => {
  it.live("another program has the database open: it is named, and nothing is asked of the service", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      const holder = yield* holdDatabase(databaseOf(dataDir));
      const ended = yield* segmeter(backfill(dataDir), { env: pointedAt(simulator, now) });
      assertCode(ended, 4);
      assertOneSentence(ended);
      assert.include(ended.stderr, `held by process ${holder.pid}`);
      assert.strictEqual(simulator.requests.length, 0);
      assert.deepStrictEqual(yield* Effect.promise(() => filesBelow(join(dataDir, "parquet"))), []);
    }),
  );
});

/** All but one partition come at once; that one never does. */
const stuck = (simulator: Simulator): void =>
  simulator.faults.add({ kind: "hang", path: "/usage/mtu/sources/daily", month: "2024-02", times: Infinity });

/** How many partitions a run with `--json` has captured so far. */
const captured = ({ stdout }: Running): number =>
  jsonLines(stdout().slice(0, stdout().lastIndexOf("\n") + 1)).filter(({ event }) => event === "partition-captured")
    .length;

describe.concurrent("130 and 143: interrupted", () => {
  /** A run that has come as far as it can is ended by a signal; what it leaves is whole. Returns what was to be looked at. */
  const interrupted = Effect.fnUntraced(function* (
    signal: "SIGINT" | "SIGTERM",
    code: number,
    meanwhile: (running: Running, dataDir: string, simulator: Simulator) => Effect.Effect<void>,
  ) {
    const simulator = yield* startSimulator(world);
    const dataDir = yield* temporaryDirectory;
    const env = pointedAt(simulator, now);
    stuck(simulator);
    const running = yield* start(backfill(dataDir, "--json"), { env });
    yield* until("all the others are captured", () => captured(running) === 7);
    yield* meanwhile(running, dataDir, simulator);
    running.kill(signal);
    const ended = yield* running.ended;
    assertCode(ended, code);
    assert.match(ended.stderr, /^segmeter: interrupted; what was committed is kept/m);
    assertNoStack(ended.stderr);
    assert.include(finished(ended), { captured: 7, failed: 0 });
    assert.strictEqual(yield* lastExit(dataDir), BigInt(code));
    const whole = datasetNames.filter((name) => name !== "source-mtu");
    yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, datasets: whole }));
    const part = { months: ["2024-03"], datasets: ["source-mtu"] } as const;
    yield* Effect.promise(() => assertTruth(dataDir, simulator, part));
    assert.deepStrictEqual(yield* Effect.promise(() => leftovers(dataDir)), []);
    return { simulator, dataDir, env };
  });

  it.live("SIGTERM midway: what was committed stays", () => interrupted("SIGTERM", 143, () => Effect.void));

  it.live("SIGINT midway, after another run has tried in vain: the next run goes on from there", () =>
    Effect.gen(function* () {
      const { dataDir, env, simulator } = yield* interrupted(
        "SIGINT",
        130,
        Effect.fnUntraced(function* (running, busy, service) {
          const second = yield* segmeter(backfill(busy), { env: pointedAt(service, now) });
          assertCode(second, 4);
          assertOneSentence(second);
          assert.include(second.stderr, `held by process ${running.pid}`);
        }),
      );
      simulator.faults.clear();
      const since = simulator.requests.length;
      assertCode(yield* segmeter(backfill(dataDir), { env }), 0);
      assert.deepStrictEqual(usageCalls(simulator, since), ["/usage/mtu/sources/daily 2024-02-01"]);
      yield* Effect.promise(() => assertTruth(dataDir, simulator, { months }));
      const files = yield* Effect.promise(() => filesBelow(dataDir));
      assert.deepStrictEqual(files, expectedFiles(simulator.workspaces[0]!.id, months));
    }),
  );

  it.live("before the first answer: nothing was begun", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = yield* temporaryDirectory;
      simulator.faults.add({ kind: "hang", path: "/", times: Infinity });
      const running = yield* start(backfill(dataDir), { env: pointedAt(simulator, now) });
      yield* until("the workspace is asked for", () => simulator.requests.length > 0);
      running.kill("SIGINT");
      const ended = yield* running.ended;
      assertCode(ended, 130);
      assertNoStack(ended.stderr);
      assert.deepStrictEqual(yield* Effect.promise(() => ask("FROM runs", databaseOf(dataDir))), []);
    }),
  );
});

/** Files that are neither data nor the database. */
const leftovers = async (dataDir: string): Promise<ReadonlyArray<string>> =>
  (await filesBelow(dataDir)).filter((name) => name !== "segmeter.duckdb" && !name.endsWith("/data.parquet"));
