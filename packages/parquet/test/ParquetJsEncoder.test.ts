import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import type { Row, Table } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { everyType, everyTypeRows, mtuRow, mtuTable, query, temporaryDirectory } from "./Setting.ts";

const encoded = Effect.fn("encoded")(function* (table: Table, rows: ReadonlyArray<Row>, metadata = {}) {
  const path = join(yield* temporaryDirectory, "file.parquet");
  yield* parquetJsEncoder.encode({ table, rows, metadata, path });
  return path;
});

/** As DuckDB reads them, days and instants as numbers since the epoch. */
const readByDuckDB = async (path: string): Promise<ReadonlyArray<Row>> => {
  const columns = everyType.columns.map(({ name, type }) =>
    type === "DATE"
      ? `("${name}" - DATE '1970-01-01')::DOUBLE AS "${name}"`
      : type === "TIMESTAMP"
        ? `epoch_us("${name}")::DOUBLE AS "${name}"`
        : type === "VARCHAR"
          ? `'>' || "${name}" AS "${name}"`
          : `"${name}"`,
  );
  const rows = await query(`SELECT ${columns} FROM '${path}'`);
  // DuckDB's client for Node takes a byte order mark from the start of a text; behind another character it stays.
  const text = (value: unknown): unknown => (typeof value === "string" ? value.slice(1) : value);
  return rows.map((row) => inColumnOrder((name) => text(row[name])));
};

