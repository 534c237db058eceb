import { assert, describe, it } from "@effect/vitest";
import { type DatasetName, datasetNames, datasetOf } from "@segmeter/domain";
import * as Result from "effect/Result";
import * as FastCheck from "fast-check";
import { decodeWireRow, usageOperations } from "../src/index.ts";

const apiCalls = { apiCalls: "12", timestamp: "2024-01-05T00:00:00Z" };
const mtu = {
  periodStart: 1_704_067_200,
  periodEnd: 1_706_745_600,
  anonymous: "4",
  anonymousIdentified: "1",
  identified: "3",
  neverIdentified: "3",
  timestamp: "2024-01-05T00:00:00Z",
};
const rows: { readonly [Name in DatasetName]: Record<string, unknown> } = {
  "workspace-mtu": mtu,
  "source-mtu": { sourceId: "qQEHquLrjRDN9j1ByrChyn", ...mtu },
  "workspace-api-calls": apiCalls,
  "source-api-calls": { sourceId: "qQEHquLrjRDN9j1ByrChyn", ...apiCalls },
};

const decoded = (dataset: DatasetName, row: unknown) => Result.getOrThrow(decodeWireRow(dataset)(row));
const reason = (dataset: DatasetName, row: unknown): string => {
  const result = decodeWireRow(dataset)(row);
  return Result.isFailure(result) ? result.failure : "it was taken";
};

describe("a row in order", () => {
  it("is decoded for each dataset", () => {
    const timestamp = Date.parse(apiCalls.timestamp) * 1_000;
    const period = { start: 1_704_067_200_000_000, end: 1_706_745_600_000_000 };
    for (const dataset of datasetNames) {
      const { level, measure } = datasetOf(dataset);
      assert.deepStrictEqual(decoded(dataset, rows[dataset]), {
        sourceId: level === "source" ? "qQEHquLrjRDN9j1ByrChyn" : undefined,
        period: measure === "mtu" ? period : undefined,
        counts: measure === "mtu" ? [4n, 1n, 3n, 3n] : [12n],
        timestamp,
        unknownFields: [],
      });
    }
  });

  it("keeps a timestamp's microseconds and offset", () => {
    const at = (timestamp: string) => decoded("workspace-api-calls", { ...apiCalls, timestamp }).timestamp;
    assert.strictEqual(at("2024-01-05T00:00:00.000001Z"), 1_704_412_800_000_001);
    assert.strictEqual(at("2024-01-05T01:00:00+01:00"), 1_704_412_800_000_000);
    assert.strictEqual(at("2024-01-05"), 1_704_412_800_000_000);
  });

  it("may have fields that are not documented, and says so", () => {
    const more = { ...rows["source-mtu"], cost: "1", extra: { a: 1 } };
    assert.deepStrictEqual(decoded("source-mtu", more).unknownFields, ["cost", "extra"]);
  });

  it("has the period's fields for unknown where the operation has none", () =>
    assert.deepStrictEqual(decoded("workspace-api-calls", { ...apiCalls, periodStart: 1 }).unknownFields, [
      "periodStart",
    ]));

  it("gives every count exactly, from 0 to 2^63 − 1", () =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          FastCheck.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
          FastCheck.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
          FastCheck.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n - 1n }),
        ),
        FastCheck.constantFrom("", "0", "000"),
        (count, zeros) => {
          const row = { ...apiCalls, apiCalls: `${zeros}${count}` };
          assert.deepStrictEqual(decoded("workspace-api-calls", row).counts, [count]);
        },
      ),
    ));

  it("is decoded the same by a decoder that has seen many", () => {
    const decode = decodeWireRow("workspace-api-calls");
    for (let second = 0; second < 3_000; second++) {
      const timestamp = new Date(Date.UTC(2024, 0, 1, 0, 0, second % 1_500)).toISOString();
      const { timestamp: at } = Result.getOrThrow(decode({ ...apiCalls, timestamp }));
      assert.strictEqual(at, Date.parse(timestamp) * 1_000);
    }
  });
});

