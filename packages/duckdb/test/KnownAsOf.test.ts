import { assert, describe, it } from "@effect/vitest";
import { tables, usageTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openDuckDBSink, openQuery, type Query, views } from "../src/index.ts";
import { fill, observed, superseded } from "./DataDir.ts";
import { ask, at, directory, otherProcess } from "./Setting.ts";

const rowsOf = Effect.fnUntraced(function* (query: Query, sql: string) {
  const result = yield* query.run(sql);
  return { columns: result.columns, rows: yield* Stream.runCollect(result.rows) };
});

/** A name with wildcards, quotes and an id that looks like a number in it. */
const filled = Effect.gen(function* () {
  const dataDir = join(yield* directory, `it's [1]* "data"`);
  yield* fill(dataDir, ["0042", "w2"]);
  return dataDir;
});

const sources = ["duckdb", "parquet"] as const;
const daily = Object.values(usageTables).map(({ name }) => name);
const later = at("2030-01-01");

describe("openQuery as of an instant", () => {
  it.live("has the same over DuckDB and over Parquet, at every instant", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      const compare = Effect.fnUntraced(function* (asOf: number) {
        const duckdb = yield* openQuery({ dataDir, from: "duckdb", asOf });
        const parquet = yield* openQuery({ dataDir, from: "parquet", asOf });
        assert.deepStrictEqual([duckdb.source, parquet.source], ["duckdb", "parquet"]);
        for (const { name } of [...tables, ...views]) {
          const expected = yield* rowsOf(duckdb, `FROM ${name} ORDER BY ALL`);
          assert.deepStrictEqual(yield* rowsOf(parquet, `FROM ${name} ORDER BY ALL`), expected, name);
        }
        const macro = `FROM source_mtu_as_of(make_timestamp(${superseded})) ORDER BY ALL`;
        assert.deepStrictEqual(yield* rowsOf(parquet, macro), yield* rowsOf(duckdb, macro));
      }, Effect.scoped);
      yield* Effect.forEach([observed - 1, observed, superseded - 1, superseded, later], compare);
    }).pipe(Effect.scoped),
  );

  for (const from of sources) {
    it.live(`shows the versions that stood, each with its own observed_at: ${from}`, () =>
      Effect.gen(function* () {
        const dataDir = yield* filled;
        const look = (asOf: number | undefined, ...questions: ReadonlyArray<string>) =>
          Effect.scoped(
            Effect.gen(function* () {
              const query = yield* openQuery({ dataDir, from, ...(asOf === undefined ? {} : { asOf }) });
              return yield* Effect.forEach(questions, (sql) => Effect.map(rowsOf(query, sql), ({ rows }) => rows));
            }),
          );
        const counts = daily.map((name) => `SELECT count(*) FROM ${name}`);
        const none = daily.map(() => [[0n]]);
        assert.deepStrictEqual(yield* look(observed - 1, ...counts), none);
        const ten = daily.map((name) => [[name === "workspace_api_calls_daily" ? 0n : 20n]]);
        assert.deepStrictEqual(yield* look(observed, ...counts), ten);
        assert.deepStrictEqual(yield* look(superseded - 1, ...counts), ten);
        const [now, before] = [yield* look(undefined, ...counts), yield* look(superseded, ...counts)];
        assert.deepStrictEqual(before, now);
        const sql = [
          "SELECT DISTINCT identified, observed_at FROM source_mtu_daily",
          "SELECT DISTINCT mtu, observed_at FROM source_mtu",
          "SELECT DISTINCT mtu, observed_at FROM workspace_mtu_monthly",
          "SELECT DISTINCT api_calls, observed_at FROM source_api_calls_monthly",
          "SELECT count(*) FROM source_mtu_as_of(DATE '2030-01-01')",
          "SELECT count(*) FROM source_mtu_daily_revisions",
        ];
        const then = "2024-01-25T00:00:00Z";
        assert.deepStrictEqual(yield* look(observed, ...sql), [
          [[5n, then]],
          [[6n, then]],
          [[6n, then]],
          [[5n, then]],
          // The macros and the revisions are what they always are.
          [[120n]],
          [[20n]],
        ]);
      }).pipe(Effect.scoped),
    );

    it.live(`lists each name once, and is as locked as any query: ${from}`, () =>
      Effect.gen(function* () {
        const dataDir = yield* filled;
        const plain = yield* Effect.scoped(
          Effect.flatMap(openQuery({ dataDir, from }), (query) => rowsOf(query, "SHOW TABLES")),
        );
        const query = yield* openQuery({ dataDir, from, asOf: observed });
        assert.deepStrictEqual(yield* rowsOf(query, "SHOW TABLES"), plain);
        assert.lengthOf(plain.rows, tables.length + views.length);
        for (const { name } of tables) {
          const described = `SELECT column_name, column_type FROM (DESCRIBE ${name})`;
          const other = yield* Effect.scoped(
            Effect.flatMap(openQuery({ dataDir, from: from === "duckdb" ? "parquet" : "duckdb" }), (plainly) =>
              rowsOf(plainly, described),
            ),
          );
          assert.deepStrictEqual(yield* rowsOf(query, described), other);
        }
        for (const sql of [
          "DETACH segmeter",
          "ATTACH ':memory:' AS other",
          "SET enable_external_access = true",
          "INSERT INTO segmeter.main.runs SELECT * FROM runs",
          "CREATE OR REPLACE VIEW source_mtu_daily AS SELECT 1",
          "SELECT * FROM read_text('/etc/passwd')",
          `COPY runs TO '${join(dirname(dataDir), "x.csv").replaceAll("'", "''")}'`,
        ]) {
          assert.strictEqual((yield* Effect.flip(query.run(sql))).reason, "Refused", sql);
        }
        const settings = ["TimeZone", "enable_external_access", "lock_configuration", "autoinstall_known_extensions"];
        const columns = settings.map((name) => `current_setting('${name}')`).join(", ");
        assert.deepStrictEqual((yield* rowsOf(query, `SELECT ${columns}`)).rows, [["UTC", false, true, false]]);
        const path = join(dirname(dataDir), "copy.csv");
        assert.strictEqual(yield* query.copyTo("FROM source_mtu", path, "csv"), 20);
      }).pipe(Effect.scoped),
    );

    it.live(`is refused over what an earlier segmeter made: ${from}`, () =>
      Effect.gen(function* () {
        const parent = yield* directory;
        const kept = new URL("../../../fixtures/data-directory-version-1.tar.gz", import.meta.url).pathname;
        execFileSync("tar", ["-xzf", kept, "-C", parent]);
        const dataDir = join(parent, "version-1");
        for (const asked of [from, "auto"] as const) {
          const error = yield* Effect.flip(Effect.scoped(openQuery({ dataDir, from: asked, asOf: later })));
          assert.include(error.detail, "earlier segmeter");
          assert.include(error.hint, "segmeter nightly");
        }
        // Without an instant it is read as ever.
        const query = yield* openQuery({ dataDir, from });
        assert.deepStrictEqual((yield* rowsOf(query, "SELECT count(*) FROM source_mtu")).rows, [[292n]]);
      }).pipe(Effect.scoped),
    );

    it.live(`of an empty directory is empty: ${from}`, () =>
      Effect.gen(function* () {
        const dataDir = yield* directory;
        if (from === "duckdb") yield* Effect.scoped(openDuckDBSink({ path: join(dataDir, "segmeter.duckdb") }));
        const query = yield* openQuery({ dataDir, from, asOf: later });
        for (const { name } of [...tables, ...views])
          assert.deepStrictEqual((yield* rowsOf(query, `FROM ${name}`)).rows, []);
      }).pipe(Effect.scoped),
    );
  }

  it.live("a file that another process holds is Busy, and auto reads the Parquet files", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      const path = join(dataDir, "segmeter.duckdb");
      const holder = yield* otherProcess(
        `await DuckDBInstance.create(process.argv[1]); console.log("holds"); setInterval(() => {}, 1e6);`,
        path,
      );
      const error = yield* Effect.flip(Effect.scoped(openQuery({ dataDir, from: "duckdb", asOf: observed })));
      assert.strictEqual(error.reason, "Busy");
      assert.include(error.detail, `is held by process ${holder.pid}`);
      const query = yield* openQuery({ dataDir, from: "auto", asOf: observed });
      assert.strictEqual(query.source, "parquet");
      assert.include(query.why, `${holder.pid}`);
      assert.deepStrictEqual((yield* rowsOf(query, "SELECT count(*) FROM source_mtu")).rows, [[20n]]);
    }).pipe(Effect.scoped),
  );

  it.live("the file is open while the query is, and only then", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      const path = join(dataDir, "segmeter.duckdb");
      yield* Effect.scoped(
        Effect.gen(function* () {
          const query = yield* openQuery({ dataDir, from: "duckdb", asOf: observed });
          yield* rowsOf(query, "FROM source_mtu");
          const error = yield* Effect.flip(Effect.scoped(openDuckDBSink({ path })));
          assert.strictEqual(error.reason, "Busy");
          assert.include(error.detail, "(this one)");
        }),
      );
      yield* Effect.scoped(openDuckDBSink({ path }));
      const rival = yield* otherProcess(
        `console.log(await DuckDBInstance.create(process.argv[1]).then(() => "opened", String)); setInterval(() => {}, 1e6);`,
        path,
      );
      assert.strictEqual(rival.said, "opened");
    }).pipe(Effect.scoped),
  );

  it.live("what is no database of segmeter's is not attached, and can be opened by nobody for it", () =>
    Effect.gen(function* () {
      const dataDir = yield* directory;
      const path = join(dataDir, "segmeter.duckdb");
      yield* Effect.promise(() => ask(path, "CREATE TABLE orders (id BIGINT)"));
      for (const _ of ["once", "twice"]) {
        const error = yield* Effect.flip(Effect.scoped(openQuery({ dataDir, from: "duckdb", asOf: later })));
        assert.strictEqual(error.reason, "Foreign");
      }
      yield* Effect.promise(() => rm(path));
      const missing = yield* Effect.flip(Effect.scoped(openQuery({ dataDir, from: "duckdb", asOf: later })));
      assert.include(missing.detail, "There is no database");
    }).pipe(Effect.scoped),
  );
});
