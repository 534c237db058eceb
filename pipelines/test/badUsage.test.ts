/**
 * Exit code 2: bad usage or configuration is told in one sentence, and nothing is made or changed.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertCode, assertOneSentence, pointedAt, segmeter, temporaryDirectory, usageCalls } from "./Command.ts";
import { databaseOf, filesBelow, fingerprint } from "./Held.ts";
import { makeForeignDatabase } from "./OtherProcess.ts";

const now = "2024-04-10T06:00:00Z";

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
    {
      name: "an argument without end",
      args: ["--", "x".repeat(100_000)],
      says: /^segmeter: .{1,600} See: segmeter --help$/m,
    },
    { name: "a token without end", args: [...january, "--token-file", "/dev/zero"], says: /longer than any token/ },
    {
      name: "a token that no header holds",
      args: january,
      env: { ...service, SEGMENT_TOKEN: "x".repeat(5_000) },
      says: /longer than any token/,
    },
    { name: "a token file that is not there", args: [...january, "--token-file", "nowhere"], says: /nowhere.*ENOENT/ },
    { name: "an address that is none", args: [...january, "--api-url", "segment"], says: /is no URL/ },
    {
      name: "plain http to another machine",
      args: [...january, "--api-url", "http://api.example"],
      says: /Plain http to api\.example/,
    },
    ...["127.0.0.1.example", "localhost.example", "0.0.0.0", "[::ffff:a00:1]"].map((host) => ({
      name: `plain http to what looks like this machine: ${host}`,
      args: [...january, "--api-url", `http://${host}`],
      says: new RegExp(`Plain http to ${host.replaceAll(/[[\].]/g, "\\$&")} `),
    })),
    {
      name: "plain http to another machine, by the environment",
      args: january,
      env: { ...service, SEGMENT_API_URL: "http://api.example" },
      says: /Plain http to api\.example/,
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
        const simulator = yield* startSimulator({ now });
        const cwd = yield* temporaryDirectory;
        yield* Effect.promise(() => prepare(cwd));
        const before = yield* Effect.promise(() => fingerprint(cwd));
        const ended = yield* segmeter(["backfill", "--from", "2024-02", "--data-dir", dataDir], {
          cwd,
          env: pointedAt(simulator, now),
        });
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, says);
        assert.deepStrictEqual(usageCalls(simulator), []);
        assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(cwd)), before);
      }),
    );
  }
});
