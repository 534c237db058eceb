import { assert, describe, it } from "@effect/vitest";
import { type DatasetName, datasetNames } from "@segmeter/domain";
import * as FastCheck from "fast-check";
import { plainPages } from "../src/PlainPage.ts";
import { usageOperations } from "../src/index.ts";
import { pickPage } from "../src/Wire.ts";
import { decodedRows } from "./Setting.ts";

const timestamps = [
  "2024-01-05T00:00:00Z",
  "2024-01-05T00:00:00.000Z",
  "2024-01-05",
  "2024-01-06T23:59:59.999999Z",
  "2024-01-05T01:00:00+01:00",
];

const id = FastCheck.oneof(
  FastCheck.constantFrom("qQEHquLrjRDN9j1ByrChyn", "a", "b", "ab", "__proto__", "x".repeat(200)),
  FastCheck.string({ minLength: 1, maxLength: 5, unit: FastCheck.constantFrom(..."abZ019-_/{[]:, ") }),
);
const seconds = FastCheck.oneof(FastCheck.constantFrom(0, 1_704_067_200, 9_000_000_000), FastCheck.nat());
const count = FastCheck.oneof(
  FastCheck.bigInt(0n, 10n ** 15n - 1n).map(String),
  FastCheck.constantFrom("0", "00", "007", "999999999999999", String(2n ** 32n), String(2n ** 32n - 1n)),
);

/** A row of a dataset as text, with its fields in an order. */
const rowIn = (dataset: DatasetName, order: ReadonlyArray<string>) =>
  FastCheck.record({
    sourceId: id.map((text) => JSON.stringify(text)),
    periodStart: seconds.map(String),
    periodEnd: seconds.map(String),
    counts: FastCheck.array(count, { minLength: 4, maxLength: 4 }),
    timestamp: FastCheck.constantFrom(...timestamps).map((text) => JSON.stringify(text)),
  }).map(({ counts, ...texts }) => {
    const written: Record<string, string> = { ...texts };
    for (const [place, name] of usageOperations[dataset].counts.entries()) written[name] = `"${counts[place]}"`;
    return `{${order.map((name) => `"${name}":${written[name]}`).join(",")}}`;
  });

interface Said {
  readonly dataset: DatasetName;
  readonly body: string;
}

const pageOf = (dataset: DatasetName, rows: ReadonlyArray<string>, pagination = '{"current":"MA==","next":"MQ=="}') =>
  `{"data":{"${usageOperations[dataset].listKey}":[${rows.join(",")}],"pagination":${pagination}}}`;

const plain: FastCheck.Arbitrary<Said> = FastCheck.constantFrom(...datasetNames).chain((dataset) => {
  const { fields } = usageOperations[dataset];
  return FastCheck.shuffledSubarray([...fields], { minLength: fields.length }).chain((order) =>
    FastCheck.array(rowIn(dataset, order), { minLength: 1, maxLength: 8 }).map((rows) => ({
      dataset,
      body: pageOf(dataset, rows),
    })),
  );
});

/** By `JSON.parse` and row by row, which is how a page is read that is not plain. */
const theLongWay = (dataset: DatasetName, body: string) => {
  const { pagination, rows } = pickPage(JSON.parse(body), usageOperations[dataset].listKey);
  return { pagination, rows: decodedRows(dataset, rows as ReadonlyArray<unknown>) };
};

const theShortWay = (dataset: DatasetName, body: string, mostRows = 1_000, read = plainPages(dataset)) => {
  const page = read(Buffer.from(body), mostRows);
  if (page === undefined) return undefined;
  const { pagination, rows } = pickPage(page.envelope, usageOperations[dataset].listKey);
  // The client holds the body around the rows to its schema.
  if (!Array.isArray(rows)) return undefined;
  assert.deepStrictEqual(rows, []);
  return { pagination, rows: decodedRows(dataset, page.rows) };
};

const bodyOf = (dataset: DatasetName, change: (row: string) => string = (row) => row) => {
  const written: Record<string, string> = {
    sourceId: '"qQEHquLrjRDN9j1ByrChyn"',
    periodStart: "1704067200",
    periodEnd: "1706745600",
    timestamp: '"2024-01-05T00:00:00Z"',
  };
  const row = usageOperations[dataset].fields.map((name) => `"${name}":${written[name] ?? '"12"'}`).join(",");
  return pageOf(dataset, [`{${row}}`, change(`{${row}}`), `{${row}}`]);
};

