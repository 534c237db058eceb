import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { assert, describe, it } from "@effect/vitest";
import { type Column, type ColumnData, columnsOf, type Row, SinkError, type Value } from "@segmeter/domain";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { chunkRows } from "../src/DuckDBColumn.ts";
import { appendRows, readRows } from "../src/DuckDBRows.ts";
import { columnDefinitions } from "../src/DuckDBSchema.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const column = (name: string, type: Column["type"], nullable?: true): Column =>
  nullable === undefined ? { name, type, doc: "" } : { name, type, nullable, doc: "" };

const columns = [
  column("text", "VARCHAR"),
  column("day", "DATE"),
  column("instant", "TIMESTAMP"),
  column("count", "BIGINT"),
  column("flag", "BOOLEAN"),
  column("maybe", "BIGINT", true),
  column("note", "VARCHAR", true),
];

const row: Row = { text: "", day: 0, instant: 0, count: 0n, flag: false, maybe: null, note: null };

const rows: ReadonlyArray<Row> = [
  row,
  { text: "x", day: 19_723, instant: 1_704_067_200_123_457, count: 2n ** 63n - 1n, flag: true, maybe: 1n, note: "n" },
  { ...row, text: "日本語 😀 ünï", day: -1, instant: -1, count: -(2n ** 63n) },
  { ...row, text: "longer than the twelve bytes that fit inline", day: 2 ** 31 - 2, instant: Number.MAX_SAFE_INTEGER },
  { ...row, text: "a\0b\nc", day: -(2 ** 31) + 2, instant: Number.MIN_SAFE_INTEGER, count: 2n ** 53n + 1n },
  { ...row, count: -17n, maybe: -(2n ** 63n), note: "" },
];

