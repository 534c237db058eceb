/**
 * Secrets: the token, and what the service tells of sources that is secret, is nowhere that anything is kept or shown.
 *
 * The token here and every made-up write key and setting hold one word, which is looked for in all that a run says, in every byte
 * that it leaves behind, and in what those bytes are once they are decompressed.
 */
import { assert, describe, it } from "@effect/vitest";
import { canary, type FaultRule, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  assertCode,
  type Ended,
  finished,
  segmeter,
  start,
  temporaryDirectory,
  until,
} from "../../pipelines/test/Command.ts";
import { ask, databaseOf, filesBelow, readers } from "../../pipelines/test/Held.ts";

const now = "2024-07-20T06:00:00Z";
const token = `${canary}-token-7Qx9vTz2LmWc4RkY`;

const service = Effect.suspend(() =>
  startSimulator({ now, latencyMs: 5, workspaces: [{ sources: 3, from: "2024-01", token }] }),
);

const environment = ({ url }: Simulator) => ({ SEGMENT_API_URL: url, SEGMENT_TOKEN: token, SEGMETER_NOW: now });

const backfill = (dataDir: string, ...flags: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["backfill", "--from", "2024-01", "--to", "2024-04", "--data-dir", dataDir].concat(flags);

/** Whether a text or some bytes hold the word, or the token as a header would encode it. */
const holds = (content: string | Buffer): boolean =>
  [canary, Buffer.from(token).toString("base64").slice(0, 20)].some((word) => content.includes(word));

const assertSilent = (ended: Ended): void => {
  assert.isFalse(holds(ended.stdout), `stdout: ${ended.stdout}`);
  assert.isFalse(holds(ended.stderr), `stderr: ${ended.stderr}`);
};

const text = (rows: unknown): string =>
  JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));

/** Everything in a data directory as text, decompressed: the rows of every table, and every Parquet footer. */
const decompressed = async (dataDir: string): Promise<string> => {
  const found: Array<string> = [];
  if (existsSync(databaseOf(dataDir))) {
    const tables = await ask(
      `SELECT format('"{}"."{}"', schema_name, table_name) AS name FROM duckdb_tables()`,
      databaseOf(dataDir),
    );
    for (const { name } of tables) found.push(text(await ask(`FROM ${String(name)}`, databaseOf(dataDir))));
    found.push(text(await ask("SELECT sql FROM duckdb_views() WHERE NOT internal", databaseOf(dataDir))));
  }
  const files = (await filesBelow(dataDir)).filter((name) => name.endsWith(".parquet"));
  for (const table of new Set(files.map((name) => name.split("/")[1]!))) {
    const glob = `'${dataDir}/parquet/${table}/**/*.parquet'`;
    found.push(text(await readers["Parquet through hyparquet"](dataDir, table)));
    const footers = `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata(${glob})`;
    found.push(text(await ask(footers)));
  }
  return found.join("\n");
};

/** No byte of any file, and nothing in it, holds the word. Returns what was read. */
const assertKeptNowhere = async (dataDir: string): Promise<string> => {
  const files = await filesBelow(dataDir);
  for (const name of files) {
    assert.isFalse(holds(name), name);
    assert.isFalse(holds(await readFile(join(dataDir, name))), name);
  }
  const content = await decompressed(dataDir);
  assert.isFalse(holds(content), content.match(new RegExp(`.{80}${canary}.{80}`))?.[0]);
  return content;
};

/** The command lines of all processes of this machine that can be seen. */
const commandLines = (): ReadonlyArray<string> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [readFileSync(`/proc/${name}/cmdline`, "utf8")];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });

/** A service that fails in many ways, and repeats what it was sent in those in which it can. */
const faults = ({ url }: Simulator): ReadonlyArray<FaultRule> => [
  { kind: "html-502", path: "/usage/mtu/daily", month: "2024-01", times: 2 },
  { kind: "reset", path: "/usage/mtu/sources/daily", month: "2024-01", times: 2 },
  { kind: "status", status: 422, message: `no such token: ${token}`, path: "/usage/mtu/daily", month: "2024-02" },
  {
    kind: "status",
    status: 400,
    message: `Authorization: Bearer ${token}`,
    path: "/usage/api-calls/daily",
    month: "2024-02",
  },
  { kind: "status", status: 403, message: `${token} may not do this`, path: "/usage/mtu/daily", month: "2024-03" },
  { kind: "redirect", to: `${url}/?access_token=${token}`, path: "/usage/api-calls/daily", month: "2024-03" },
  { kind: "status", status: 404, message: `${token}`, path: "/usage/mtu/sources/daily", month: "2024-03" },
  { kind: "bad-row", path: "/usage/mtu/daily", month: "2024-04" },
  { kind: "unknown-field", path: "/usage/api-calls/daily", month: "2024-04" },
];