describe("a plain page", () => {
  it("says what it says the long way, whatever the order of the fields", () =>
    FastCheck.assert(
      FastCheck.property(plain, ({ body, dataset }) => {
        assert.deepStrictEqual(theShortWay(dataset, body), theLongWay(dataset, body));
      }),
      { numRuns: 500 },
    ));

  it("is read the same by a reader that has read others, in whatever order, and only by what was asked of it", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.array(plain, { minLength: 1, maxLength: 6 }), (pages) => {
        const readers = new Map(datasetNames.map((dataset) => [dataset, plainPages(dataset)]));
        for (const { body, dataset } of pages) {
          const short = theShortWay(dataset, body, 1_000, readers.get(dataset)!);
          // A new order of the fields goes the long way once.
          if (short !== undefined) assert.deepStrictEqual(short, theLongWay(dataset, body));
          else
            assert.deepStrictEqual(theShortWay(dataset, body, 1_000, readers.get(dataset)!), theLongWay(dataset, body));
        }
      }),
    ));

  it("says nothing else than the long way once it was changed anywhere", () => {
    let taken = 0;
    const changed = FastCheck.record({
      said: plain,
      at: FastCheck.nat(),
      length: FastCheck.nat({ max: 3 }),
      text: FastCheck.oneof(
        FastCheck.constantFrom(
          "",
          '"',
          "\\",
          "0",
          "1",
          "-",
          ".",
          "e",
          ",",
          "{",
          "}",
          "[",
          "]",
          " ",
          "\n",
          "\u0000",
          "é",
          "😀",
        ),
        FastCheck.constantFrom("null", "true", '"a":1,', '\\"', "\\u0061", "1e3", '"next":null', ",{}"),
      ),
    });
    FastCheck.assert(
      FastCheck.property(changed, ({ at, length, said: { body, dataset }, text }) => {
        const place = at % (body.length + 1);
        const other = body.slice(0, place) + text + body.slice(place + length);
        let short: ReturnType<typeof theShortWay>;
        try {
          short = theShortWay(dataset, other);
        } catch (error) {
          assert.instanceOf(error, SyntaxError);
          assert.throws(() => JSON.parse(other), SyntaxError);
          return;
        }
        if (short === undefined) return;
        taken++;
        assert.deepStrictEqual(short, theLongWay(dataset, other));
      }),
      { numRuns: 3_000 },
    );
    assert.isAbove(taken, 100);
  });

  it("has each source's text once, and as many rows as it has", () => {
    const page = plainPages("source-api-calls")(Buffer.from(bodyOf("source-api-calls")), 3)!;
    assert.strictEqual(page.rows.length, 3);
    assert.deepStrictEqual(page.rows.data[1]!.texts, ["qQEHquLrjRDN9j1ByrChyn"]);
    for (const { values } of page.rows.data) assert.strictEqual(values.length, 3);
  });

  it("keeps no more sources in mind than there is use for, and mixes none up", () => {
    const read = plainPages("source-api-calls");
    for (let first = 0; first < 60_000; first += 1_000) {
      const names = Array.from({ length: 1_000 }, (_, place) => `s${(first + place) % 25_000}`);
      const rows = names.map((name) => `{"sourceId":"${name}","apiCalls":"1","timestamp":"2024-01-05"}`);
      const { rows: columns } = read(Buffer.from(pageOf("source-api-calls", rows)), 1_000)!;
      assert.deepStrictEqual(
        decodedRows("source-api-calls", columns).map((row) => (row as { sourceId: string }).sourceId),
        names,
      );
    }
  });
});

describe("a page goes the long way", () => {
  const cases: ReadonlyArray<readonly [string, (row: string) => string]> = [
    ["a count of more digits", (row) => row.replace('"12"', '"1234567890123456"')],
    ["a count as a number", (row) => row.replace('"12"', "12")],
    ["a negative count", (row) => row.replace('"12"', '"-12"')],
    ["an empty count", (row) => row.replace('"12"', '""')],
    ["a field that is not documented", (row) => row.replace("{", '{"cost":"1",')],
    ["a field twice", (row) => row.replace("}", ',"timestamp":"2024-01-06"}')],
    ["a field that is missing", (row) => row.replace(/,"timestamp":"[^"]*"/, "")],
    ["white space", (row) => row.replace(":", ": ")],
    ["a timestamp that is none", (row) => row.replace("2024-01-05", "2024-01-32")],
    ["an escape", (row) => row.replace("2024", "\\u0032024")],
    ["a row that is no object", () => "null"],
    ["a list", () => "[]"],
  ];
  for (const [what, change] of cases) {
    it(`for ${what}`, () => {
      for (const dataset of datasetNames) assert.isUndefined(theShortWay(dataset, bodyOf(dataset, change)), dataset);
    });
  }

  it("for an id that is empty, too long, beyond ASCII or escaped, and for a period that is none", () => {
    const [first, ...changes] = ["", "x".repeat(201), "é", "\\u0061", "a\tb"].map(
      (text) => (row: string) => row.replace("qQEHquLrjRDN9j1ByrChyn", text),
    );
    const periods = ["9000000001", "01", "1.5", "1e3", "-1", '"1"', "null"].map(
      (text) => (row: string) => row.replace("1704067200", text),
    );
    for (const change of [first!, ...changes, ...periods])
      assert.isUndefined(theShortWay("source-mtu", bodyOf("source-mtu", change)), change("{}"));
  });

  it("with more rows than were asked for, without any, and with the list's name once more", () => {
    for (const dataset of datasetNames) {
      assert.isDefined(theShortWay(dataset, bodyOf(dataset), 3));
      assert.isUndefined(theShortWay(dataset, bodyOf(dataset), 2));
      assert.isUndefined(theShortWay(dataset, pageOf(dataset, [])));
      const { listKey } = usageOperations[dataset];
      const again = bodyOf(dataset).replace(/\}\}$/, `},"${listKey}":[]}`);
      assert.isUndefined(theShortWay(dataset, again));
      assert.isUndefined(
        theShortWay(dataset, again.replace(`},"${listKey[0]}`, `},"\\u00${listKey.charCodeAt(0).toString(16)}`)),
      );
    }
  });
});
