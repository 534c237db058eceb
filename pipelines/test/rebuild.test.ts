/**
 * `segmeter rebuild`: the database, made anew from the Parquet files alone, is the one that there was; and nothing is given up
 * that the Parquet files lack.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { assert, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertCode, assertOneSentence, jsonLines, temporaryDirectory } from "./Command.ts";
import { ask, contentsOf, databaseOf, filesBelow, fingerprint } from "./Held.ts";
import { copied, Revised, revised } from "./Revised.ts";

const { promise } = Effect;

layer(revised, { excludeTestServices: true })("rebuild", (it) => {
  it.effect("makes the database that there was, table for table, with its views and macros", () =>
    Effect.gen(function* () {
      const { contents, run } = yield* Revised;
      const dataDir = yield* copied;
      const parquet = yield* promise(() => fingerprint(join(dataDir, "parquet")));
      const held = "FROM internal.held_captures ORDER BY ALL";
      const before = yield* promise(() => ask(held, databaseOf(dataDir)));

      const whole = yield* run(["rebuild", "--data-dir", dataDir]);
      assertCode(whole, 0);
      assert.strictEqual(whole.stdout, "segmeter.duckdb was made anew from the Parquet files: 8 partitions.\n");
      assert.strictEqual(whole.stderr, "");
      assert.deepStrictEqual((yield* promise(() => contentsOf(dataDir))).duckdb, contents.duckdb);
      assert.deepStrictEqual(yield* promise(() => ask(held, databaseOf(dataDir))), before);

      yield* promise(() => rm(databaseOf(dataDir)));
      const lost = yield* run(["rebuild", "--data-dir", dataDir, "--json"]);
      assertCode(lost, 0);
      assert.deepStrictEqual(jsonLines(lost.stdout), [{ event: "rebuild-finished", partitions: 8, aside: null }]);
      assert.deepStrictEqual((yield* promise(() => contentsOf(dataDir))).duckdb, contents.duckdb);
      assert.deepStrictEqual(yield* promise(() => fingerprint(join(dataDir, "parquet"))), parquet);
      assertCode(yield* run(["verify", "--data-dir", dataDir]), 0);
      const others = yield* promise(() => filesBelow(dataDir));
      assert.deepStrictEqual(
        others.filter((name) => !name.startsWith("parquet/")),
        ["segmeter.duckdb"],
      );
    }),
  );

  it.effect("puts a database that cannot be read aside", () =>
    Effect.gen(function* () {
      const { contents, run } = yield* Revised;
      const dataDir = yield* copied;
      const garbage = Buffer.alloc(20_000, "garbage ");
      yield* promise(() => writeFile(databaseOf(dataDir), garbage));
      const ended = yield* run(["rebuild", "--data-dir", dataDir, "--json"]);
      assertCode(ended, 0);
      const [{ aside } = {}] = jsonLines(ended.stdout);
      assert.match(String(aside), /\/damaged\/.*segmeter\.duckdb$/);
      assert.include(ended.stderr, `it is at ${String(aside)}.`);
      assert.isTrue(garbage.equals(yield* promise(() => readFile(String(aside)))));
      assert.deepStrictEqual((yield* promise(() => contentsOf(dataDir))).duckdb, contents.duckdb);
    }),
  );

  it.effect("is refused while the old one has anything else, and leaves it as it is", () =>
    Effect.gen(function* () {
      const { env, run } = yield* Revised;
      const dataDir = yield* copied;
      const refused = Effect.fnUntraced(function* (says: RegExp) {
        const before = yield* promise(() => fingerprint(dataDir));
        const ended = yield* run(["rebuild", "--data-dir", dataDir]);
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.strictEqual(ended.stdout, "");
        assert.match(ended.stderr, says);
        assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
      });
      const alter = (sql: string) =>
        promise(async () => {
          const instance = await DuckDBInstance.create(databaseOf(dataDir));
          const connection = await instance.connect();
          await connection.run(sql);
          connection.closeSync();
          instance.closeSync();
        });
      yield* alter("CREATE TABLE invoices AS SELECT 1 AS id");
      yield* refused(/not segmeter's: table invoices\./);
      yield* alter("DROP TABLE invoices");
      // A capture that was made since, to DuckDB alone.
      const later = { ...env, SEGMETER_NOW: "2024-02-08T07:00:00Z" };
      const flags = ["--data-dir", dataDir, "--sink", "duckdb", "--dataset", "source-mtu"];
      assertCode(yield* run(["nightly", ...flags], later), 0);
      yield* refused(/lack: a capture of source-mtu 2024-0[12].*verify --repair/);
      assertCode(yield* run(["verify", "--data-dir", dataDir, "--repair"]), 0);
      assertCode(yield* run(["rebuild", "--data-dir", dataDir]), 0);
    }),
  );

  it.effect("is refused when a file is gone that the ledger still knows, for the old one has its rows", () =>
    Effect.gen(function* () {
      const { run } = yield* Revised;
      for (const table of ["source_mtu_daily", "source_mtu_daily_revisions"]) {
        const dataDir = yield* copied;
        const names = yield* promise(() => filesBelow(join(dataDir, "parquet", table)));
        yield* promise(() => rm(join(dataDir, "parquet", table, names[0]!)));
        const before = yield* promise(() => fingerprint(dataDir));
        const ended = yield* run(["rebuild", "--data-dir", dataDir]);
        assert.notStrictEqual(ended.code, 0, table);
        assertOneSentence(ended);
        assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
        assertCode(yield* run(["verify", "--data-dir", dataDir, "--repair"]), 0);
        assertCode(yield* run(["rebuild", "--data-dir", dataDir]), 0);
      }
    }),
  );

  it.effect("wants Parquet files to make it from", () =>
    Effect.gen(function* () {
      const { run } = yield* Revised;
      const dataDir = yield* copied;
      yield* promise(() => rm(join(dataDir, "parquet"), { recursive: true }));
      const before = yield* promise(() => fingerprint(dataDir));
      const none = yield* run(["rebuild", "--data-dir", dataDir]);
      assert.notStrictEqual(none.code, 0);
      assertOneSentence(none);
      assert.match(none.stderr, /no Parquet files/);
      assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
      const nowhere = join(yield* temporaryDirectory, "nowhere");
      const missing = yield* run(["rebuild", "--data-dir", nowhere]);
      assertCode(missing, 2);
      assertOneSentence(missing);
      assert.isFalse(existsSync(nowhere));
    }),
  );
});