/** As hyparquet reads them with the decompressors that go with it. */
const readByHyparquet = async (path: string): Promise<ReadonlyArray<Row>> => {
  const file = await asyncBufferFromFile(path);
  const rows = await parquetReadObjects({
    file,
    compressors,
    parsers: {
      dateFromDays: (days) => days,
      timestampFromMicroseconds: Number,
      // The library's own decoder takes a byte order mark away.
      stringFromBytes: (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
    },
  });
  return rows.map((row) => inColumnOrder((name) => row[name] ?? null));
};

const inColumnOrder = (value: (name: string) => unknown): Row =>
  Object.fromEntries(everyType.columns.map(({ name }) => [name, value(name)])) as Row;

describe("what others read", () => {
  const patterns: ReadonlyArray<readonly [name: string, count: number, isNull: (row: number) => boolean]> = [
    ["no rows", 0, () => false],
    ["one row", 1, () => false],
    ["one null", 1, () => true],
    ["no nulls", 100, () => false],
    ["only nulls", 100, () => true],
    ["every third null", 100, (row) => row % 3 === 0],
    ["long and short runs of nulls", 1_000, (row) => (row * row) % 37 < 12 || (row > 200 && row < 500)],
    ["nulls at both ends", 65, (row) => row < 9 || row > 50],
    ["the most that is not compressed", 127, (row) => row % 3 === 0],
    ["the least that is compressed, no nulls", 128, () => false],
    ["the least that is compressed, only nulls", 128, () => true],
  ];
  for (const [name, count, isNull] of patterns) {
    it.effect(`is what was written: ${name}`, () =>
      Effect.gen(function* () {
        const rows = everyTypeRows(count, isNull).map((row) => inColumnOrder((column) => row[column]));
        const path = yield* encoded(everyType, rows);
        assert.deepStrictEqual(yield* Effect.promise(() => readByDuckDB(path)), rows);
        assert.deepStrictEqual(yield* Effect.promise(() => readByHyparquet(path)), rows);
      }),
    );
  }

  for (const [count, codec] of [
    [127, "UNCOMPRESSED"],
    [128, "GZIP"],
  ] as const) {
    it.effect(`of ${count} rows is ${codec} in every column`, () =>
      Effect.gen(function* () {
        const path = yield* encoded(everyType, everyTypeRows(count));
        const found = yield* Effect.promise(() =>
          query(`SELECT DISTINCT compression FROM parquet_metadata('${path}')`),
        );
        assert.deepStrictEqual(found, [{ compression: codec }]);
      }),
    );
  }

  it.effect("has the column types of the table contract", () =>
    Effect.gen(function* () {
      const path = yield* encoded(everyType, []);
      const described = yield* Effect.promise(() => query(`DESCRIBE SELECT * FROM '${path}'`));
      const found = described.map((row) => [row["column_name"], row["column_type"]]);
      assert.deepStrictEqual(
        found,
        everyType.columns.map(({ name, type }) => [name, type]),
      );
      const { schema } = yield* Effect.promise(async () => parquetMetadataAsync(await asyncBufferFromFile(path)));
      assert.deepStrictEqual(
        schema.slice(1).map((element) => element.repetition_type),
        everyType.columns.map((column) => (column.nullable === true ? "OPTIONAL" : "REQUIRED")),
      );
    }),
  );

  it.effect("has the metadata in its footer", () =>
    Effect.gen(function* () {
      const metadata = { "segmeter.a": `ünï "quoted" 😀`, "segmeter.b": "", "segmeter.c": "x".repeat(100_000) };
      const path = yield* encoded(everyType, [], metadata);
      const pairs = yield* Effect.promise(() =>
        query(`SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${path}')`),
      );
      assert.deepStrictEqual(Object.fromEntries(pairs.map(({ key, value }) => [key, value])), metadata);
    }),
  );
});

describe("filters", () => {
  const rows = Array.from({ length: 110_000 }, (_, index) => mtuRow(index));

  it.effect("give right answers over several row groups", () =>
    Effect.gen(function* () {
      const path = yield* encoded(mtuTable, rows);
      const { row_groups: groups } = yield* Effect.promise(async () =>
        parquetMetadataAsync(await asyncBufferFromFile(path)),
      );
      assert.deepStrictEqual(
        groups.map((group) => Number(group.num_rows)),
        [50_000, 50_000, 10_000],
      );
      const questions: ReadonlyArray<readonly [where: string, matches: (row: (typeof rows)[number]) => boolean]> = [
        ["anonymous >= 5000", (row) => row.anonymous >= 5_000n],
        ["anonymous < -4999", (row) => row.anonymous < -4_999n],
        ["anonymous = 9", (row) => row.anonymous === 9n],
        ["anonymous_identified >= 100", (row) => row.anonymous_identified >= 100n],
        ["anonymous_identified = 99999", (row) => row.anonymous_identified === 99_999n],
        ["identified > 9007199254840991", (row) => row.identified > 9_007_199_254_840_991n],
        ["source_id >= 'source-9'", (row) => row.source_id >= "source-9"],
        ["source_id = 'source-96'", (row) => row.source_id === "source-96"],
        ["day = DATE '2024-01-31'", (row) => row.day === 19_753],
        ["epoch_us(snapshot_at) = 1704067200109999", (row) => row.snapshot_at === 1_704_067_200_109_999],
        ["snapshot_at > TIMESTAMP '2024-01-01 00:00:00.1'", (row) => row.snapshot_at > 1_704_067_200_100_000],
        ["anonymous IS NULL", () => false],
      ];
      for (const [where, matches] of questions) {
        const [answer] = yield* Effect.promise(() => query(`SELECT count(*) AS n FROM '${path}' WHERE ${where}`));
        assert.strictEqual(answer!["n"], BigInt(rows.filter(matches).length), where);
      }
    }),
  );

  it.effect("find text that UTF-16 and UTF-8 order differently", () =>
    Effect.gen(function* () {
      const path = yield* encoded(
        mtuTable,
        ["😀", "ﬀ"].map((id, index) => ({ ...mtuRow(index), source_id: id })),
      );
      for (const id of ["😀", "ﬀ"]) {
        const found = yield* Effect.promise(() => query(`SELECT source_id FROM '${path}' WHERE source_id = '${id}'`));
        assert.deepStrictEqual(found, [{ source_id: id }]);
      }
      const above = yield* Effect.promise(() => query(`SELECT source_id FROM '${path}' WHERE source_id > 'ﬀ'`));
      assert.deepStrictEqual(above, [{ source_id: "😀" }]);
    }),
  );

  it.effect("find nulls and what is not null", () =>
    Effect.gen(function* () {
      const path = yield* encoded(everyType, everyTypeRows(1_000));
      for (const { name } of everyType.columns.filter((column) => column.nullable === true)) {
        const sql = `SELECT count(*) FILTER (${name} IS NULL) AS nulls, count(${name}) AS others FROM '${path}'`;
        assert.deepStrictEqual(yield* Effect.promise(() => query(sql)), [{ nulls: 334n, others: 666n }]);
        const where = `SELECT count(*) AS nulls FROM '${path}' WHERE ${name} IS NULL`;
        assert.deepStrictEqual(yield* Effect.promise(() => query(where)), [{ nulls: 334n }]);
      }
    }),
  );
});

describe("refused, not altered", () => {
  const wrong: Record<string, ReadonlyArray<unknown>> = {
    count: [2n ** 63n, -(2n ** 63n) - 1n, 1, 12.7, "12", "12abc", "1e3", true, null, undefined, Number.NaN],
    text: [1, 1n, null, undefined, true, new Date(0), "\uD83D", "a\uDE00b"],
    day: [19_723.5, -1, 2_932_897, 1n, "2024-01-01", new Date(0), new Date(Number.NaN), Number.NaN, null, undefined],
    instant: [0.5, -1, 2 ** 53, 1n, "2024-01-01T00:00:00Z", new Date(0), Number.POSITIVE_INFINITY, null, undefined],
    flag: [0, 1, "true", null, undefined],
    count_or_null: [undefined, 1, ""],
    text_or_null: [undefined, 1],
  };
  for (const [column, values] of Object.entries(wrong)) {
    for (const value of values) {
      it.effect(
        `${column}: ${typeof value === "string" ? JSON.stringify(value) : String(value)} (${typeof value})`,
        () =>
          Effect.gen(function* () {
            const rows = everyTypeRows(10);
            rows[7] = { ...rows[7], [column]: value as Row[string] };
            const error = yield* Effect.flip(encoded(everyType, rows));
            assert.strictEqual(error.reason, "Unrepresentable");
            assert.match(error.detail, new RegExp(`^Row 8 has .* for ${column}, which is no `));
          }),
      );
    }
  }

  it.effect("a column that the table does not have", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(encoded(mtuTable, [{ ...mtuRow(0), write_key: "secret" }]));
      assert.strictEqual(error.reason, "Unrepresentable");
      assert.include(error.detail, "write_key");
      assert.notInclude(error.message, "secret");
    }),
  );
});

