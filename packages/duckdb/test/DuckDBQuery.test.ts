import { assert, describe, it } from "@effect/vitest";
import { allColumns, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openQuery, type Query, toJson, views } from "../src/index.ts";
import { emptyTable, fill, workspaces } from "./DataDir.ts";
import { ask, directory, otherProcess } from "./Setting.ts";

const rowsOf = Effect.fnUntraced(function* (query: Query, sql: string) {
  const result = yield* query.run(sql);
  return { columns: result.columns, rows: yield* Stream.runCollect(result.rows) };
});

/** A filled data directory, whose very name has wildcards and quotes in it. */
const filled = Effect.gen(function* () {
  const dataDir = join(yield* directory, `it's [1]* "data"`);
  yield* fill(dataDir);
  return dataDir;
});

const over = <A, E>(from: "duckdb" | "parquet", use: (query: Query, dataDir: string) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const dataDir = yield* filled;
    return yield* use(yield* openQuery({ dataDir, from }), dataDir);
  }).pipe(Effect.scoped);

const hold = `
  await DuckDBInstance.create(process.argv[1]);
  console.log("holds");
  setInterval(() => {}, 1e6);`;

describe("DuckDBQuery", () => {
  it.live("tables and views are the same over DuckDB and over Parquet: columns, types, rows", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      const duckdb = yield* openQuery({ dataDir, from: "duckdb" });
      const parquet = yield* openQuery({ dataDir, from: "parquet" });
      assert.deepStrictEqual([duckdb.source, parquet.source], ["duckdb", "parquet"]);
      for (const name of [...tables, ...views].map((each) => each.name)) {
        const sql = `FROM ${name} ORDER BY ALL`;
        const expected = yield* rowsOf(duckdb, sql);
        assert.deepStrictEqual(yield* rowsOf(parquet, sql), expected);
        assert.strictEqual(expected.rows.length === 0, name.startsWith("workspace_api_calls"));
      }
      const names = yield* rowsOf(duckdb, "SHOW TABLES");
      assert.deepStrictEqual(yield* rowsOf(parquet, "SHOW TABLES"), names);
      assert.lengthOf(names.rows, tables.length + views.length);
    }).pipe(Effect.scoped),
  );

  it.live("ids that look like something else are text", () =>
    over("parquet", (query) =>
      Effect.gen(function* () {
        const { columns, rows } = yield* rowsOf(query, "SELECT DISTINCT workspace_id FROM captures");
        assert.deepStrictEqual(columns, [{ name: "workspace_id", type: "VARCHAR" }]);
        assert.sameMembers(
          rows.map(([id]) => id),
          workspaces,
        );
      }),
    ),
  );

  it.live("an id of digits alone keeps its zeros", () =>
    Effect.gen(function* () {
      const dataDir = yield* directory;
      yield* fill(dataDir, ["0042"]);
      const query = yield* openQuery({ dataDir, from: "parquet" });
      const { rows } = yield* rowsOf(query, "SELECT DISTINCT workspace_id FROM source_mtu");
      assert.deepStrictEqual(rows, [["0042"]]);
    }).pipe(Effect.scoped),
  );

  it.live("a table without files is empty and typed; so is a whole directory", () =>
    Effect.gen(function* () {
      const bare = yield* directory;
      for (const from of ["parquet", "auto"] as const) {
        const query = yield* openQuery({ dataDir: bare, from });
        for (const table of tables) {
          const { columns, rows } = yield* rowsOf(query, `FROM ${table.name}`);
          assert.deepStrictEqual(
            columns,
            allColumns(table).map(({ name, type }) => ({ name, type })),
          );
          assert.deepStrictEqual(rows, []);
        }
        assert.deepStrictEqual((yield* rowsOf(query, `SELECT sum(api_calls) FROM ${emptyTable}`)).rows, [[null]]);
      }
    }).pipe(Effect.scoped),
  );

  it.live("values are exact, to the last line of JSON", () =>
    over("duckdb", (query) =>
      Effect.gen(function* () {
        const { columns, rows } = yield* rowsOf(
          query,
          "SELECT workspace_id, day, mtu, mtu_growth, snapshot_at, 1 AS day FROM source_mtu WHERE source_id = '0' ORDER BY ALL LIMIT 2",
        );
        assert.deepStrictEqual(
          columns.map(({ name, type }) => `${name} ${type}`),
          [
            "workspace_id VARCHAR",
            "day DATE",
            "mtu HUGEINT",
            "mtu_growth HUGEINT",
            "snapshot_at TIMESTAMP",
            "day_1 INTEGER",
          ],
        );
        assert.deepStrictEqual(rows.map(toJson), [
          `["0042","2024-01-01",4611686018427387905,4611686018427387905,"2024-01-01T00:00:00Z",1]`,
          `["0042","2024-01-02",4611686018427387926,21,"2024-01-01T00:00:00.000021Z",1]`,
        ]);
      }),
    ),
  );

  it.live("rows stream: the first come before the last are made, and an error comes after them", () =>
    over("parquet", (query) =>
      Effect.gen(function* () {
        const endless = yield* query.run("SELECT range AS n FROM range(1_000_000_000_000)");
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(endless.rows, 3)), [[0n], [1n], [2n]]);
        const sizes: Array<number> = [];
        const { rows } = yield* query.run("FROM range(10_000)");
        yield* Stream.runForEachArray(rows, (some) => Effect.sync(() => void sizes.push(some.length)));
        assert.isAtMost(Math.max(...sizes), 2_048);
        const broken = yield* query.run("SELECT CAST(if(range < 900_000, '1', 'x') AS INT) FROM range(1_000_000)");
        const error = yield* Effect.flip(Stream.runDrain(broken.rows));
        assert.strictEqual(error.reason, "Failed");
        assert.include(error.detail, "Could not convert");
      }),
    ),
  );

  it.live("two queries may stream side by side", () =>
    over("duckdb", (query) =>
      Effect.gen(function* () {
        const first = yield* query.run("SELECT range FROM range(50_000)");
        const second = yield* query.run("SELECT -range FROM range(50_000)");
        const both = yield* Stream.runCollect(Stream.zip(first.rows, second.rows));
        assert.lengthOf(both, 50_000);
        assert.deepStrictEqual(both.at(-1), [[49_999n], [-49_999n]]);
      }),
    ),
  );

  it.live("what DuckDB says about a mistake is passed on, with the place", () =>
    over("duckdb", (query) =>
      Effect.gen(function* () {
        const syntax = yield* Effect.flip(query.run("SELECT day\nFROM source_mtu WHERE ORDER BY 1"));
        assert.strictEqual(syntax.reason, "Invalid");
        assert.match(syntax.detail, /^Parser Error: .*\n\nLINE 2: FROM source_mtu WHERE ORDER BY 1\n +\^$/);
        const unknown = yield* Effect.flip(query.run("SELECT api_call FROM source_api_calls"));
        assert.strictEqual(unknown.reason, "Invalid");
        assert.include(unknown.detail, `"api_calls"`);
        assert.include(unknown.hint, "SHOW TABLES");
      }),
    ),
  );

  it.live("auto: the DuckDB file, or the Parquet files while another process holds it, or when it is no database", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      const path = join(dataDir, "segmeter.duckdb");
      const open = (from: "auto" | "duckdb") => openQuery({ dataDir, from });
      const free = yield* Effect.scoped(open("auto"));
      assert.deepStrictEqual([free.source, free.why], ["duckdb", undefined]);
      yield* Effect.scoped(
        Effect.gen(function* () {
          const holder = yield* otherProcess(hold, path);
          const query = yield* open("auto");
          assert.strictEqual(query.source, "parquet");
          assert.include(query.why, `is held by process ${holder.pid}`);
          assert.deepStrictEqual((yield* rowsOf(query, "SELECT count(*) FROM workspaces")).rows, [
            [BigInt(workspaces.length)],
          ]);
          assert.strictEqual((yield* Effect.flip(open("duckdb"))).reason, "Busy");
          yield* Effect.promise(() => rename(join(dataDir, "parquet"), join(dataDir, "elsewhere")));
          // Nothing to fall back on: an empty answer would be a lie.
          assert.strictEqual((yield* Effect.flip(open("auto"))).reason, "Busy");
          yield* Effect.promise(() => rename(join(dataDir, "elsewhere"), join(dataDir, "parquet")));
        }),
      );
      yield* Effect.promise(() => writeFile(path, "not a database"));
      const foreign = yield* Effect.scoped(open("auto"));
      assert.include(foreign.why, "is not a DuckDB database");
      yield* Effect.promise(() => rm(path));
      const without = yield* Effect.scoped(open("auto"));
      assert.strictEqual(without.source, "parquet");
      assert.include(without.why, "There is no");
      const nowhere = yield* Effect.flip(openQuery({ dataDir: join(dataDir, "nowhere"), from: "auto" }));
      assert.include(nowhere.detail, "There is no data directory");
    }).pipe(Effect.scoped),
  );

  it.live("a second query of one file in one process is told so", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      yield* openQuery({ dataDir, from: "duckdb" });
      const error = yield* Effect.flip(openQuery({ dataDir, from: "duckdb" }));
      assert.strictEqual(error.reason, "Busy");
      assert.include(error.detail, `process ${process.pid} (this one)`);
    }).pipe(Effect.scoped),
  );

  it.live("a second query of one file in one process waits for nothing when the first is over", () =>
    Effect.gen(function* () {
      const dataDir = yield* filled;
      // In a process where nothing else goes on, and so nothing is collected: results of the first hold its instance.
      const script = `
        import * as Effect from "effect/Effect";
        import * as Stream from "effect/Stream";
        import { openQuery } from "@segmeter/duckdb";
        const ask = openQuery({ dataDir: process.argv[1], from: "duckdb" }).pipe(
          Effect.flatMap((query) => query.run("FROM captures")),
          Effect.flatMap(({ rows }) => Stream.runCount(rows)),
          Effect.scoped,
        );
        console.log(await Effect.runPromise(ask), await Effect.runPromise(ask));`;
      const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", script, dataDir], {
        cwd: join(import.meta.dirname, ".."),
        encoding: "utf8",
        timeout: 30_000,
      });
      assert.strictEqual(status, 0);
      const [first, second] = stdout.trim().split(" ");
      assert.strictEqual(second, first);
    }).pipe(Effect.scoped),
  );

  for (const from of ["duckdb", "parquet"] as const) {
    it.live(`copies rows to a file, whole, in order, exact: ${from}`, () =>
      over(from, (query, dataDir) =>
        Effect.gen(function* () {
          const out = yield* Effect.promise(() => mkdir(join(dataDir, "..", "out"), { recursive: true }));
          const csv = join(out!, "a.csv");
          const sql =
            "SELECT source_id, day, mtu, snapshot_at FROM source_mtu WHERE workspace_id = '0042' ORDER BY day DESC, 1 LIMIT 2; -- the latest";
          assert.strictEqual(yield* query.copyTo(sql, csv, "csv"), 2);
          const text = yield* Effect.promise(() => readFile(csv, "utf8"));
          assert.strictEqual(
            text,
            [
              "source_id,day,mtu,snapshot_at",
              "0,2024-01-20,4611686018427387944,2024-01-01T00:00:00.000039Z",
              "1,2024-01-20,4611686018427387924,2024-01-01T00:00:00.000019Z",
              "",
            ].join("\n"),
          );
          const path = join(out!, "a.parquet");
          yield* Effect.promise(() => writeFile(path, "the file before"));
          const wide =
            "SELECT 170141183460469231731687303715884105::HUGEINT AS a, 2::HUGEINT AS a, [9007199254740993::HUGEINT] AS l, * FROM source_mtu";
          const count = 60 * workspaces.length;
          assert.strictEqual(yield* query.copyTo(wide, path, "parquet"), count);
          const [found] = yield* Effect.promise(() =>
            ask(":memory:", `SELECT a, a_1, l, typeof(mtu), typeof(day) FROM '${path}'`),
          );
          assert.deepStrictEqual(found, [
            "170141183460469231731687303715884105",
            "2",
            ["9007199254740993"],
            "DECIMAL(38,0)",
            "DATE",
          ]);
          assert.strictEqual(yield* query.copyTo("SHOW TABLES", csv, "csv"), tables.length + views.length);
          assert.strictEqual((yield* Effect.promise(() => stat(path))).mode & 0o077, 0);
          assert.deepStrictEqual(yield* Effect.promise(() => readdir(out!)), ["a.csv", "a.parquet"]);
        }),
      ),
    );
  }

  it.live("a copy that fails leaves the file before, and nothing else anywhere", () =>
    Effect.gen(function* () {
      const spools = async () => (await readdir(tmpdir())).filter((name) => name.startsWith("segmeter-query-"));
      const before = yield* Effect.promise(spools);
      const mine: Array<string> = [];
      yield* over("duckdb", (query, dataDir) =>
        Effect.gen(function* () {
          const path = join(dataDir, "..", "kept.parquet");
          yield* Effect.promise(() => writeFile(path, "kept"));
          const failed = yield* Effect.flip(
            query.copyTo("SELECT CAST(if(range < 90_000, '1', 'x') AS INT) FROM range(100_000)", path, "parquet"),
          );
          assert.strictEqual(failed.reason, "Failed");
          assert.notInclude(failed.detail, "COPY");
          const tooWide = yield* Effect.flip(
            query
              .copyTo("SELECT 10::HUGEINT ** 38", path, "parquet")
              .pipe(
                Effect.andThen(
                  query.copyTo("SELECT 170141183460469231731687303715884105727::HUGEINT", path, "parquet"),
                ),
              ),
          );
          assert.include(tooWide.detail, "DECIMAL(38,0)");
          const refused = yield* Effect.flip(query.copyTo("SELECT 1) TO 'x' (FORMAT csv); --", path, "csv"));
          assert.strictEqual(refused.reason, "Invalid");
          const nowhere = yield* Effect.flip(query.copyTo("SELECT 1", join(dataDir, "no", "where.csv"), "csv"));
          assert.strictEqual(nowhere.reason, "Unwritable");
          assert.notInclude(nowhere.message, "segmeter-query");
          const spooled = (yield* Effect.promise(spools)).filter((name) => !before.includes(name));
          for (const name of spooled) {
            assert.deepStrictEqual(yield* Effect.promise(() => readdir(join(tmpdir(), name))), []);
          }
          mine.push(...spooled);
          assert.isNotEmpty(mine);
          assert.deepStrictEqual(yield* Effect.promise(() => readdir(join(dataDir, ".."))), [
            `it's [1]* "data"`,
            "kept.parquet",
          ]);
        }),
      );
      const left = yield* Effect.promise(spools);
      assert.isFalse(mine.some((name) => left.includes(name)));
    }),
  );
});