/** Each: what is wrong, the dataset, what the row has instead, and the reason that a person reads. */
const noCount = 'a count that is no whole number in a string at ["apiCalls"]';
const noInstant = "a timestamp that is no ISO-8601 instant to the microsecond";
const goldens: ReadonlyArray<[string, DatasetName, unknown, string]> = [
  ["a decimal", "workspace-api-calls", { ...apiCalls, apiCalls: "12.7" }, noCount],
  ["text", "workspace-api-calls", { ...apiCalls, apiCalls: "abc" }, noCount],
  ["a negative count", "workspace-api-calls", { ...apiCalls, apiCalls: "-1" }, noCount],
  ["no digits", "workspace-api-calls", { ...apiCalls, apiCalls: "" }, noCount],
  ["a space", "workspace-api-calls", { ...apiCalls, apiCalls: " 1" }, noCount],
  ["hexadecimal", "workspace-api-calls", { ...apiCalls, apiCalls: "0x1" }, noCount],
  ["an exponent", "workspace-api-calls", { ...apiCalls, apiCalls: "1e3" }, noCount],
  ["other digits", "workspace-api-calls", { ...apiCalls, apiCalls: "１２" }, noCount],
  ["a flood of digits", "workspace-api-calls", { ...apiCalls, apiCalls: "9".repeat(99) }, noCount],
  [
    "2^63",
    "workspace-api-calls",
    { ...apiCalls, apiCalls: "9223372036854775808" },
    'a count beyond 2^63 − 1, which cannot be kept exactly at ["apiCalls"]',
  ],
  ["null", "workspace-api-calls", { ...apiCalls, apiCalls: null }, 'Expected string at ["apiCalls"]'],
  ["a number", "workspace-api-calls", { ...apiCalls, apiCalls: 1 }, 'Expected string at ["apiCalls"]'],
  ["a missing count", "workspace-api-calls", { timestamp: apiCalls.timestamp }, 'Missing key at ["apiCalls"]'],
  [
    "a month 13",
    "workspace-api-calls",
    { ...apiCalls, timestamp: "2024-13-45T99:00:00Z" },
    `${noInstant} ("2024-13-45T99:00:00Z")`,
  ],
  [
    "nanoseconds",
    "workspace-api-calls",
    { ...apiCalls, timestamp: "2024-01-05T00:00:00.0000001Z" },
    `${noInstant} ("2024-01-05T00:00:00.0000001Z")`,
  ],
  ["no time", "workspace-api-calls", { ...apiCalls, timestamp: "" }, `${noInstant} ("")`],
  ["a time in two lines", "workspace-api-calls", { ...apiCalls, timestamp: "a\nb" }, `${noInstant} ("a\\nb")`],
  [
    "a time before 1970",
    "workspace-api-calls",
    { ...apiCalls, timestamp: "1969-12-31" },
    `${noInstant} ("1969-12-31")`,
  ],
  [
    "a time in seconds",
    "workspace-api-calls",
    { ...apiCalls, timestamp: 1_704_412_800 },
    'Expected string at ["timestamp"]',
  ],
  [
    "an empty source",
    "source-mtu",
    { ...rows["source-mtu"], sourceId: "" },
    'a source id that is empty or too long at ["sourceId"]',
  ],
  [
    "a source without end",
    "source-api-calls",
    { ...rows["source-api-calls"], sourceId: "x".repeat(201) },
    'a source id that is empty or too long at ["sourceId"]',
  ],
  ["no source", "source-mtu", mtu, 'Missing key at ["sourceId"]'],
  [
    "a period in a string",
    "workspace-mtu",
    { ...mtu, periodStart: "1704067200" },
    'Expected number at ["periodStart"]',
  ],
  [
    "a period in parts of a second",
    "workspace-mtu",
    { ...mtu, periodStart: 1.5 },
    'Expected an integer at ["periodStart"]',
  ],
  [
    "a period in milliseconds",
    "workspace-mtu",
    { ...mtu, periodEnd: 1_706_745_600_000 },
    'a period that is no number of seconds since 1970 at ["periodEnd"]',
  ],
  ["a string", "workspace-api-calls", "row", 'Expected object ("row")'],
  ["no row", "workspace-api-calls", null, "Expected object (null)"],
  ["a list", "workspace-api-calls", [], "Expected object ([])"],
  ["a bare number", "workspace-api-calls", 7, "Expected object (7)"],
  ["an empty row", "workspace-mtu", {}, 'Missing key at ["periodStart"]'],
];

