import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { DataPageHeader, SchemaElement } from "hyparquet";
import { readDataPage } from "hyparquet/src/datapage.js";
import { join } from "node:path";
import { withParquet } from "../src/ParquetColumns.ts";
import { query, temporaryDirectory } from "./Setting.ts";

const rows = 7_000;

/** Of each type a column without nulls, of nulls alone, with values in the first row group and nulls from within the second on, and with every third null. */
const types: Readonly<Record<string, string>> = {
  BIGINT: "9007199254740993 + i",
  VARCHAR: "'text ' || (i % 5)",
  BOOLEAN: "i % 2 = 0",
  DATE: "DATE '2024-01-01' + (i % 31)::INTEGER",
  TIMESTAMP: "make_timestamp(1700000000000000 + i)",
};
const nulls: Readonly<Record<string, string>> = {
  none: "false",
  all: "true",
  later: "i >= 3000",
  third: "i % 3 = 0",
};

const selected = Object.entries(types).flatMap(([type, value]) =>
  Object.entries(nulls).map(
    ([name, isNull]) => `CASE WHEN ${isNull} THEN NULL ELSE ${value} END::${type} AS ${type.toLowerCase()}_${name}`,
  ),
);

describe("nullable columns of a file by DuckDB", () => {
  for (const compression of ["zstd", "uncompressed"]) {
    it.effect(`are read with their nulls where they are, and without any where there are none: ${compression}`, () =>
      Effect.gen(function* () {
        const path = join(yield* temporaryDirectory, "file.parquet");
        const options = `FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE 2048`;
        yield* Effect.promise(() =>
          query(`COPY (SELECT ${selected.join(", ")} FROM range(${rows}) t(i)) TO '${path}' (${options})`),
        );
        // As whole numbers and texts, in which both readers can say every value.
        const asText = (column: string) =>
          column.startsWith("date")
            ? `(${column} - DATE '1970-01-01')::VARCHAR`
            : column.startsWith("timestamp")
              ? `epoch_us(${column})::VARCHAR`
              : `${column}::VARCHAR`;
        const read = yield* withParquet(path, async (file) => {
          const columns = new Map<string, Array<string | null>>();
          assert.isAbove(file.groups.length, 2);
          for (const { name } of file.columns) {
            const values: Array<string | null> = [];
            for (const group of file.groups) {
              const read = await file.read(name, group);
              for (let row = 0; row < read.length; row++) values.push(read[row] == null ? null : String(read[row]));
            }
            columns.set(name, values);
          }
          return columns;
        });
        assert.strictEqual(read.size, selected.length);
        for (const [name, values] of read) {
          const all = yield* Effect.promise(() => query(`SELECT ${asText(name)} AS text FROM '${path}'`));
          assert.deepStrictEqual<unknown>(
            values,
            all.map(({ text }) => text),
            name,
          );
        }
      }),
    );
  }

  it("may have a page without values, whose levels take no bytes", () => {
    const element: SchemaElement = { name: "count", type: "INT64", repetition_type: "OPTIONAL" };
    const schemaPath = [{ name: "root" }, element].map((of) => ({ element: of, children: [], count: 1, path: [] }));
    const header: DataPageHeader = {
      num_values: 0,
      encoding: "PLAIN",
      definition_level_encoding: "RLE",
      repetition_level_encoding: "RLE",
    };
    const lengthOfLevels = new Uint8Array(4);
    const page = readDataPage(lengthOfLevels, header, { type: "INT64", element, schemaPath } as never);
    assert.deepStrictEqual(page, { definitionLevels: [], repetitionLevels: [], dataPage: [] });
  });
});
