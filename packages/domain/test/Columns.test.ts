import { assert, describe, it } from "@effect/vitest";
import * as FastCheck from "fast-check";
import {
  type Column,
  columnsOf,
  concatenated,
  picked,
  type Row,
  rowsOf,
  SinkError,
  type Table,
  toColumns,
  toRows,
} from "../src/index.ts";

const column = (name: string, type: Column["type"], nullable?: true): Column =>
  nullable === undefined ? { name, type, doc: "" } : { name, type, nullable, doc: "" };

const types = ["VARCHAR", "DATE", "TIMESTAMP", "BIGINT", "BOOLEAN"] as const;

/** A column of every type, and one that may be null. */
const table: Table = {
  name: "every_type",
  partitioning: "workspace",
  key: [],
  columns: types.flatMap((type) => [column(type, type), column(`${type}_or_null`, type, true)]),
};

const bigints = FastCheck.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const numbers = FastCheck.double();
const texts = FastCheck.string({ unit: "binary" });
const values = { VARCHAR: texts, DATE: numbers, TIMESTAMP: numbers, BIGINT: bigints, BOOLEAN: FastCheck.boolean() };

const rows = FastCheck.array(
  FastCheck.record(
    Object.fromEntries(
      table.columns.map(({ name, nullable, type }): [string, FastCheck.Arbitrary<Row[string]>] => [
        name,
        nullable === true ? FastCheck.option<Row[string], null>(values[type], { nil: null }) : values[type],
      ]),
    ),
  ),
);

describe("columns", () => {
  it("give the rows back as they were, also after they went to another thread", () =>
    FastCheck.assert(
      FastCheck.property(rows, (given) => {
        const columns = structuredClone(toColumns(table, given));
        assert.strictEqual(columns.length, given.length);
        assert.deepStrictEqual(toRows(table, columns), given);
      }),
    ));

  it("are made of rows, and rows of them, only where they are not so already", () => {
    const columns = toColumns(table, []);
    assert.strictEqual(columnsOf(table, columns), columns);
    const none: ReadonlyArray<Row> = [];
    assert.strictEqual(rowsOf(table, none), none);
    assert.deepStrictEqual(rowsOf(table, columns), []);
  });

  it("of parts are the rows of all, one after the other, with each text once", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.array(rows, { maxLength: 4 }), (parts) => {
        const columns = concatenated(
          table,
          parts.map((part) => toColumns(table, part)),
        );
        assert.deepStrictEqual(toRows(table, columns), parts.flat());
        for (const { texts } of columns.data) assert.strictEqual(new Set(texts).size, texts.length);
      }),
    ));

  it("are picked by their places, in any order", () =>
    FastCheck.assert(
      FastCheck.property(rows, FastCheck.array(FastCheck.nat()), (given, chosen) => {
        const places = given.length === 0 ? [] : chosen.map((place) => place % given.length);
        assert.deepStrictEqual(
          toRows(table, picked(table, toColumns(table, given), Uint32Array.from(places))),
          places.map((place) => given[place]!),
        );
      }),
    ));

  const refused: Record<Column["type"], ReadonlyArray<unknown>> = {
    VARCHAR: [1, 1n, true, undefined, {}],
    DATE: ["2024-01-01", 1n, true, undefined, new Date(0)],
    TIMESTAMP: ["2024-01-01", 1n, true, undefined, new Date(0)],
    BIGINT: [1, "1", 2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n, undefined],
    BOOLEAN: [0, 1, "true", undefined],
  };
  const good: Row = Object.fromEntries(
    table.columns.map(({ name, type }) => [
      name,
      { VARCHAR: "", DATE: 0, TIMESTAMP: 0, BIGINT: 0n, BOOLEAN: false }[type],
    ]),
  );
  for (const { name, nullable, type } of table.columns) {
    for (const value of [...refused[type], ...(nullable === true ? [] : [null])]) {
      it(`refuse ${String(value)} (${typeof value}) for ${name}`, () => {
        try {
          toColumns(table, [good, { ...good, [name]: value as Row[string] }]);
          assert.fail("it was taken");
        } catch (error) {
          assert.instanceOf(error, SinkError);
          assert.strictEqual(error.reason, "Unrepresentable");
          assert.include(error.detail, "Row 2 has ");
          assert.include(error.detail, `for ${name}, which is no ${type}`);
        }
      });
    }
  }

  it("refuse a column that the table does not have, and say nothing of its value", () => {
    try {
      toColumns(table, [{ ...good, write_key: "secret" }]);
      assert.fail("it was taken");
    } catch (error) {
      assert.instanceOf(error, SinkError);
      assert.include(error.message, "write_key");
      assert.notInclude(error.message, "secret");
    }
  });
});