describe("a bad row", () => {
  it.each([...goldens])("%s", (_, dataset, row, expected) => assert.strictEqual(reason(dataset, row), expected));

  it("is refused for each documented field that it lacks", () => {
    for (const dataset of datasetNames)
      for (const field of usageOperations[dataset].fields) {
        const { [field]: _, ...rest } = rows[dataset];
        assert.include(reason(dataset, rest), `["${field}"]`);
        assert.include(reason(dataset, { ...rest, [field]: null }), `["${field}"]`);
      }
  });

  it.each([-1, 1.5, 9_000_000_001, 2 ** 53, Number.NaN, "1704067200", true, null])(
    "is refused for the period %j",
    (value) => {
      assert.include(reason("workspace-mtu", { ...mtu, periodStart: value }), "periodStart");
      assert.include(reason("workspace-mtu", { ...mtu, periodEnd: value }), "periodEnd");
    },
  );

  it("has a reason of bounded length, in one line", () => {
    const long = "x".repeat(100_000);
    const bad: ReadonlyArray<unknown> = [
      long,
      [long],
      { ...apiCalls, timestamp: long },
      { ...apiCalls, apiCalls: long },
      { ...apiCalls, timestamp: "a\nb" },
      { ...apiCalls, apiCalls: { [long]: long } },
    ];
    for (const row of bad) {
      const said = reason("workspace-api-calls", row);
      assert.isBelow(said.length, 400, said.slice(0, 80));
      assert.notInclude(said, "\n");
    }
  });
});

describe("any JSON", () => {
  it("is decoded or refused, and never throws", () =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom(...datasetNames),
        FastCheck.oneof(
          FastCheck.jsonValue(),
          FastCheck.record(
            Object.fromEntries(
              [...usageOperations["source-mtu"].fields, "apiCalls", "__proto__"].map((field) => [
                field,
                FastCheck.oneof(FastCheck.constantFrom("1", "2024-01-05", 1_704_067_200, ""), FastCheck.jsonValue()),
              ]),
            ),
            { requiredKeys: [] },
          ),
        ),
        (dataset, row) => {
          const result = decodeWireRow(dataset)(row);
          if (Result.isFailure(result)) return assert.isAbove(result.failure.length, 0);
          for (const count of result.success.counts) assert.isTrue(count >= 0n && count < 2n ** 63n);
          return assert.isTrue(Number.isSafeInteger(result.success.timestamp));
        },
      ),
      { numRuns: 1_000 },
    ));
});

describe("a plain row", () => {
  const digits = FastCheck.string({
    unit: FastCheck.constantFrom(..."0123456789"),
    minLength: 1,
    maxLength: 18,
    size: "max",
  });
  const odd = FastCheck.constantFrom("", "-1", "1.0", "1e3", " 1", "+1", "0x1", "１", "1_000", 5, 5.5, -1, null, true);
  const seconds = FastCheck.oneof(
    FastCheck.integer({ min: 0, max: 9_000_000_000 }),
    FastCheck.constantFrom(-1, 0.5, 9_000_000_001, Number.NaN, "5", null),
  );

  /** Digits in front that change nothing, but which no plain count has. */
  const padded = (value: unknown): unknown =>
    typeof value === "string" && /^[0-9]+$/.test(value) ? value.padStart(30, "0") : value;

  it("is decoded as the schema decodes it, and refused where the schema refuses it", () =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom(...datasetNames),
        FastCheck.array(FastCheck.oneof({ weight: 9, arbitrary: digits }, odd), { minLength: 5, maxLength: 5 }),
        FastCheck.tuple(seconds, seconds),
        FastCheck.oneof(
          FastCheck.string(),
          FastCheck.constantFrom("s", "", "x".repeat(200), "x".repeat(201), "a\ud800", 5, undefined),
        ),
        (dataset, counts, [periodStart, periodEnd], sourceId) => {
          const names = ["anonymous", "anonymousIdentified", "identified", "neverIdentified", "apiCalls"];
          const row = { ...rows[dataset], periodStart, periodEnd, sourceId };
          const withCounts = (change: (value: unknown) => unknown) => ({
            ...row,
            ...Object.fromEntries(names.map((name, index) => [name, change(counts[index])])),
          });
          const decode = decodeWireRow(dataset);
          const [plain, checked] = [decode(withCounts((value) => value)), decode(withCounts(padded))];
          assert.deepStrictEqual(Result.isSuccess(plain), Result.isSuccess(checked));
          if (Result.isSuccess(plain) && Result.isSuccess(checked))
            assert.deepStrictEqual(plain.success, checked.success);
        },
      ),
      { numRuns: 3_000 },
    ));
});
