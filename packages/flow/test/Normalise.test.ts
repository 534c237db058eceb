import { assert, describe, it } from "@effect/vitest";
import { type DatasetName, datasetOf, datasets, usageRowsOf, usageTableOf, usageTables } from "@segmeter/domain";
import { normalise } from "../src/Normalise.ts";
import { instant, january, wireCalls, wireMtu } from "./Setting.ts";

const normalised = (dataset: DatasetName, rows: ReadonlyArray<unknown>, page = 1) => {
  const given = normalise(dataset)({ rows, next: undefined, totalEntries: undefined, pageSize: 1_000 }, page);
  return { ...given, rows: usageRowsOf(usageTableOf({ dataset }), given.rows) };
};

const largest = 2n ** 63n - 1n;

describe("normalise", () => {
  it("types a row of the workspace's MTU exactly", () => {
    const row = wireMtu(31, {
      anonymous: "9007199254740993",
      anonymousIdentified: "0",
      identified: String(largest),
      neverIdentified: "9007199254740991",
      timestamp: "2024-01-31T23:59:59.999999Z",
    });
    assert.deepStrictEqual(normalised("workspace-mtu", [row]).rows, [
      {
        day: january(31),
        period_start: instant("2024-01-01"),
        period_end: instant("2024-02-01"),
        anonymous: 9_007_199_254_740_993n,
        anonymous_identified: 0n,
        identified: largest,
        never_identified: 9_007_199_254_740_991n,
        snapshot_at: 1_706_745_599_999_999,
        observed_at: 0,
      },
    ]);
  });

  it("types a row of a source's MTU exactly", () => {
    assert.deepStrictEqual(normalised("source-mtu", [wireMtu(2, { sourceId: "qQEHquLrjRDN9j1ByrChyn" })]).rows, [
      {
        day: 19_724,
        source_id: "qQEHquLrjRDN9j1ByrChyn",
        period_start: 1_704_067_200_000_000,
        period_end: 1_706_745_600_000_000,
        anonymous: 20n,
        anonymous_identified: 8n,
        identified: 10n,
        never_identified: 12n,
        snapshot_at: 1_704_153_600_000_000,
        observed_at: 0,
      },
    ]);
  });

  it("types a row of the workspace's API calls exactly", () => {
    assert.deepStrictEqual(normalised("workspace-api-calls", [wireCalls(1, { apiCalls: String(largest) })]).rows, [
      { day: 19_723, api_calls: largest, snapshot_at: 1_704_067_200_000_000, observed_at: 0 },
    ]);
  });

  it("types a row of a source's API calls exactly", () => {
    assert.deepStrictEqual(normalised("source-api-calls", [wireCalls(3, { sourceId: "s" })]).rows, [
      { day: 19_725, source_id: "s", api_calls: 300n, snapshot_at: 1_704_240_000_000_000, observed_at: 0 },
    ]);
  });

  it("takes the UTC day of a timestamp with another offset", () => {
    const { rows } = normalised("workspace-api-calls", [wireCalls(1, { timestamp: "2024-01-02T01:30:00+02:00" })]);
    assert.deepStrictEqual(rows, [
      { day: january(1), api_calls: 100n, snapshot_at: instant("2024-01-01T23:30:00Z"), observed_at: 0 },
    ]);
  });

  it("gives rows the columns of their table, in its order", () => {
    for (const { level, measure, name } of datasets) {
      const wire = (measure === "mtu" ? wireMtu : wireCalls)(1, level === "source" ? { sourceId: "s" } : {});
      const columns = usageTables[datasetOf(name).table].columns.map((column) => column.name);
      assert.deepStrictEqual(Object.keys(normalised(name, [wire]).rows[0]!), columns);
    }
  });

  const broken: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["a decimal count", wireMtu(1, { anonymous: "12.7" }), /whole number/],
    ["a negative count", wireMtu(1, { identified: "-1" }), /whole number/],
    ["a count in words", wireMtu(1, { identified: "many" }), /whole number/],
    ["a count of null", wireMtu(1, { identified: null }), /identified/],
    ["a count beyond 2^63 − 1", wireMtu(1, { neverIdentified: String(largest + 1n) }), /beyond 2\^63/],
    ["a missing count", JSON.parse(JSON.stringify(wireMtu(1, { anonymous: undefined }))), /anonymous/],
    ["a timestamp that is none", wireMtu(1, { timestamp: "2024-01-32" }), /ISO-8601/],
    ["a timestamp finer than a microsecond", wireMtu(1, { timestamp: "2024-01-01T00:00:00.0000001Z" }), /ISO-8601/],
    ["a period in words", wireMtu(1, { periodStart: "2024-01-01" }), /periodStart/],
    ["a row that is no object", "row", /row/],
  ];
  for (const [what, row, reason] of broken) {
    it(`rejects ${what}, with its page, its position and what was sent`, () => {
      const { rejects, rows } = normalised("workspace-mtu", [wireMtu(1), wireMtu(2), row, wireMtu(4)], 7);
      assert.deepStrictEqual(
        rows.map(({ day }) => day),
        [january(1), january(2), january(4)],
      );
      assert.strictEqual(rejects.length, 1);
      const [reject] = rejects;
      assert.deepStrictEqual({ ...reject, reason: "" }, { page: 7, position: 3, reason: "", row });
      assert.match(reject!.reason, reason);
    });
  }

  it("rejects a source without an id", () => {
    const { rejects } = normalised("source-api-calls", [wireCalls(1, { sourceId: "" }), wireCalls(1)]);
    assert.deepStrictEqual(
      rejects.map(({ position }) => position),
      [1, 2],
    );
  });

  it("names the fields that the documentation does not know, each once", () => {
    const { rows, unknownFields } = normalised("workspace-mtu", [
      wireMtu(1, { estimatedCost: "12.5" }),
      wireMtu(2),
      wireMtu(3, { estimatedCost: "13.5", currency: "USD" }),
    ]);
    assert.deepStrictEqual([...unknownFields], ["estimatedCost", "currency"]);
    assert.strictEqual(rows.length, 3);
    assert.notProperty(rows[0], "estimatedCost");
  });
});
