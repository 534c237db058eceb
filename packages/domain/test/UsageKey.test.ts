import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import {
  areAscending,
  areSameFigures,
  byKey,
  byVersion,
  inKeyOrder,
  keyOf,
  type Revision,
  sameFigures,
  seriesOf,
  type SourceMtuRow,
  sourceOf,
  toColumns,
  type UsageRow,
  usageRowsOf,
  usageTables,
  withSameKeys,
} from "../src/index.ts";

const mtu = (changes: Partial<SourceMtuRow> = {}): SourceMtuRow => ({
  day: 19_723,
  source_id: "a",
  period_start: 1,
  period_end: 2,
  anonymous: 1n,
  anonymous_identified: 2n,
  identified: 3n,
  never_identified: 4n,
  snapshot_at: 5,
  observed_at: 6,
  ...changes,
});
const calls: UsageRow = { day: 19_723, api_calls: 1n, snapshot_at: 5, observed_at: 6 };

describe("the key of a row", () => {
  it("is period start, day and source, as far as the table has them", () => {
    const keys = [calls, mtu(), mtu({ day: 19_724 }), mtu({ source_id: "b" }), mtu({ period_start: 0 })].map(keyOf);
    assert.strictEqual(new Set(keys).size, keys.length);
    assert.strictEqual(keyOf(mtu()), keyOf(mtu({ identified: 9n, observed_at: 9, snapshot_at: 9, period_end: 9 })));
  });

  it("belongs to a series, which has no day", () => {
    assert.strictEqual(seriesOf(mtu()), seriesOf(mtu({ day: 19_724 })));
    assert.notStrictEqual(seriesOf(mtu()), seriesOf(mtu({ source_id: "b" })));
    assert.notStrictEqual(seriesOf(mtu()), seriesOf(mtu({ period_start: 0 })));
    assert.deepStrictEqual([mtu(), calls].map(sourceOf), ["a", ""]);
  });
});

const rows = fc.array(
  fc
    .tuple(
      fc.integer({ min: 0, max: 2 }),
      fc.integer({ min: 0, max: 2 }),
      fc.constantFrom("a", "B", "😀", "～"),
      fc.nat(3),
    )
    .map(([period_start, day, source_id, observed_at]) => mtu({ period_start, day, source_id, observed_at })),
);

describe("the order of rows", () => {
  it("is by period, then by day, then by source as text is compared, and equal for equal keys alone", () => {
    fc.assert(
      fc.property(rows, (any) => {
        const sorted = any.toSorted(byKey);
        for (const [index, row] of sorted.entries()) {
          const before = sorted[index - 1];
          if (before === undefined) continue;
          const [a, b] = [before, row].map((one) => [one.period_start, one.day, one.source_id] as const);
          const at = a!.findIndex((value, part) => value !== b![part]);
          assert.isTrue(at < 0 || a![at]! < b![at]!);
          assert.strictEqual(byKey(before, row) === 0, keyOf(before) === keyOf(row));
        }
      }),
    );
  });

  it("of versions is by key first, then by the moment of their observation", () => {
    fc.assert(
      fc.property(rows, (any) => {
        const sorted = any.map((row): Revision => ({ ...row, superseded_at: 9 - row.observed_at })).toSorted(byVersion);
        assert.deepStrictEqual(sorted.map(keyOf), any.toSorted(byKey).map(keyOf));
        for (const [index, row] of sorted.entries()) {
          const before = sorted[index - 1];
          if (before !== undefined && keyOf(before) === keyOf(row))
            assert.isAtMost(before.observed_at, row.observed_at);
        }
      }),
    );
  });
});

describe("rows by column", () => {
  const table = usageTables.source_mtu_daily;
  const columnsOf = (given: ReadonlyArray<UsageRow>) => toColumns(table, given as never);

  it("are put in the order of rows, unless two share a key", () => {
    fc.assert(
      fc.property(rows, (any) => {
        const sorted = any.toSorted(byKey);
        const isUnique = new Set(any.map(keyOf)).size === any.length;
        const ordered = inKeyOrder(table, columnsOf(any));
        if (isUnique) assert.deepStrictEqual(usageRowsOf(table, ordered!), sorted);
        else assert.isUndefined(ordered);
        assert.strictEqual(
          areAscending(table, columnsOf(any)),
          isUnique && sorted.every((row, index) => row === any[index]),
        );
      }),
    );
  });

  it("are paired by the keys that two lists share", () => {
    fc.assert(
      fc.property(rows, rows, (some, others) => {
        const unique = (given: typeof some) => [...new Map(given.map((row) => [keyOf(row), row])).values()].sort(byKey);
        const [a, b] = [unique(some), unique(others)];
        const { inA, inB } = withSameKeys(table, columnsOf(a), columnsOf(b));
        assert.deepStrictEqual(
          inA.map((place) => keyOf(a[place]!)),
          inB.map((place) => keyOf(b[place]!)),
        );
        const shared = a.map(keyOf).filter((key) => b.some((row) => keyOf(row) === key));
        assert.deepStrictEqual(
          inA.map((place) => keyOf(a[place]!)),
          shared,
        );
      }),
    );
  });

  it("say the same figures as rows do", () => {
    const variants = Object.entries(mtu()).map(([name, value]) =>
      mtu({ [name]: typeof value === "bigint" ? value + 1n : typeof value === "number" ? value + 1 : `${value}.` }),
    );
    for (const row of [mtu(), ...variants]) {
      const [one, other] = [columnsOf([mtu({ day: 1 }), mtu()]), columnsOf([row, mtu({ day: 2 })])];
      assert.deepStrictEqual(
        [...areSameFigures(table, one, [0, 1, 1], other, [0, 0, 1])],
        [[mtu({ day: 1 }), row] as const, [mtu(), row] as const, [mtu(), mtu({ day: 2 })] as const].map(([a, b]) =>
          Number(sameFigures(a, b)),
        ),
      );
    }
  });
});

describe("the same figures", () => {
  it("are in rows that differ in the moment of their observation alone", () => {
    assert.isTrue(sameFigures(mtu(), mtu({ observed_at: 99 })));
    assert.isTrue(sameFigures(calls, { ...calls }));
    const columns = Object.keys(mtu()).filter((name) => name !== "observed_at");
    for (const name of columns) {
      const value = mtu()[name as keyof SourceMtuRow];
      const other = typeof value === "bigint" ? value + 1n : typeof value === "number" ? value + 1 : `${value}.`;
      assert.isFalse(sameFigures(mtu(), mtu({ [name]: other })), name);
    }
  });
});
