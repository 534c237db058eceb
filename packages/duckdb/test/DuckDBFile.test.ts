import { assert, describe, it } from "@effect/vitest";
import type { SinkReason } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { openDuckDBFile } from "../src/DuckDBFile.ts";
import type { Access } from "../src/DuckDBOpenings.ts";
import { openDuckDBSink } from "../src/index.ts";
import { ask, directory, mtuRow, otherProcess, partition, replace } from "./Setting.ts";

const january = partition("source-mtu");

/** A database of ours with a month in it, closed. */
const filled = Effect.fnUntraced(function* (path: string) {
  yield* Effect.scoped(
    Effect.gen(function* () {
      const sink = yield* openDuckDBSink({ path });
      yield* replace(sink, january, [mtuRow({ source_id: "s1" }), mtuRow({ source_id: "s2" })]);
    }),
  );
});

const failure = (path: string, access: Access = "read-write") =>
  Effect.flip(Effect.scoped(openDuckDBFile({ path, access })));

const tryToOpen = `
  const said = await DuckDBInstance.create(process.argv[1]).then(() => "opened", (error) => error.message);
  console.log(said.split("\\n")[0]);
  setInterval(() => {}, 1e6);`;

describe("DuckDBFile", () => {
  it.live("makes a file, and its directory, for its owner alone, and leaves no log after a clean end", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "new", "data", "segmeter.duckdb");
      yield* filled(path);
      yield* filled(path);
      const names = yield* Effect.promise(() => readdir(join(path, "..")));
      assert.deepStrictEqual(names, ["segmeter.duckdb"]);
      const { mode } = yield* Effect.promise(() => stat(path));
      assert.strictEqual(mode & 0o777, 0o600);
      const found = yield* Effect.promise(() => ask(path, "SELECT count(*) FROM source_mtu_daily"));
      assert.deepStrictEqual(found, [["2"]]);
    }).pipe(Effect.scoped),
  );

  it.live("says which process holds the file", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      yield* filled(path);
      const holder = yield* otherProcess(tryToOpen, path);
      assert.strictEqual(holder.said, "opened");
      for (const access of ["read-write", "read-only"] as const) {
        const error = yield* failure(path, access);
        assert.strictEqual(error.reason, "Busy");
        assert.strictEqual(error.detail, `${path} is held by process ${holder.pid} (${basename(process.execPath)}).`);
        assert.include(error.hint, "Wait for the other process");
        assert.notInclude(error.message, "\n");
      }
    }).pipe(Effect.scoped),
  );

  it.live("keeps its lock when the same process opens the file again", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      const first = yield* openDuckDBSink({ path });
      const second = yield* openDuckDBSink({ path });
      const other = yield* failure(path, "read-only");
      assert.strictEqual(other.reason, "Busy");
      assert.include(other.detail, `process ${process.pid} (this one)`);
      const rival = yield* otherProcess(tryToOpen, path);
      assert.include(rival.said, "Could not set lock on file");
      const captured = yield* replace(first, january, [mtuRow({})]);
      assert.deepStrictEqual(yield* second.read(january), captured);
    }).pipe(Effect.scoped),
  );

  it.live("is not opened to write while the same process has it open to read", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      yield* Effect.scoped(openDuckDBSink({ path }));
      yield* openDuckDBFile({ path, access: "read-only" });
      const other = yield* failure(path, "read-write");
      assert.strictEqual(other.reason, "Busy");
      assert.include(other.detail, `process ${process.pid} (this one)`);
    }).pipe(Effect.scoped),
  );

  it.live("reads what a killed process committed, and changes nothing when it only reads", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      yield* filled(path);
      const crash = `
        const instance = await DuckDBInstance.create(process.argv[1]);
        const connection = await instance.connect();
        await connection.run("DELETE FROM source_mtu_daily WHERE source_id = 's2'");
        console.log("committed");
        setInterval(() => {}, 1e6);`;
      yield* Effect.scoped(otherProcess(crash, path));
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(join(path, ".."))), [
        "segmeter.duckdb",
        "segmeter.duckdb.wal",
      ]);
      const before = yield* Effect.promise(() => readFile(path));
      const count = Effect.gen(function* () {
        const instance = yield* openDuckDBFile({ path, access: "read-only" });
        const connection = yield* Effect.promise(() => instance.connect());
        const result = yield* Effect.promise(() => connection.run("SELECT count(*) FROM source_mtu_daily"));
        const rows = yield* Effect.promise(() => result.getRowsJson());
        connection.closeSync();
        return rows;
      }).pipe(Effect.scoped);
      assert.deepStrictEqual(yield* count, [["1"]]);
      assert.isTrue(before.equals(yield* Effect.promise(() => readFile(path))));
      yield* Effect.scoped(openDuckDBSink({ path }));
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(join(path, ".."))), ["segmeter.duckdb"]);
      assert.deepStrictEqual(yield* count, [["1"]]);
    }).pipe(Effect.scoped),
  );

  const overwrite = (path: string, from: number, to: number) => async () => {
    const bytes = await readFile(path);
    bytes.fill(7, from, Math.min(to, bytes.length));
    await writeFile(path, bytes);
  };

  /** What lies at the path, and what opening it says. */
  const others: ReadonlyArray<{
    readonly what: string;
    readonly reason: SinkReason;
    readonly says: string;
    readonly make: (path: string) => Promise<unknown>;
  }> = [
    {
      what: "a text file",
      reason: "Foreign",
      says: "is not a DuckDB database",
      make: (path) => writeFile(path, "workspace,day\n".repeat(1000)),
    },
    {
      what: "a short file",
      reason: "Foreign",
      says: "is not a DuckDB database",
      make: (path) => writeFile(path, "x"),
    },
    {
      // DuckDB by itself would try to fetch an extension for it.
      what: "an SQLite database",
      reason: "Foreign",
      says: "is not a DuckDB database",
      make: (path) => writeFile(path, Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8192)])),
    },
    { what: "a directory", reason: "Foreign", says: "is a directory", make: (path) => mkdir(path) },
    {
      what: "somebody's DuckDB database",
      reason: "Foreign",
      says: "none of segmeter's",
      make: (path) => ask(path, "CREATE TABLE orders (id BIGINT); SELECT 1"),
    },
    {
      what: "a DuckDB database with a table of our name",
      reason: "Foreign",
      says: "runs has other columns",
      make: (path) => ask(path, "CREATE TABLE runs (id BIGINT); SELECT 1"),
    },
    { what: "an empty file", reason: "Damaged", says: "is an empty file", make: (path) => writeFile(path, "") },
    ...["workspace_api_calls_daily", "source_mtu_daily_revisions", "captures", "internal.held_captures"].map(
      (table) => ({
        what: `a database that lost its table ${table}`,
        reason: "Damaged" as const,
        says: `lacks its table ${table}`,
        make: async (path: string) => {
          await Effect.runPromise(filled(path));
          await ask(path, `DROP TABLE ${table}; SELECT 1`);
        },
      }),
    ),
    {
      what: "a database cut short",
      reason: "Damaged",
      says: "Could not read",
      make: async (path) => {
        await Effect.runPromise(filled(path));
        await truncate(path, 20_000);
      },
    },
    {
      what: "a database with broken headers",
      reason: "Damaged",
      says: "Corrupt",
      make: async (path) => {
        await Effect.runPromise(filled(path));
        await overwrite(path, 4_096, 12_288)();
      },
    },
    {
      what: "a database with broken blocks",
      reason: "Damaged",
      says: "Corrupt",
      make: async (path) => {
        await Effect.runPromise(filled(path));
        await overwrite(path, 13_000, Number.MAX_SAFE_INTEGER)();
      },
    },
  ];
  for (const { make, reason, says, what } of others) {
    it.live(`finds ${what} ${reason}, and leaves it as it is`, () =>
      Effect.gen(function* () {
        const path = join(yield* directory, "segmeter.duckdb");
        yield* Effect.promise(() => make(path));
        const content = async () =>
          (await stat(path)).isDirectory() ? "a directory" : (await readFile(path)).toString("hex");
        const before = yield* Effect.promise(content);
        for (const access of ["read-write", "read-only"] as const) {
          const error = yield* failure(path, access);
          assert.strictEqual(error.reason, reason);
          assert.include(error.detail, says);
          assert.include(error.detail, path);
          assert.notInclude(error.detail, "\n");
        }
        assert.strictEqual(yield* Effect.promise(content), before);
      }).pipe(Effect.scoped),
    );
  }

  it.live("finds a path under a file Unwritable", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "file");
      yield* Effect.promise(() => writeFile(path, "x"));
      assert.strictEqual((yield* failure(join(path, "segmeter.duckdb"))).reason, "Unwritable");
    }).pipe(Effect.scoped),
  );

  it.live("finds a path with a question mark Unwritable: DuckDB would look for its log elsewhere", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "what?", "segmeter.duckdb");
      for (const access of ["read-write", "read-only"] as const) {
        const error = yield* failure(path, access);
        assert.strictEqual(error.reason, "Unwritable");
        assert.include(error.detail, "question mark");
      }
    }).pipe(Effect.scoped),
  );

  it.live("makes nothing when it only reads", () =>
    Effect.gen(function* () {
      const parent = yield* directory;
      const error = yield* failure(join(parent, "segmeter.duckdb"), "read-only");
      assert.include(error.detail, "There is no database");
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(parent)), []);
    }).pipe(Effect.scoped),
  );
});
