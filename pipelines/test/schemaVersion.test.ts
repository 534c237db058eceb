/**
 * Data directories of other versions: an older one is read as it is and brought up in place, a newer one is refused untouched.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { assert, layer } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { execFile } from "node:child_process";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  assertCode,
  assertNoStack,
  assertOneSentence,
  type Environment,
  jsonLines,
  temporaryDirectory,
} from "./Command.ts";
import { ask, contentsOf, databaseOf, fingerprint, type PlainRow, tableOf } from "./Held.ts";
import { openSession, type Session } from "./Session.ts";

const { promise } = Effect;

const archive = fileURLToPath(new URL("../../fixtures/data-directory-version-1.tar.gz", import.meta.url));

interface Old {
  /** Of version 1, as segmeter 0.1 left it. */
  readonly dataDir: string;
  readonly run: Session;
  /** A service, for which all that is held is settled. */
  readonly env: Environment;
}

class FirstVersion extends Context.Service<FirstVersion, Old>()("test/FirstVersion") {}

const firstVersion = Layer.effect(
  FirstVersion,
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory;
    yield* promise(() => promisify(execFile)("tar", ["-xzf", archive, "-C", directory]));
    const now = "2024-05-20T06:00:00Z";
    // Another workspace than that of the directory: what is held is brought up, and not captured again.
    const simulator = yield* startSimulator({ now, seed: 7, workspaces: [{ sources: 1, from: "2024-05" }] });
    const env = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: simulator.workspaces[0]!.token, SEGMETER_NOW: now };
    return { dataDir: join(directory, "version-1"), run: yield* openSession, env };
  }),
);

const copied = Effect.gen(function* () {
  const { dataDir } = yield* FirstVersion;
  const copy = join(yield* temporaryDirectory, "data");
  yield* promise(() => cp(dataDir, copy, { recursive: true }));
  return copy;
});

/** Versions that the footers of the Parquet files say, each once. */
const versionsIn = async (dataDir: string): Promise<ReadonlyArray<unknown>> => {
  const sql = `SELECT DISTINCT decode(value) AS version FROM parquet_kv_metadata('${dataDir}/parquet/**/*.parquet')
    WHERE decode(key) = 'segmeter.schema_version' ORDER BY 1`;
  return (await ask(sql)).map(({ version }) => version);
};

/** Figures and ledger: what was held before, whatever was captured since. */
const oldRowsOf = async (dataDir: string, workspaceId: string) => {
  const { duckdb, parquet } = await contentsOf(dataDir);
  const tables = [...Object.values(tableOf), "workspaces", "sources", "captures", "runs"];
  const ofWorkspace = (rows: ReadonlyArray<string>) => rows.filter((row) => row.includes(`"${workspaceId}"`));
  return [duckdb, parquet].map((held) => tables.map((table) => ofWorkspace(held[table]!)));
};

