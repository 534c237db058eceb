import { assert, describe, it } from "@effect/vitest";
import { allColumns, bookTables, Capture, revisionTables, usageTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { execFileSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openDuckDBFile } from "../src/DuckDBFile.ts";
import { heldTable } from "../src/DuckDBSchema.ts";
import { openDuckDBSink } from "../src/index.ts";
import { ask, directory, mtuRow, otherProcess, partition, replace } from "./Setting.ts";

const kept = new URL("../../../fixtures/data-directory-version-1.tar.gz", import.meta.url).pathname;

/** The database of a kept directory of version 1. */
const firstVersion = Effect.map(directory, (parent) => {
  execFileSync("tar", ["-xzf", kept, "-C", parent]);
  return join(parent, "version-1", "segmeter.duckdb");
});

const upgrade = (path: string) => Effect.scoped(Effect.asVoid(openDuckDBSink({ path })));

const sql = (path: string, text: string) => Effect.promise(() => ask(path, text));

/** What version 1 kept, by the names that it had and has. */
const contentOf = (path: string, held: string) =>
  Effect.forEach([...Object.values(usageTables), ...Object.values(bookTables), { name: held }], ({ name }) =>
    sql(path, `FROM ${name} ORDER BY ALL`),
  );

const everything = (path: string) =>
  sql(
    path,
    `SELECT schema_name, table_name, sql FROM duckdb_tables() UNION ALL
     SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal UNION ALL
     SELECT schema_name, function_name, macro_definition FROM duckdb_functions() WHERE NOT internal ORDER BY ALL`,
  );

/** The statements of version 1, as it ran them on every database that it opened, or wrote a partition to. */
const ofVersion1 = {
  prepare: `CREATE SCHEMA IF NOT EXISTS internal;
    CREATE TABLE IF NOT EXISTS internal.held ("workspace_id" VARCHAR NOT NULL, "usage_month" DATE NOT NULL, "dataset" VARCHAR NOT NULL, "capture_id" VARCHAR NOT NULL)`,
  held: `SELECT captures.capture_id FROM captures
    JOIN internal.held USING (workspace_id, usage_month, dataset, capture_id) WHERE workspace_id = 'w1'`,
  replace: `BEGIN; DELETE FROM source_mtu_daily; DELETE FROM internal.held WHERE workspace_id = 'w1'; COMMIT`,
};

describe("DuckDBVersion", () => {
  it.live("brings a database of version 1 up: rows, held captures and ledger stay, and once is enough", () =>
    Effect.gen(function* () {
      const path = yield* firstVersion;
      const before = yield* contentOf(path, "internal.held");
      assert.isTrue(before.every((rows) => rows.length > 0));
      yield* upgrade(path);
      assert.deepStrictEqual(yield* contentOf(path, heldTable.name), before);
      assert.deepStrictEqual(yield* sql(path, "FROM internal.schema_version"), [[2]]);
      for (const table of Object.values(revisionTables)) {
        const columns = yield* sql(path, `SELECT column_name, column_type FROM (DESCRIBE ${table.name})`);
        assert.deepStrictEqual(
          columns,
          allColumns(table).map(({ name, type }) => [name, type]),
        );
      }
      const after = yield* everything(path);
      yield* upgrade(path);
      assert.deepStrictEqual(yield* contentOf(path, heldTable.name), before);
      assert.deepStrictEqual(yield* everything(path), after);
      assert.deepStrictEqual(yield* sql(path, "FROM internal.schema_version"), [[2]]);
      assert.notInclude(yield* Effect.promise(() => readdir(dirname(path))), "segmeter.duckdb.wal");
    }).pipe(Effect.scoped),
  );

  it.live("a database that was brought up has the definitions of a new one", () =>
    Effect.gen(function* () {
      const [old, made] = [yield* firstVersion, join(yield* directory, "segmeter.duckdb")];
      yield* upgrade(old);
      yield* upgrade(made);
      assert.deepStrictEqual(yield* everything(old), yield* everything(made));
    }).pipe(Effect.scoped),
  );

  it.live("the port says the same of version 1, read-only, as after it was brought up; and finds nothing wrong", () =>
    Effect.gen(function* () {
      const path = yield* firstVersion;
      const look = (access: "read-only" | "read-write") =>
        Effect.scoped(
          Effect.gen(function* () {
            const sink = yield* openDuckDBSink({ path, access });
            const [workspaceId = ""] = yield* sink.workspaceIds;
            const held = (yield* sink.held(workspaceId)).toSorted(Capture.byTime);
            const partitions = held.map((capture) => capture.partition);
            return {
              held,
              rows: yield* Effect.forEach(partitions, sink.read),
              revisions: yield* Effect.forEach(partitions, sink.revisions),
              books: yield* sink.books(workspaceId),
              inspection: yield* sink.inspect,
            };
          }),
        );
      const bytes = yield* Effect.promise(() => readFile(path));
      const before = yield* look("read-only");
      assert.lengthOf(before.held, 12);
      assert.isTrue(before.revisions.every((found) => found.length === 0));
      assert.deepStrictEqual(before.inspection.faults, []);
      assert.strictEqual(before.inspection.rows, 713);
      assert.isTrue(bytes.equals(yield* Effect.promise(() => readFile(path))));
      assert.deepStrictEqual(yield* look("read-write"), before);
      assert.deepStrictEqual(yield* look("read-only"), before);
    }).pipe(Effect.scoped),
  );

  it.live("an upgrade that fails changes nothing, and a later one succeeds", () =>
    Effect.gen(function* () {
      const path = yield* firstVersion;
      // In the way of a table that comes after everything of version 1 has been moved.
      yield* sql(path, "CREATE VIEW source_api_calls_daily_revisions AS SELECT 1 AS mine");
      const [before, definitions] = [yield* contentOf(path, "internal.held"), yield* everything(path)];
      const error = yield* Effect.flip(upgrade(path));
      assert.include(error.detail, path);
      assert.deepStrictEqual(yield* contentOf(path, "internal.held"), before);
      assert.deepStrictEqual(yield* everything(path), definitions);
      yield* sql(path, "DROP VIEW source_api_calls_daily_revisions");
      yield* upgrade(path);
      assert.deepStrictEqual(yield* contentOf(path, heldTable.name), before);
    }).pipe(Effect.scoped),
  );

  it.live("an upgrade stands though the process was killed right after it", () =>
    Effect.gen(function* () {
      const path = yield* firstVersion;
      const before = yield* contentOf(path, "internal.held");
      const crash = `
        const { schemaStatements } = await import(process.argv[2]);
        const instance = await DuckDBInstance.create(process.argv[1]);
        const connection = await instance.connect();
        await connection.run(["BEGIN", ...schemaStatements(1), "COMMIT"].join(";"));
        console.log("committed");
        setInterval(() => {}, 1e6);`;
      yield* Effect.scoped(otherProcess(crash, path, new URL("../src/DuckDBSchema.ts", import.meta.url).href));
      assert.include(yield* Effect.promise(() => readdir(dirname(path))), "segmeter.duckdb.wal");
      yield* upgrade(path);
      assert.deepStrictEqual(yield* contentOf(path, heldTable.name), before);
      assert.deepStrictEqual(yield* sql(path, "FROM internal.schema_version"), [[2]]);
    }).pipe(Effect.scoped),
  );

  for (const access of ["read-write", "read-only"] as const) {
    it.live(`a newer version is refused, and left as it is: ${access}`, () =>
      Effect.gen(function* () {
        const path = join(yield* directory, "segmeter.duckdb");
        yield* upgrade(path);
        // The columns of a newer version may be others: that is not what is to be said.
        yield* sql(path, "UPDATE internal.schema_version SET version = 3; ALTER TABLE runs ADD COLUMN host VARCHAR");
        const before = yield* Effect.promise(() => readFile(path));
        const error = yield* Effect.flip(Effect.scoped(openDuckDBFile({ path, access })));
        assert.strictEqual(error.reason, "Foreign");
        assert.strictEqual(error.detail, `${path} has schema version 3; this segmeter knows 2.`);
        assert.strictEqual(error.hint, "Use a newer segmeter.");
        assert.isTrue(before.equals(yield* Effect.promise(() => readFile(path))));
      }).pipe(Effect.scoped),
    );
  }

  it.live("a version that is none is Damaged", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      yield* upgrade(path);
      for (const change of [
        "DELETE FROM internal.schema_version",
        "INSERT INTO internal.schema_version VALUES (1), (2)",
      ]) {
        yield* sql(path, change);
        const error = yield* Effect.flip(upgrade(path));
        assert.strictEqual(error.reason, "Damaged");
        assert.include(error.detail, "internal.schema_version");
      }
    }).pipe(Effect.scoped),
  );

  it.live("a segmeter of version 1 is told so before it captures, and can replace nothing", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      const captured = yield* Effect.scoped(
        Effect.flatMap(openDuckDBSink({ path }), (sink) => replace(sink, partition("source-mtu"), [mtuRow({})])),
      );
      yield* sql(path, ofVersion1.prepare);
      const said = (text: string) =>
        Effect.promise(() =>
          ask(path, text).then(
            () => "",
            (cause: Error) => cause.message,
          ),
        );
      const told = "This database has schema version 2; this segmeter knows 1. Use a newer segmeter.";
      assert.include(yield* said(ofVersion1.held), told);
      assert.include(yield* said("SELECT count(capture_id || workspace_id) FROM internal.held"), told);
      assert.include(yield* said(ofVersion1.replace), "Can only delete from base table");
      const sink = yield* openDuckDBSink({ path, access: "read-only" });
      assert.deepStrictEqual(yield* sink.read(partition("source-mtu")), captured);
    }).pipe(Effect.scoped),
  );
});