describe.concurrent("the token and the write keys", () => {
  it.live("are told and kept nowhere by runs that go well, nor on any command line", () =>
    Effect.gen(function* () {
      const simulator = yield* service;
      const directory = yield* temporaryDirectory;
      const dataDir = join(directory, "data");
      const running = yield* start(backfill(dataDir, "--json"), { env: environment(simulator) });
      yield* until("usage is asked for", () => simulator.requests.length > 5);
      const lines = commandLines();
      assert.isTrue(
        lines.some((line) => line.includes(dataDir)),
        "the run is among them",
      );
      assert.deepStrictEqual(lines.filter(holds), []);
      const ended = yield* running.ended;
      assertCode(ended, 0);
      assertSilent(ended);
      // What is looked through does hold what the service told, secrets aside.
      const content = yield* Effect.promise(() => assertKeptNowhere(dataDir));
      const sources = simulator.sources(simulator.workspaces[0]!.id);
      assert.isTrue(sources.every(({ writeKeys }) => writeKeys.every(holds)));
      for (const { slug } of sources) assert.include(content, slug);
      assert.include(content, "segmeter.capture_id");

      // From a file, to the other forms of a sink.
      const file = join(directory, "token");
      yield* Effect.promise(() => writeFile(file, `${token}\n`));
      const again = join(directory, "again");
      const { SEGMENT_TOKEN: _, ...env } = environment(simulator);
      const args = ["--token-file", file, "--parquet-encoder", "duckdb", "--dataset", "source-mtu"];
      const words = yield* segmeter(backfill(again, ...args), { env });
      assertCode(words, 0);
      assertSilent(words);
      yield* Effect.promise(() => assertKeptNowhere(again));
      assertSilent(yield* segmeter(["doctor", "--token-file", file, "--data-dir", again], { env }));
    }),
  );

  for (const flags of [[], ["--json"]]) {
    it.live(`nor by a run of a service that fails and echoes them${flags.map((flag) => `, ${flag}`).join("")}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service;
        const dataDir = yield* temporaryDirectory;
        for (const fault of faults(simulator)) simulator.faults.add(fault);
        const args = backfill(dataDir, "--bad-rows", "quarantine", ...flags);
        const ended = yield* segmeter(args, { env: environment(simulator) });
        assertCode(ended, 1);
        assert.deepStrictEqual(
          simulator.faults.list().filter(({ fired }) => fired === 0),
          [],
        );
        assertSilent(ended);
        const content = yield* Effect.promise(() => assertKeptNowhere(dataDir));
        // The echo was told and kept, without the token.
        assert.include(ended.stderr, "Bearer <token>");
        assert.include(content, "Bearer <token>");
        assert.isTrue((yield* Effect.promise(() => filesBelow(dataDir))).some((name) => name.startsWith("rejects/")));
        assert.deepStrictEqual(
          simulator.requests.filter(({ query }) => "access_token" in query),
          [],
        );
      }),
    );
  }

  it.live("nor where the token is refused, or is revoked midway", () =>
    Effect.gen(function* () {
      const simulator = yield* service;
      const dataDir = yield* temporaryDirectory;
      const env = environment(simulator);
      simulator.faults.add({ kind: "status", status: 401, message: `${token} is not known`, path: "/", times: 3 });
      for (const args of [backfill(dataDir), backfill(dataDir, "--json"), ["doctor", "--data-dir", dataDir]]) {
        const refused = yield* segmeter(args, { env });
        assertCode(refused, 3);
        assertSilent(refused);
        assert.include(refused.stdout + refused.stderr, "<token> is not known");
      }
      simulator.faults.add({ kind: "revoked-token", path: "/usage/mtu/sources/daily", month: "2024-04" });
      const revoked = yield* segmeter(backfill(dataDir, "--json"), { env });
      assertCode(revoked, 3);
      assertSilent(revoked);
      assert.isAbove(Number(finished(revoked)["captured"]), 0);
      yield* Effect.promise(() => assertKeptNowhere(dataDir));
    }),
  );
});