const withTable = async <A>(use: (connection: DuckDBConnection) => Promise<A>): Promise<A> => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE t (${columnDefinitions(columns)})`);
  try {
    return await use(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
};

const target = { table: "t", columns };

const readAll = async (connection: DuckDBConnection): Promise<ReadonlyArray<Row>> =>
  readRows(await connection.run("FROM t ORDER BY rowid"), columns);

const roundTrip = (given: ReadonlyArray<Row>, constants?: Row) =>
  withTable(async (connection) => {
    await appendRows(connection, target, given, constants);
    return readAll(connection);
  });

describe("DuckDBRows", () => {
  it("gives back every value as it was", async () => {
    assert.deepStrictEqual(await roundTrip(rows), rows);
  });

  it("means by a value what DuckDB means by it", () =>
    withTable(async (connection) => {
      await appendRows(connection, target, rows.slice(0, 3));
      const found = await connection.run(
        "SELECT day::VARCHAR, instant::VARCHAR, count::VARCHAR, flag FROM t ORDER BY rowid",
      );
      assert.deepStrictEqual(await found.getRowsJson(), [
        ["1970-01-01", "1970-01-01 00:00:00", "0", false],
        ["2024-01-01", "2024-01-01 00:00:00.123457", "9223372036854775807", true],
        ["1969-12-31", "1969-12-31 23:59:59.999999", "-9223372036854775808", false],
      ]);
    }));

  for (const count of [0, 1, chunkRows - 1, chunkRows, chunkRows + 1, 3 * chunkRows + 7]) {
    it(`keeps ${count} rows in order, nulls and texts of one chunk out of the next`, async () => {
      const given = Array.from({ length: count }, (_, index) => ({
        ...rows[index % rows.length]!,
        count: BigInt(index),
        maybe: index % chunkRows < 3 ? null : BigInt(index),
      }));
      assert.deepStrictEqual(await roundTrip(given), given);
    });
  }

  // Where the places of an enumeration come to need another byte.
  for (const texts of [1, 255, 256, 257, 65_535, 65_536, 65_537]) {
    it(`keeps each of ${texts} texts, many rows of each, where it was`, () =>
      withTable(async (connection) => {
        const given = Array.from({ length: texts * 9 }, (_, index) => ({
          ...row,
          text: `t${index % texts}`,
          instant: index >> 2,
          count: BigInt(index),
        }));
        await appendRows(connection, target, given);
        const found = await connection.run(
          `SELECT count(*) FILTER (text = 't' || (count % ${texts}) AND epoch_us(instant) = count // 4 AND count = rowid) FROM t`,
        );
        assert.deepStrictEqual(await found.getRowsJS(), [[BigInt(given.length)]]);
      }));
  }

  for (const times of [1, 1_000]) {
    it(`puts a constant in every row, of ${rows.length * times}`, async () => {
      const many = Array.from({ length: times }, () => rows).flat();
      const others = many.map(({ day: _day, text: _text, ...each }) => each);
      const found = await roundTrip(others, { text: "same", day: 1 });
      assert.deepStrictEqual(
        found,
        many.map((each) => ({ ...each, text: "same", day: 1 })),
      );
    });
  }

  const refused: ReadonlyArray<readonly [string, Value | undefined]> = [
    ["count", 2n ** 63n],
    ["count", -(2n ** 63n) - 1n],
    ["count", 1],
    ["count", "1"],
    ["count", null],
    ["count", undefined],
    ["maybe", undefined],
    ["maybe", 1],
    ["day", 0.5],
    ["day", 2 ** 31 - 1],
    ["day", -(2 ** 31)],
    ["day", "2024-01-01"],
    ["day", Number.NaN],
    ["instant", 2 ** 53],
    ["instant", 0.5],
    ["instant", 1n],
    ["flag", 1],
    ["text", "half a pair: \ud83d"],
    ["text", 7],
    ["text", null],
  ];
  for (const [name, value] of refused) {
    for (const transaction of ["in a transaction", "without one"]) {
      it(`refuses ${typeof value} ${JSON.stringify(String(value))} for ${name}, and leaves nothing: ${transaction}`, () =>
        withTable(async (connection) => {
          if (transaction !== "without one") await connection.run("BEGIN");
          const given = [...Array.from({ length: chunkRows + 1 }, () => row), { ...row, [name]: value } as Row];
          const error = await appendRows(connection, target, given).then(
            () => undefined,
            (cause: unknown) => cause,
          );
          assert.instanceOf(error, SinkError);
          assert.strictEqual(error.reason, "Unrepresentable");
          assert.include(error.detail, `Row ${chunkRows + 2} `);
          assert.include(error.detail, name);
          if (transaction !== "without one") await connection.run("ROLLBACK");
          // An appender that was left open writes what it holds when it is collected.
          collectGarbage();
          await setImmediate();
          assert.deepStrictEqual(await readAll(connection), []);
          await appendRows(connection, target, rows);
          assert.deepStrictEqual(await readAll(connection), rows);
        }));
    }
  }

  const { data, length } = columnsOf(
    { name: "t", columns },
    Array.from({ length: 100 }, () => row),
  );
  const strangeText = (texts: ColumnData) => ({ ...texts, values: texts.values.with(99, 1 as never) });
  const shorter = (given: ColumnData) => ({ ...given, values: given.values.slice(0, 99) });
  for (const [how, name, damage] of [
    ["whose rows have a text that is not there", "text", strangeText],
    ["that has fewer values than there are rows", "text", shorter],
    ["that has fewer values than there are rows", "count", shorter],
    ["that has fewer values than there are rows", "day", shorter],
  ] as const) {
    it(`refuses a column ${how}: ${name}`, () =>
      withTable(async (connection) => {
        const given = { length, data: data.map((one, index) => (columns[index]!.name === name ? damage(one) : one)) };
        const error = await appendRows(connection, target, given).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        assert.instanceOf(error, SinkError);
        assert.strictEqual(error.reason, "Unrepresentable");
        assert.deepStrictEqual(await readAll(connection), []);
      }));
  }

  it("refuses to read what no row of ours can hold", () =>
    withTable(async (connection) => {
      for (const [name, sql] of [
        ["instant", "TIMESTAMP '290000-01-01'"],
        ["instant", "'infinity'::TIMESTAMP"],
        ["day", "'infinity'::DATE"],
      ] as const) {
        await connection.run(`INSERT INTO t BY NAME SELECT '' AS text, DATE '2024-01-01' AS day,
          TIMESTAMP '2024-01-01' AS instant, 1 AS count, true AS flag`);
        await connection.run(`UPDATE t SET ${name} = ${sql}`);
        const error = await readAll(connection).catch((cause: unknown) => cause);
        assert.instanceOf(error, SinkError);
        assert.strictEqual(error.reason, "Unrepresentable");
        await connection.run("DELETE FROM t");
      }
    }));
});
