import { assert, describe, it } from "@effect/vitest";
import { allColumns, bookTables, type Encoder, type Row, tables, usageTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDuckDBEncoder } from "../src/index.ts";
import { ask, directory, encodeRequest, mtuRow } from "./Setting.ts";

const table = usageTables.source_mtu_daily;

const withEncoder = <A, E>(use: (encoder: Encoder, path: string, parent: string) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const parent = yield* directory;
    const encoder = yield* makeDuckDBEncoder();
    return yield* use(encoder, join(parent, `it's "new" [1] ü.parquet`), parent);
  }).pipe(Effect.scoped);

const query = (sql: string) => Effect.promise(() => ask(":memory:", sql));
const file = (path: string) => `'${path.replaceAll("'", "''").replace("[", "[[]")}'`;

describe("DuckDBEncoder", () => {
  it.live("writes the rows in their order, and only the table's columns", () =>
    withEncoder((encoder, path) =>
      Effect.gen(function* () {
        assert.strictEqual(encoder.name, "duckdb");
        // Against the key, over several chunks, and across a row group.
        const rows = Array.from({ length: 130_000 }, (_, index) =>
          mtuRow({ source_id: `s${(index * 7_919) % 130_000}`, identified: BigInt(index) }),
        );
        yield* encoder.encode(encodeRequest(path, rows, table));
        const found = yield* query(`SELECT source_id, identified FROM ${file(path)}`);
        assert.deepStrictEqual(
          found,
          rows.map((row) => ["source_id" in row ? row.source_id : "", "identified" in row ? `${row.identified}` : ""]),
        );
      }),
    ),
  );

  for (const each of tables) {
    it.live(`writes the types of ${each.name}, with no rows too`, () =>
      withEncoder((encoder, path) =>
        Effect.gen(function* () {
          yield* encoder.encode(encodeRequest(path, [], each));
          const found = yield* query(`SELECT column_name, column_type FROM (DESCRIBE FROM ${file(path)})`);
          assert.deepStrictEqual(
            found,
            each.columns.map(({ name, type }) => [name, type]),
          );
          assert.deepStrictEqual(yield* query(`SELECT count(*) FROM ${file(path)}`), [["0"]]);
          assert.isBelow(each.columns.length, allColumns(each).length);
        }),
      ),
    );
  }

  it.live("keeps all 64 bits, microseconds, nulls and any text", () =>
    withEncoder((encoder, path, parent) =>
      Effect.gen(function* () {
        const rows = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n].map((identified) =>
          mtuRow({ identified, source_id: "日本 😀 '\"", observed_at: 1_704_067_200_123_457 }),
        );
        yield* encoder.encode(encodeRequest(path, rows, table));
        const found = yield* query(`SELECT identified, source_id, observed_at FROM ${file(path)}`);
        assert.deepStrictEqual(
          found,
          ["9223372036854775807", "-9223372036854775808", "9007199254740993"].map((count) => [
            count,
            "日本 😀 '\"",
            "2024-01-01 00:00:00.123457",
          ]),
        );
        const run: Row = {
          run_id: "r",
          command: "c",
          arguments: "{}",
          version: "1",
          started: 1,
          ended: null,
          exit: null,
          totals: null,
        };
        const runs = join(parent, "runs.parquet");
        yield* encoder.encode({ table: bookTables.runs, rows: [run, { ...run, exit: -1n }], metadata: {}, path: runs });
        assert.deepStrictEqual(yield* query(`SELECT ended, exit FROM '${runs}'`), [
          [null, null],
          [null, "-1"],
        ]);
      }),
    ),
  );

  it.live("writes zstd, and whatever metadata", () =>
    withEncoder((encoder, path) =>
      Effect.gen(function* () {
        const metadata = {
          "segmeter.capture_id": "c1",
          "it's {a: 'b'}": `x', y: "z" }); DROP`,
          ключ: "日本 😀\n",
          empty: "",
        };
        yield* encoder.encode({ ...encodeRequest(path, [mtuRow({})], table), metadata });
        const found = yield* query(`SELECT decode(key), decode(value) FROM parquet_kv_metadata(${file(path)})`);
        assert.deepStrictEqual(
          found.filter(([key]) => key !== "ARROW:schema"),
          Object.entries(metadata),
        );
        assert.deepStrictEqual(yield* query(`SELECT DISTINCT compression FROM parquet_metadata(${file(path)})`), [
          ["ZSTD"],
        ]);
      }),
    ),
  );

  it.live("makes a new file for its owner alone, and nothing beside it", () =>
    withEncoder((encoder, path, parent) =>
      Effect.gen(function* () {
        yield* encoder.encode(encodeRequest(path, [mtuRow({})], table));
        assert.strictEqual((yield* Effect.promise(() => stat(path))).mode & 0o777, 0o600);
        assert.lengthOf(yield* Effect.promise(() => readdir(parent)), 1);
        const taken = join(parent, "taken");
        yield* Effect.promise(() => writeFile(taken, "mine"));
        const error = yield* Effect.flip(encoder.encode(encodeRequest(taken, [], table)));
        assert.include(error.detail, "EEXIST");
        assert.strictEqual((yield* Effect.promise(() => stat(taken))).size, 4);
      }),
    ),
  );

  it.live("may encode side by side", () =>
    withEncoder((encoder, path, parent) =>
      Effect.gen(function* () {
        const names = Array.from({ length: 8 }, (_, index) => index);
        yield* Effect.forEach(
          names,
          (name) => {
            const rows = Array.from({ length: 3_000 + name }, () => mtuRow({ source_id: `s${name}` }));
            return encoder.encode(encodeRequest(join(parent, `${name}.parquet`), rows, table));
          },
          { concurrency: "unbounded" },
        );
        const found = yield* query(
          `SELECT source_id, count(*)::INT, count(DISTINCT filename)::INT FROM read_parquet('${parent}/*.parquet') GROUP BY ALL ORDER BY ALL`,
        );
        assert.deepStrictEqual(
          found,
          names.map((name) => [`s${name}`, 3_000 + name, 1]),
        );
        assert.isString(path);
      }),
    ),
  );

  it.live("refuses what it cannot write exactly, and goes on", () =>
    withEncoder((encoder, path, parent) =>
      Effect.gen(function* () {
        const bad = encodeRequest(path, [mtuRow({ identified: 2n ** 63n })], table);
        assert.strictEqual((yield* Effect.flip(encoder.encode(bad))).reason, "Unrepresentable");
        const nul = { ...encodeRequest(join(parent, "b"), [], table), metadata: { a: "x\0y" } };
        assert.strictEqual((yield* Effect.flip(encoder.encode(nul))).reason, "Unrepresentable");
        const nowhere = encodeRequest(join(parent, "no", "where"), [], table);
        assert.strictEqual((yield* Effect.flip(encoder.encode(nowhere))).operation, `write ${nowhere.path}`);
        yield* encoder.encode(encodeRequest(join(parent, "c.parquet"), [mtuRow({})], table));
        assert.deepStrictEqual(yield* query(`SELECT count(*) FROM '${parent}/c.parquet'`), [["1"]]);
      }),
    ),
  );
});
