/**
 * Exit codes, which scripts depend on, and the sentence that goes with each.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { mkdir, writeFile } from "node:fs/promises";
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
import { ask, assertTruth, databaseOf, expectedFiles, filesBelow, fingerprint, readers } from "./Held.ts";
import { holdDatabase, makeForeignDatabase } from "./OtherProcess.ts";

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

describe.concurrent("2: bad usage or configuration", () => {
  const service = { SEGMENT_API_URL: "http://127.0.0.1:9", SEGMENT_TOKEN: "some-token" };
  const real = { SEGMENT_TOKEN: "some-token" };
  const january = ["backfill", "--from", "2024-01"];
  const cases: ReadonlyArray<{
    readonly name: string;
    readonly args: ReadonlyArray<string>;
    readonly says: RegExp;
    readonly env?: Readonly<Record<string, string>>;
  }> = [
    { name: "no such command", args: ["backfil"], says: /"backfil".*backfill/ },
    { name: "no such flag", args: [...january, "--month", "2024-01"], says: /--month/ },
    { name: "no --from", args: ["backfill"], says: /--from/ },
    {
      name: "a month that there is not",
      args: ["backfill", "--from", "2024-13"],
      says: /--from "2024-13" is no month/,
    },
    { name: "a range backwards", args: [...january, "--to", "2023-12"], says: /--to 2023-12 is before --from 2024-01/ },
    {
      name: "a month in the future of the clock that is set",
      args: [...january, "--to", "2024-05"],
      env: { ...service, SEGMETER_NOW: "2024-04-30T23:59:59Z" },
      says: /--to 2024-05 is in the future/,
    },
    { name: "a start in the future", args: ["backfill", "--from", "2999-01"], says: /--from 2999-01 is in the future/ },
    { name: "a page too large", args: [...january, "--page-size", "1001"], says: /--page-size.*1 to 1000/ },
    { name: "a number that is none", args: [...january, "--concurrency", "many"], says: /--concurrency.*"many"/ },
    { name: "no such sink", args: [...january, "--sink", "csv"], says: /--sink.*"csv".*parquet/ },
    { name: "no such dataset", args: [...january, "--dataset", "mtu"], says: /--dataset.*"mtu".*workspace-mtu/ },
    { name: "no such region", args: [...january, "--region", "ap"], says: /--region.*"ap"/ },
    {
      name: "no such region in the environment",
      args: january,
      env: { ...real, SEGMENT_REGION: "ap" },
      says: /SEGMENT_REGION/,
    },
    { name: "no token", args: january, env: {}, says: /no token.*SEGMENT_TOKEN.*--token-file/ },
    {
      name: "two tokens for one",
      args: january,
      env: { ...service, SEGMENT_TOKEN: "one\ntwo" },
      says: /token has characters/,
    },
    { name: "a token file that is not there", args: [...january, "--token-file", "nowhere"], says: /nowhere.*ENOENT/ },
    { name: "an address that is none", args: [...january, "--api-url", "segment"], says: /is no URL/ },
    {
      name: "plain http to another machine",
      args: [...january, "--api-url", "http://api.example"],
      says: /Plain http to api\.example/,
    },
    {
      name: "plain http to a name that looks like this machine's",
      args: [...january, "--api-url", "http://127.0.0.1.example"],
      says: /Plain http to 127\.0\.0\.1\.example/,
    },
    {
      name: "a clock for the real service",
      args: january,
      env: { ...real, SEGMETER_NOW: now },
      says: /SEGMETER_NOW is set/,
    },
    {
      name: "a clock that is none",
      args: january,
      env: { ...service, SEGMETER_NOW: "noon" },
      says: /SEGMETER_NOW is no instant/,
    },
  ];

  for (const { args, env = service, name, says } of cases) {
    it.live(name, () =>
      Effect.gen(function* () {
        const cwd = yield* temporaryDirectory;
        const ended = yield* segmeter(args, { cwd, env });
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, says);
        assert.strictEqual(ended.stdout, "");
        assert.deepStrictEqual(yield* Effect.promise(() => filesBelow(cwd)), []);
      }),
    );
  }

  it.live("an address with a password in it, which is not repeated", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      const args = [...january, "--api-url", "https://me:hunter2@api.example"];
      const ended = yield* segmeter(args, { cwd, env: real });
      assertCode(ended, 2);
      assertOneSentence(ended);
      assert.notInclude(ended.stderr, "hunter2");
    }),
  );

  it.live("an empty token file", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      yield* Effect.promise(() => writeFile(join(cwd, "token"), "\n"));
      const ended = yield* segmeter([...january, "--token-file", "token"], { cwd, env: service });
      assertCode(ended, 2);
      assertOneSentence(ended);
      assert.deepStrictEqual(yield* Effect.promise(() => filesBelow(cwd)), ["token"]);
    }),
  );

  const places: ReadonlyArray<{
    readonly name: string;
    readonly says: RegExp;
    readonly dataDir: string;
    readonly prepare: (cwd: string) => Promise<unknown>;
  }> = [
    {
      name: "a data directory that is a file",
      says: /notes/,
      dataDir: "notes",
      prepare: (cwd) => writeFile(join(cwd, "notes"), "mine"),
    },
    {
      name: "a data directory below a file",
      says: /notes/,
      dataDir: "notes/data",
      prepare: (cwd) => writeFile(join(cwd, "notes"), "mine"),
    },
    {
      name: "a directory that holds somebody else's files",
      says: /photos.*--data-dir/,
      dataDir: "photos",
      prepare: async (cwd) => {
        await mkdir(join(cwd, "photos"));
        await writeFile(join(cwd, "photos", "cat.jpg"), "a cat");
      },
    },
    {
      name: "a segmeter.duckdb that is no database",
      says: /segmeter\.duckdb is not a DuckDB database/,
      dataDir: "data",
      prepare: async (cwd) => {
        await mkdir(join(cwd, "data"));
        await writeFile(join(cwd, "data", "segmeter.duckdb"), "a text, and not a short one");
      },
    },
    {
      name: "a segmeter.duckdb that another program made",
      says: /segmeter\.duckdb was not made by segmeter/,
      dataDir: "data",
      prepare: async (cwd) => {
        await mkdir(join(cwd, "data"));
        await makeForeignDatabase(databaseOf(join(cwd, "data")));
      },
    },
    {
      name: "a parquet that is a file",
      says: /parquet/,
      dataDir: "data",
      prepare: async (cwd) => {
        await mkdir(join(cwd, "data"));
        await writeFile(join(cwd, "data", "parquet"), "mine");
      },
    },
  ];

  for (const { dataDir, name, prepare, says } of places) {
    it.live(`${name}, which is left as it was`, () =>
      Effect.gen(function* () {
        const simulator = yield* startSimulator(world);
        const cwd = yield* temporaryDirectory;
        yield* Effect.promise(() => prepare(cwd));
        const before = yield* Effect.promise(() => fingerprint(cwd));
        const ended = yield* segmeter(backfill(dataDir), { cwd, env: pointedAt(simulator, now) });
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, says);
        assert.deepStrictEqual(usageCalls(simulator), []);
        assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(cwd)), before);
      }),
    );
  }
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
