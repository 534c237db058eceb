import { assert, describe, it } from "@effect/vitest";
import { Capture } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { execFileSync } from "node:child_process";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { foreignObjects, openDuckDBSink } from "../src/index.ts";
import { ask, directory, mtuRow, partition, replace } from "./Setting.ts";

const made = Effect.gen(function* () {
  const path = join(yield* directory, "segmeter.duckdb");
  yield* Effect.scoped(openDuckDBSink({ path }));
  return path;
});

describe("foreignObjects", () => {
  it.live("are none in a database that only segmeter wrote to, of either version", () =>
    Effect.gen(function* () {
      const path = yield* made;
      assert.deepStrictEqual(yield* foreignObjects(path), []);
      const parent = yield* directory;
      const kept = new URL("../../../fixtures/data-directory-version-1.tar.gz", import.meta.url).pathname;
      execFileSync("tar", ["-xzf", kept, "-C", parent]);
      assert.deepStrictEqual(yield* foreignObjects(join(parent, "version-1", "segmeter.duckdb")), []);
    }).pipe(Effect.scoped),
  );

  it.live("are all that a user made, by kind and name; and looking changes nothing", () =>
    Effect.gen(function* () {
      const path = yield* made;
      yield* Effect.promise(() =>
        ask(
          path,
          `CREATE TABLE notes (text VARCHAR); CREATE INDEX fast ON notes (text); CREATE SCHEMA reports;
           CREATE VIEW reports.workspace_mtu AS FROM workspace_mtu; CREATE VIEW weekly AS FROM workspace_mtu;
           CREATE MACRO twice(a) AS 2 * a, (a, b) AS a + b; CREATE MACRO rows_of(t) AS TABLE FROM query_table(t);
           CREATE SEQUENCE ids; CREATE TYPE mood AS ENUM ('a'); CREATE TABLE internal.mine (a INT)`,
        ),
      );
      const before = yield* Effect.promise(() => readFile(path));
      assert.deepStrictEqual(yield* foreignObjects(path), [
        "index fast",
        "macro rows_of",
        "macro twice",
        "schema reports",
        "sequence ids",
        "table internal.mine",
        "table notes",
        "type mood",
        "view reports.workspace_mtu",
        "view weekly",
      ]);
      assert.isTrue(before.equals(yield* Effect.promise(() => readFile(path))));
      // It is closed again: the same process may write.
      yield* Effect.scoped(openDuckDBSink({ path }));
    }).pipe(Effect.scoped),
  );

  it.live("of what is no database of segmeter's is an error", () =>
    Effect.gen(function* () {
      const parent = yield* directory;
      const [text, other] = [join(parent, "text"), join(parent, "other.duckdb")];
      yield* Effect.promise(() => writeFile(text, "not a database, but long enough"));
      yield* Effect.promise(() => ask(other, "CREATE TABLE orders (id BIGINT)"));
      for (const path of [text, other]) {
        assert.strictEqual((yield* Effect.flip(foreignObjects(path))).reason, "Foreign");
      }
      assert.include((yield* Effect.flip(foreignObjects(join(parent, "none")))).detail, "There is no database");
    }).pipe(Effect.scoped),
  );

  it.live("a database made under a temporary name is one file, and the same under its own", () =>
    Effect.gen(function* () {
      const parent = yield* directory;
      const path = join(parent, "segmeter.duckdb");
      const beside = `${path}.0f3a-77.tmp`;
      yield* Effect.scoped(
        Effect.flatMap(openDuckDBSink({ path }), (sink) => replace(sink, partition("source-mtu"), [mtuRow({})])),
      );
      const rows = [mtuRow({ identified: 7n })];
      const captured = yield* Effect.scoped(
        Effect.gen(function* () {
          // While the old one is read.
          const old = yield* openDuckDBSink({ path, access: "read-only" });
          const sink = yield* openDuckDBSink({ path: beside });
          yield* sink.addBooks("w1", yield* old.books("w1"));
          return yield* replace(sink, partition("source-mtu"), rows);
        }),
      );
      assert.sameMembers(yield* Effect.promise(() => readdir(parent)), [
        "segmeter.duckdb",
        "segmeter.duckdb.0f3a-77.tmp",
      ]);
      yield* Effect.promise(() => rename(beside, path));
      for (const access of ["read-only", "read-write"] as const) {
        const found = yield* Effect.scoped(
          Effect.flatMap(openDuckDBSink({ path, access }), (sink) =>
            Effect.all([sink.read(partition("source-mtu")), sink.captures()]),
          ),
        );
        assert.deepStrictEqual(found[0], captured);
        assert.deepStrictEqual(found[1], found[1].toSorted(Capture.byTime));
        assert.lengthOf(found[1], 2);
        assert.deepStrictEqual(
          yield* Effect.promise(() =>
            ask(path, "SELECT mtu FROM source_mtu UNION ALL SELECT mtu FROM source_mtu_as_of(DATE '2030-01-01')"),
          ),
          [["7"], ["7"]],
        );
      }
      assert.deepStrictEqual(yield* foreignObjects(path), []);
    }).pipe(Effect.scoped),
  );
});
