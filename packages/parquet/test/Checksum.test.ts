import { createHash } from "node:crypto";
import { assert, describe, it } from "@effect/vitest";
import type { Row, Table } from "@segmeter/domain";
import { checksumOf, sameRows } from "../src/Checksum.ts";
import { everyType, everyTypeRows, mtuRow, mtuTable } from "./Setting.ts";

const table: Table = {
  name: "t",
  partitioning: "workspace",
  key: ["count"],
  columns: [
    { name: "count", type: "BIGINT", doc: "" },
    { name: "text", type: "VARCHAR", nullable: true, doc: "" },
    { name: "day", type: "DATE", doc: "" },
    { name: "instant", type: "TIMESTAMP", nullable: true, doc: "" },
    { name: "flag", type: "BOOLEAN", doc: "" },
  ],
};
const row = { count: -2n, text: "ü😀", day: 19_723, instant: 2 ** 53 - 1, flag: true };

describe("the checksum", () => {
  it("is what the definition says", () => {
    const bytes = Buffer.concat([
      Buffer.from("2\ncount BIGINT\n"),
      Buffer.from("feffffffffffffffffffffffffffff7f", "hex"),
      Buffer.from("text VARCHAR\n"),
      Buffer.from("010006000000c3bcf09f9880", "hex"),
      Buffer.from("day DATE\n"),
      Buffer.from("0b4d000000000000", "hex"),
      Buffer.from("instant TIMESTAMP\n"),
      Buffer.from("0100ffffffffffff1f00", "hex"),
      Buffer.from("flag BOOLEAN\n"),
      Buffer.from("0100", "hex"),
    ]);
    const rows = [row, { count: 2n ** 63n - 1n, text: null, day: 0, instant: null, flag: false }];
    assert.strictEqual(checksumOf(table, rows), `sha256:${createHash("sha256").update(bytes).digest("hex")}`);
  });

  it("of no rows is one too", () => assert.match(checksumOf(table, []), /^sha256:[0-9a-f]{64}$/));

  const others: ReadonlyArray<[string, ReadonlyArray<Row>]> = [
    ["a count by one", [{ ...row, count: -1n }]],
    ["a count by 2^32", [{ ...row, count: -2n + 2n ** 32n }]],
    ["a text by its case", [{ ...row, text: "Ü😀" }]],
    ["a text that is gone", [{ ...row, text: null }]],
    ["a text that is empty", [{ ...row, text: "" }]],
    ["a day", [{ ...row, day: 19_724 }]],
    ["an instant by a microsecond", [{ ...row, instant: 2 ** 53 - 2 }]],
    ["an instant by 2^32", [{ ...row, instant: 2 ** 53 - 1 - 2 ** 32 }]],
    ["a flag", [{ ...row, flag: false }]],
    ["a row more", [row, row]],
    ["no row", []],
  ];
  it.each(others)("differs for %s", (_, rows) => {
    assert.notStrictEqual(checksumOf(table, rows), checksumOf(table, [row]));
    assert.isFalse(sameRows(table, rows, [row]));
  });

  it("goes by the order of the rows, and by which row has which value", () => {
    const [a, b, c] = [mtuRow(1), mtuRow(2), mtuRow(3)];
    const sums = [
      [a, b, c],
      [b, a, c],
      [{ ...a, source_id: b.source_id }, { ...b, source_id: a.source_id }, c],
      [{ ...a, anonymous: a.identified, identified: a.anonymous }, b, c],
      [{ ...a, source_id: "source-1source-2" }, { ...b, source_id: "" }, c],
      [{ ...a, source_id: "source-1s" }, { ...b, source_id: "ource-2" }, c],
    ].map((rows) => checksumOf(mtuTable, rows));
    assert.lengthOf([...new Set(sums)], sums.length);
  });

  it("tells apart which of two rows is null", () => {
    const rows = everyTypeRows(2, () => false);
    const without = (index: number) => rows.map((one, at) => (at === index ? { ...one, text_or_null: null } : one));
    const same = rows.map((one) => ({ ...one, text_or_null: "same" }));
    assert.notStrictEqual(checksumOf(everyType, without(0)), checksumOf(everyType, without(1)));
    const [a, b] = [0, 1].map((index) => same.map((one, at) => (at === index ? { ...one, text_or_null: null } : one)));
    assert.notStrictEqual(checksumOf(everyType, a!), checksumOf(everyType, b!));
  });

  it("takes texts of any length", () => {
    const long = (text: string) => [{ ...row, text }, row];
    assert.notStrictEqual(checksumOf(table, long("x".repeat(200_000))), checksumOf(table, long("x".repeat(199_999))));
    const bytes = checksumOf({ ...table, columns: [table.columns[1]!] }, [{ text: "€".repeat(70_000) }]);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(210_000);
    const expected = createHash("sha256")
      .update("1\ntext VARCHAR\n")
      .update(Buffer.from([1]))
      .update(head)
      .update("€".repeat(70_000));
    assert.strictEqual(bytes, `sha256:${expected.digest("hex")}`);
  });
});