layer(firstVersion, { excludeTestServices: true })("a directory of version 1", (it) => {
  it.effect("is read as it is, and not changed by that", () =>
    Effect.gen(function* () {
      const { dataDir, run } = yield* FirstVersion;
      const before = yield* promise(() => fingerprint(dataDir));
      for (const sink of ["parquet", "duckdb"]) {
        const flags = ["--data-dir", dataDir, "--sink", sink];
        const status = yield* run(["status", ...flags, "--json"]);
        assertCode(status, 0);
        assert.isAbove(jsonLines(status.stdout).filter(({ state }) => state === "settled").length, 3);
        const sql =
          "SELECT (SELECT count(*) FROM source_mtu_daily) AS rows, (SELECT count(*) FROM source_mtu_daily_revisions) AS revisions";
        const query = yield* run(["query", ...flags, "--format", "ndjson", sql]);
        if (sink === "parquet") {
          assertCode(query, 0);
          assert.match(query.stdout, /^\{"rows":[1-9]\d*,"revisions":0\}\n$/);
        }
        const view = yield* run([
          "query",
          ...flags,
          "--format",
          "ndjson",
          "SELECT count(*) AS months FROM workspace_mtu_monthly",
        ]);
        assertCode(view, 0);
        assert.match(view.stdout, /^\{"months":[1-9]\}\n$/);
      }
      const rejects = yield* run(["rejects", "--data-dir", dataDir, "--json"]);
      assertCode(rejects, 0);
      assert.isAbove(jsonLines(rejects.stdout).length, 0);
      // What it cannot say without being brought up is said.
      for (const args of [["verify"], ["query", "--as-of", "2024-02-01", "SELECT 1"]]) {
        const ended = yield* run([...args, "--data-dir", dataDir]);
        assert.notStrictEqual(ended.code, 0);
        assertOneSentence(ended);
        assert.match(ended.stderr, /nightly/);
      }
      assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
    }),
  );

  it.effect("is brought up in place by a nightly run, also by one that goes on where another was killed", () =>
    Effect.gen(function* () {
      const { dataDir: original, env, run } = yield* FirstVersion;
      const dataDir = yield* copied;
      const [{ workspace_id: id } = { workspace_id: "" }] = yield* promise(() =>
        ask("FROM workspaces", databaseOf(dataDir)),
      );
      const workspaceId = String(id);
      const before = yield* promise(() => oldRowsOfFirst(dataDir, workspaceId));
      assert.deepStrictEqual(yield* promise(() => versionsIn(dataDir)), ["1"]);

      const nightly = ["nightly", "--data-dir", dataDir, "--json"];
      const first = yield* run(nightly, env);
      assertCode(first, 0);
      assert.match(
        first.stderr,
        /^note: the data directory was brought to a new schema version, [1-9]\d* files of it\.\n/,
      );
      const migrated = yield* promise(() => oldRowsOf(dataDir, workspaceId));
      assert.deepStrictEqual(migrated, [before, before]);
      assert.deepStrictEqual(yield* promise(() => versionsIn(dataDir)), ["2"]);
      const version = yield* promise(() => ask("FROM internal.schema_version", databaseOf(dataDir)));
      assert.deepStrictEqual(version, [{ version: 2 }]);
      assertCode(yield* run(["verify", "--data-dir", dataDir]), 0);

      // As it is when the process is killed on the way: some files are old, those of the runs among them.
      const half = join(yield* temporaryDirectory, "half");
      yield* promise(() => cp(dataDir, half, { recursive: true }));
      for (const table of ["runs", "captures", "source_mtu_daily"]) {
        const place = join("parquet", table, `workspace_id=${workspaceId}`);
        yield* promise(async () => {
          await rm(join(half, place), { recursive: true });
          await cp(join(original, place), join(half, place), { recursive: true });
        });
      }
      assert.deepStrictEqual(yield* promise(() => versionsIn(half)), ["1", "2"]);
      const status = yield* run(["status", "--data-dir", half]);
      assertCode(status, 0);
      const second = yield* run(["nightly", "--data-dir", half], env);
      assertCode(second, 0);
      assert.match(
        second.stderr,
        /^note: the data directory was brought to a new schema version, [1-9] files of it\.\n/,
      );
      assert.deepStrictEqual(yield* promise(() => oldRowsOf(half, workspaceId)), migrated);
      assertCode(yield* run(["verify", "--data-dir", half]), 0);

      // And then it is done.
      const third = yield* run(nightly, env);
      assertCode(third, 0);
      assert.notMatch(third.stderr, /schema version/);
    }),
  );

  it.effect("a newer one is refused by every command, and nothing in it is changed", () =>
    Effect.gen(function* () {
      const { env, run } = yield* FirstVersion;
      const ofFiles = yield* copied;
      const runs = (yield* promise(() => fingerprint(ofFiles)).pipe(Effect.map(Object.keys))).find((name) =>
        name.includes("/runs/"),
      )!;
      const ofDatabase = join(yield* temporaryDirectory, "data");
      yield* promise(async () => {
        await ask(`COPY (FROM '${join(ofFiles, runs)}') TO '${join(ofFiles, "runs.tmp")}'
          (FORMAT parquet, KV_METADATA {"segmeter.schema_version": '3', "segmeter.table": 'runs'})`);
        await rename(join(ofFiles, "runs.tmp"), join(ofFiles, runs));
        await mkdir(ofDatabase);
        await cp(databaseOf(ofFiles), databaseOf(ofDatabase));
        for (const statement of [
          "CREATE SCHEMA IF NOT EXISTS internal",
          "CREATE TABLE internal.schema_version AS SELECT CAST(3 AS INTEGER) AS version",
        ]) {
          const instance = await DuckDBInstance.create(databaseOf(ofDatabase));
          const connection = await instance.connect();
          await connection.run(statement);
          connection.closeSync();
          instance.closeSync();
        }
      });
      const commands: ReadonlyArray<ReadonlyArray<string>> = [
        ["nightly"],
        ["backfill", "--from", "2024-01"],
        ["backfill", "--from", "2024-01", "--dry-run"],
        ["status"],
        ["query", "SELECT 1"],
        ["verify"],
        ["verify", "--repair"],
        ["rebuild"],
        ["rejects"],
      ];
      for (const dataDir of [ofFiles, ofDatabase]) {
        const before = yield* promise(() => fingerprint(dataDir));
        for (const command of commands) {
          // Without Parquet files there is nothing to rebuild from; and the rejects are files of their own.
          if (dataDir === ofDatabase && ["rebuild", "rejects"].includes(command[0]!)) continue;
          const ended = yield* run([...command, "--data-dir", dataDir], env);
          assertCode(ended, 2);
          assertOneSentence(ended);
          assertNoStack(ended.stderr);
          assert.strictEqual(ended.stdout, "", command.join(" "));
          assert.match(
            ended.stderr,
            /schema version 3; this segmeter knows 2\. Use a newer segmeter/,
            command.join(" "),
          );
          assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before, command.join(" "));
        }
      }
    }),
  );

  it.effect("a newer database beside files of this version is not taken for a damaged one", () =>
    Effect.gen(function* () {
      const { env, run } = yield* FirstVersion;
      const dataDir = yield* copied;
      assertCode(yield* run(["nightly", "--data-dir", dataDir], env), 0);
      yield* promise(async () => {
        const instance = await DuckDBInstance.create(databaseOf(dataDir));
        const connection = await instance.connect();
        await connection.run("UPDATE internal.schema_version SET version = 3");
        connection.closeSync();
        instance.closeSync();
      });
      const before = yield* promise(() => fingerprint(dataDir));
      for (const command of [["nightly"], ["verify"], ["verify", "--repair"], ["rebuild"]]) {
        const ended = yield* run([...command, "--data-dir", dataDir], env);
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, /schema version 3; this segmeter knows 2\. Use a newer segmeter/);
        assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before, command.join(" "));
      }
    }),
  );
});

/** Of a directory of version 1, by sink; both say the same. */
const oldRowsOfFirst = async (dataDir: string, workspaceId: string): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const tables = [...Object.values(tableOf), "workspaces", "sources", "captures", "runs"];
  const rows = await Promise.all(tables.map((table) => ask(`FROM ${table}`, databaseOf(dataDir))));
  return rows.map((one) =>
    one
      .filter((row) => row["workspace_id"] === workspaceId)
      .map(asText)
      .toSorted(),
  );
};

const asText = (row: PlainRow): string =>
  JSON.stringify(
    Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
