import { assert, describe, it } from "@effect/vitest";
import * as FastCheck from "fast-check";
import { parseExactly } from "../src/ExactJson.ts";
import { pickPage } from "../src/Wire.ts";

const counts = new Set(["apiCalls"]);
const rowsOf = (body: unknown) => pickPage(body, "list").rows;
const parse = (text: string) => parseExactly(text, counts, rowsOf);
const bodyOf = (row: string) => `{"data":{"list":[${row}],"pagination":{"totalEntries":3}}}`;
const first = (text: string) => (rowsOf(parse(text)) as ReadonlyArray<Record<string, unknown>>)[0];

describe("exact JSON", () => {
  it("keeps every digit of a count sent as a number", () => {
    for (const digits of ["0", "7", "9007199254740993", "9223372036854775807", "-1", "1e3", "1.50"])
      assert.deepStrictEqual(first(bodyOf(`{"apiCalls":${digits},"timestamp":"t"}`)), {
        apiCalls: digits,
        timestamp: "t",
      });
  });

  it("keeps them in every row, when one has them", () =>
    assert.deepStrictEqual(rowsOf(parse(bodyOf('{"apiCalls":"1"},{"apiCalls":9007199254740993},null,"row"'))), [
      { apiCalls: "1" },
      { apiCalls: "9007199254740993" },
      null,
      "row",
    ]));

  it("leaves every other number a number", () => {
    const body = parse(bodyOf('{"apiCalls":1,"periodStart":1704067200}')) as {
      readonly data: { readonly pagination: { readonly totalEntries: number } };
    };
    assert.strictEqual(body.data.pagination.totalEntries, 3);
    assert.strictEqual((rowsOf(body) as Array<Record<string, unknown>>)[0]?.["periodStart"], 1704067200);
  });

  it("is JSON.parse for all that has no counts as numbers", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.json(), (text) => assert.deepStrictEqual(parse(text), JSON.parse(text))),
    ));

  it.each(["", "{", "<html>", "undefined", '{"data":', "[1,]", "\u0000"])("throws for %j, as JSON.parse does", (text) =>
    assert.throws(() => parse(text), SyntaxError),
  );

  it("is exact over the whole range", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (count) =>
        assert.strictEqual(first(bodyOf(`{"apiCalls":${count}}`))?.["apiCalls"], String(count)),
      ),
    ));
});
