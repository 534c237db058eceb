import { DuckDBInstance } from "@duckdb/node-api";
import { assert, describe, it } from "@effect/vitest";
import { fromDuckDBValue, type QueryValue, toJson } from "../src/QueryValue.ts";

const big = 170_141_183_460_469_231_731_687_303_715_884_105_727n;

const values: ReadonlyArray<readonly [sql: string, value: QueryValue, json: string]> = [
  ["NULL", null, "null"],
  ["true", true, "true"],
  ["42::INTEGER", 42, "42"],
  ["1.5::DOUBLE", 1.5, "1.5"],
  ["'nan'::DOUBLE", Number.NaN, `"NaN"`],
  ["'-infinity'::DOUBLE", -Infinity, `"-Infinity"`],
  ["9007199254740993::BIGINT", 9_007_199_254_740_993n, "9007199254740993"],
  [`(-9223372036854775808)::BIGINT`, -(2n ** 63n), "-9223372036854775808"],
  ["18446744073709551615::UBIGINT", 2n ** 64n - 1n, "18446744073709551615"],
  [`${big}::HUGEINT`, big, `${big}`],
  [
    "1234567890123456789012345678901234.5678::DECIMAL(38,4)",
    "1234567890123456789012345678901234.5678",
    `"1234567890123456789012345678901234.5678"`,
  ],
  ["(-0.05)::DECIMAL(4,2)", "-0.05", `"-0.05"`],
  ["DATE '2024-02-29'", "2024-02-29", `"2024-02-29"`],
  ["DATE '1969-12-31'", "1969-12-31", `"1969-12-31"`],
  ["TIMESTAMP '2024-01-01 02:03:04.000005'", "2024-01-01T02:03:04.000005Z", `"2024-01-01T02:03:04.000005Z"`],
  ["TIMESTAMP '1969-12-31 23:59:59.9'", "1969-12-31T23:59:59.9Z", `"1969-12-31T23:59:59.9Z"`],
  [
    "TIMESTAMP_NS '2024-01-01 00:00:00.123456789'",
    "2024-01-01T00:00:00.123456789Z",
    `"2024-01-01T00:00:00.123456789Z"`,
  ],
  ["TIMESTAMP_S '2024-01-01 00:00:00'", "2024-01-01T00:00:00Z", `"2024-01-01T00:00:00Z"`],
  ["TIMESTAMPTZ '2024-01-01 02:00:00+02'", "2024-01-01T00:00:00Z", `"2024-01-01T00:00:00Z"`],
  ["'infinity'::TIMESTAMP", "infinity", `"infinity"`],
  ["TIME '01:02:03'", "01:02:03", `"01:02:03"`],
  ["'it''s \"quoted\"\n😀'", 'it\'s "quoted"\n😀', `"it's \\"quoted\\"\\n😀"`],
  ["[1::BIGINT, NULL]", [1n, null], "[1,null]"],
  ["array_value(1, 2)", [1, 2], "[1,2]"],
  ["{a: 1::HUGEINT, \"b c\": [DATE '2024-01-01']}", { a: 1n, "b c": ["2024-01-01"] }, `{"a":1,"b c":["2024-01-01"]}`],
  ["MAP {'k': 1::BIGINT}", [{ key: "k", value: 1n }], `[{"key":"k","value":1}]`],
  ["union_value(n := 2)", { tag: "n", value: 2 }, `{"tag":"n","value":2}`],
  ["'a\\x00'::BLOB", "a\\x00", `"a\\\\x00"`],
  ["INTERVAL '1 month'", "1 month", `"1 month"`],
  [
    "'7f1d6e4c-0000-4000-8000-000000000001'::UUID",
    "7f1d6e4c-0000-4000-8000-000000000001",
    `"7f1d6e4c-0000-4000-8000-000000000001"`,
  ],
  [`'{"a": 1}'::JSON`, '{"a": 1}', `"{\\"a\\": 1}"`],
];

describe("QueryValue", () => {
  for (const [sql, value, json] of values) {
    it(`${sql} is ${json}`, async () => {
      const instance = await DuckDBInstance.create(":memory:");
      const connection = await instance.connect();
      const [[found] = []] = await (await connection.run(`SELECT ${sql}`)).getRows();
      connection.closeSync();
      instance.closeSync();
      assert.deepStrictEqual(fromDuckDBValue(found!), value);
      assert.strictEqual(toJson(value), json);
      // Every one is JSON in one line.
      JSON.parse(toJson(value));
      assert.notInclude(toJson(value), "\n");
    });
  }

  it("takes a field for a field, whatever its name", () => {
    assert.strictEqual(toJson(JSON.parse(`{"__proto__":{"a":1}}`)), `{"__proto__":{"a":1}}`);
  });
});
