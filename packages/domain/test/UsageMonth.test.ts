import { assert, describe, it } from "@effect/vitest";
import * as Option from "effect/Option";
import * as FastCheck from "fast-check";
import { Instant, UsageMonth } from "../src/index.ts";
import { inEachZone } from "./Zones.ts";

const month = (text: string) => Option.getOrThrow(UsageMonth.parse(text));
const micros = (iso: string) => Date.parse(iso) * 1_000;
/** As far as microseconds are exact. */
const anyMonth = FastCheck.tuple(
  FastCheck.integer({ min: 1970, max: 2250 }),
  FastCheck.integer({ min: 1, max: 12 }),
).map(([year, number]) => month(`${year}-${String(number).padStart(2, "0")}`));

describe("parse", () => {
  it.each(["1970-01", "1999-12", "2024-01", "2024-02", "9999-12"])("takes %s", (text) =>
    assert.deepStrictEqual(UsageMonth.parse(text), Option.some(text)),
  );

  it.each([
    "",
    "2024",
    "2024-1",
    "2024-00",
    "2024-13",
    "2024-01-01",
    "202401",
    "2024/01",
    "24-01",
    "02024-01",
    "1969-12",
    "0000-01",
    "10000-01",
    "-2024-01",
    " 2024-01",
    "2024-01\n",
    "2024-01 ",
    "２０２４-01",
    "2024‐01",
    "2024-1a",
    "January 2024",
  ])("refuses %j", (text) => {
    assert.isTrue(Option.isNone(UsageMonth.parse(text)));
    assert.isFalse(UsageMonth.isUsageMonth(text));
  });
});

describe("period", () => {
  it("is the first day, there and back", () => {
    assert.strictEqual(UsageMonth.toPeriod(month("2024-02")), "2024-02-01");
    assert.deepStrictEqual(UsageMonth.fromPeriod("2024-02-01"), Option.some("2024-02"));
  });

  it.each(["2024-02-02", "2024-02", "2024-13-01", "2024-02-01T00:00:00Z", "-01", "2024-02-0-01"])("is not %s", (text) =>
    assert.isTrue(Option.isNone(UsageMonth.fromPeriod(text))),
  );
});

describe("the calendar", () => {
  it("is the same in every time zone", () =>
    inEachZone(() => {
      assert.strictEqual(UsageMonth.of(micros("2024-02-29T23:59:59.999Z") + 999), "2024-02");
      assert.strictEqual(UsageMonth.of(micros("2024-03-01T00:00:00Z")), "2024-03");
      assert.strictEqual(UsageMonth.of(micros("2023-12-31T23:59:59Z")), "2023-12");
      assert.strictEqual(UsageMonth.start(month("2024-02")), micros("2024-02-01T00:00:00Z"));
      assert.strictEqual(UsageMonth.end(month("2024-02")), micros("2024-03-01T00:00:00Z"));
      assert.strictEqual(UsageMonth.end(month("2024-12")), micros("2025-01-01T00:00:00Z"));
      assert.strictEqual(UsageMonth.firstDay(month("1970-02")), 31);
      assert.deepStrictEqual(
        ["2023-02", "2024-02", "1900-02", "2000-02", "2100-02", "2024-04", "2024-12"]
          .filter(UsageMonth.isUsageMonth)
          .map(UsageMonth.dayCount),
        [28, 29, 29, 28, 30, 31],
      );
    }));

  it("has the months of the daylight-saving switch whole", () =>
    inEachZone(() => {
      // Los Angeles springs forward in March and back in November.
      assert.strictEqual(UsageMonth.dayCount(month("2024-03")), 31);
      assert.strictEqual(UsageMonth.dayCount(month("2024-11")), 30);
      assert.strictEqual(UsageMonth.of(micros("2024-11-30T23:59:59Z")), "2024-11");
    }));

  it("counts months across years", () =>
    inEachZone(() => {
      assert.strictEqual(UsageMonth.plus(month("2024-01"), -1), "2023-12");
      assert.strictEqual(UsageMonth.plus(month("2023-11"), 3), "2024-02");
      assert.strictEqual(UsageMonth.plus(month("2024-05"), 0), "2024-05");
      assert.strictEqual(UsageMonth.plus(month("2024-05"), 120), "2034-05");
    }));

  it("ranges over both ends, ascending, across years", () =>
    inEachZone(() => {
      assert.deepStrictEqual(UsageMonth.range(month("2023-11"), month("2024-02")), [
        "2023-11",
        "2023-12",
        "2024-01",
        "2024-02",
      ] as never);
      assert.deepStrictEqual(UsageMonth.range(month("2024-02"), month("2024-02")), ["2024-02"] as never);
      assert.deepStrictEqual(UsageMonth.range(month("2024-02"), month("2024-01")), []);
      assert.strictEqual(UsageMonth.range(month("1970-01"), month("2030-12")).length, 61 * 12);
    }));

  it("has no gap, no overlap and no month twice", () =>
    inEachZone(() =>
      FastCheck.assert(
        FastCheck.property(anyMonth, FastCheck.integer({ min: 0, max: 40 }), (from, months) => {
          const to = UsageMonth.plus(from, months);
          const range = UsageMonth.range(from, to);
          assert.strictEqual(range.length, months + 1);
          assert.deepStrictEqual(range, [...new Set(range)].sort());
          for (const [at, one] of range.entries()) {
            assert.strictEqual(UsageMonth.of(UsageMonth.start(one)), one);
            assert.strictEqual(UsageMonth.of(UsageMonth.start(one) - 1), UsageMonth.plus(one, -1));
            const next = range[at + 1];
            if (next !== undefined) assert.strictEqual(UsageMonth.end(one), UsageMonth.start(next));
          }
        }),
        { numRuns: 25 },
      ),
    ));

  it("agrees with the days of the month", () =>
    FastCheck.assert(
      FastCheck.property(anyMonth, FastCheck.integer({ min: 0, max: 27 }), (one, day) => {
        const first = UsageMonth.firstDay(one);
        assert.strictEqual(UsageMonth.of(Instant.startOfDay(first + day)), one);
        assert.strictEqual(Instant.formatDay(first), UsageMonth.toPeriod(one));
      }),
    ));
});