describe("the file", () => {
  it.effect("is this user's alone", () =>
    Effect.gen(function* () {
      const path = yield* encoded(mtuTable, [mtuRow(0)]);
      assert.strictEqual(statSync(path).mode & 0o777, 0o600);
    }),
  );

  it.effect("is never one that was there", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file.parquet");
      writeFileSync(path, "mine");
      const request = { table: mtuTable, rows: [mtuRow(0)], metadata: {}, path };
      const error = yield* Effect.flip(parquetJsEncoder.encode(request));
      assert.include(error.detail, "EEXIST");
      assert.strictEqual(readFileSync(path, "utf8"), "mine");
    }),
  );

  it.effect("needs a directory", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory;
      writeFileSync(join(directory, "file"), "");
      const request = { table: mtuTable, rows: [], metadata: {}, path: join(directory, "file", "file.parquet") };
      assert.strictEqual((yield* Effect.flip(parquetJsEncoder.encode(request))).reason, "Unwritable");
    }),
  );

  it.effect("fails as full on a full disk", (context) =>
    Effect.gen(function* () {
      const disk = join(yield* temporaryDirectory, "disk");
      mkdirSync(disk);
      try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], { stdio: "ignore" });
      } catch {
        context.skip("this user may not mount a small file system to fill");
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => execFileSync("umount", [disk])));
      const rows = Array.from({ length: 20_000 }, (_, index) => mtuRow(index));
      const request = { table: mtuTable, rows, metadata: {}, path: join(disk, "file.parquet") };
      const error = yield* Effect.flip(parquetJsEncoder.encode(request));
      assert.strictEqual(error.reason, "Full");
      assert.include(error.detail, "ENOSPC");
    }),
  );
});
