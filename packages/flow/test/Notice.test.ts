import { assert, describe, it } from "@effect/vitest";
import { type Capture, columnsOf, type UsageRow, usageTableOf } from "@segmeter/domain";
import { notice, periodEndOf } from "../src/Notice.ts";
import {
  gatesOf,
  holding,
  instant,
  january,
  periodEnd,
  periodStart,
  sourceCalls,
  sourceMtu,
  workspaceCalls,
  workspaceMtu,
} from "./Setting.ts";

const columnsIn = (rows: ReadonlyArray<UsageRow>) => columnsOf(usageTableOf(holding(rows)), rows);

const noticed = (rows: ReadonlyArray<UsageRow>, workspace?: ReadonlyArray<UsageRow>) =>
  notice(holding(rows), columnsIn(rows), workspace);

const endOf = (rows: ReadonlyArray<UsageRow>) => periodEndOf(holding(rows), columnsIn(rows));

/** That there is one warning, of this gate, with this count and this first example. */
const one = (warnings: ReadonlyArray<Capture.Warning>, gate: string, count: number, first: string) => {
  assert.deepStrictEqual(gatesOf(warnings), [gate]);
  assert.match(warnings[0]!.message, new RegExp(`^${count} `));
  assert.isTrue(warnings[0]!.message.endsWith(`, first: ${first}.`), warnings[0]!.message);
};

const days = (...numbers: ReadonlyArray<number>) => numbers.map((day) => workspaceMtu(day));

describe("notice", () => {
  it("is silent about figures that hold together", () => {
    assert.deepStrictEqual(noticed([]), []);
    assert.deepStrictEqual(noticed(days(1, 2, 3)), []);
    assert.deepStrictEqual(noticed([workspaceCalls(1), workspaceCalls(2)]), []);
    const sources = [1, 2].flatMap((day) => [sourceMtu("a", day), sourceMtu("b", day)]);
    assert.deepStrictEqual(noticed(sources, days(1, 2)), []);
  });

  describe("a missing day", () => {
    it("is counted in gaps of centuries, in many series", () => {
      const sources = Array.from({ length: 3_000 }, (_, index) => `s${String(index).padStart(4, "0")}`);
      const rows = [0, 100_000].flatMap((later) =>
        sources.map((source) => sourceCalls(source, 1, { day: january(1) + later })),
      );
      const [missing] = noticed(rows);
      assert.match(missing!.message, /^299997000 days are missing, first: source s0000, 2024-01-02\.$/);
    });

    it("is one in a gap, counted day by day", () => {
      one(noticed(days(1, 2, 5, 7)), "missing-day", 3, "2024-01-03");
    });

    it("is one before the first day of a workspace's period", () => {
      one(noticed(days(3, 4)), "missing-day", 2, "2024-01-01");
    });

    it("is none before the first day of a source, which may begin at any", () => {
      assert.deepStrictEqual(noticed([sourceMtu("a", 3), sourceMtu("a", 4)]), []);
      assert.deepStrictEqual(noticed([workspaceCalls(3), workspaceCalls(4)]), []);
    });

    it("is looked for in each source by itself", () => {
      const rows = [sourceMtu("a", 1), sourceMtu("b", 1), sourceMtu("b", 2), sourceMtu("a", 3), sourceMtu("b", 3)];
      one(noticed(rows), "missing-day", 1, "source a, 2024-01-02");
    });

    it("is looked for among API calls too", () => {
      one(noticed([workspaceCalls(1), workspaceCalls(3)]), "missing-day", 1, "2024-01-02");
    });
  });

  describe("a count that fell", () => {
    it("is any of the counts, in the series of one source", () => {
      for (const name of ["identified", "never_identified", "anonymous_identified"] as const) {
        const fallen = workspaceMtu(2, { [name]: 1n });
        const warnings = noticed([workspaceMtu(1), fallen, workspaceMtu(3)]);
        assert.include(gatesOf(warnings), "count-fell", name);
      }
      const rows = [
        sourceCalls("a", 1),
        sourceCalls("b", 1),
        sourceCalls("a", 2),
        sourceCalls("b", 2, { api_calls: 99n }),
      ];
      one(noticed(rows), "count-fell", 1, "source b, 2024-01-02");
    });

    it("is none when it stays the same, or when another period begins", () => {
      assert.deepStrictEqual(noticed([workspaceCalls(1), workspaceCalls(2, { api_calls: 100n })]), []);
      const earlier = workspaceMtu(5, { period_start: periodStart - 86_400_000_000, period_end: periodStart });
      assert.notInclude(gatesOf(noticed([earlier, workspaceMtu(1)])), "count-fell");
    });

    it("names the first of several", () => {
      const rows = [1, 2, 3].map((day) => workspaceCalls(day, { api_calls: BigInt(10 - day) }));
      one(noticed(rows), "count-fell", 2, "2024-01-02");
    });
  });

  it("holds anonymous against its two parts", () => {
    const rows = [sourceMtu("a", 1), sourceMtu("b", 1, { anonymous: 11n }), sourceMtu("c", 1, { anonymous: 9n })];
    one(noticed(rows), "anonymous-split", 2, "source b, 2024-01-01");
  });

  it("names a period that is not the calendar month, once", () => {
    const odd = { period_start: instant("2024-01-15"), period_end: instant("2024-02-15") };
    const rows = [workspaceMtu(15, odd), workspaceMtu(16, odd)];
    one(noticed(rows), "period", 1, "2024-01-15T00:00:00Z to 2024-02-15T00:00:00Z");
    const late = { period_end: periodEnd - 1_000_000 };
    one(noticed([workspaceMtu(1, late)]), "period", 1, "2024-01-01T00:00:00Z to 2024-01-31T23:59:59Z");
  });

  it("names API calls outside the usage month, for they name no period", () => {
    const rows = [
      workspaceCalls(0, { day: january(0) }),
      workspaceCalls(1),
      ...[2, 3].map((day) => workspaceCalls(day)),
      workspaceCalls(32, { day: january(32) }),
    ];
    const warnings = noticed(rows).filter(({ gate }) => gate === "outside-month");
    one(warnings, "outside-month", 2, "2023-12-31");
    assert.deepStrictEqual(
      noticed([workspaceMtu(1, { period_start: instant("2023-12-15") })]).filter(
        ({ gate }) => gate === "outside-month",
      ),
      [],
    );
  });

  describe("sources and their workspace", () => {
    it("names sources that are above it", () => {
      const rows = [
        sourceMtu("a", 1),
        sourceMtu("b", 1, { identified: 6n }),
        sourceMtu("c", 1, { never_identified: 7n, anonymous: 11n }),
      ];
      one(noticed(rows, days(1)), "source-above-workspace", 2, "source b, 2024-01-01");
      one(
        noticed([sourceCalls("a", 1, { api_calls: 101n })], [workspaceCalls(1)]),
        "source-above-workspace",
        1,
        "source a, 2024-01-01",
      );
    });

    it("names days on which all sources together are below it", () => {
      const half = (source: string, day: number) =>
        sourceMtu(source, day, {
          identified: BigInt(2 * day),
          never_identified: BigInt(3 * day),
          anonymous: BigInt(7 * day),
        });
      const rows = [1, 2].flatMap((day) => [half("a", day), half("b", day)]);
      one(noticed(rows, days(1, 2)), "sources-below-workspace", 2, "2024-01-01");
      one(
        noticed([sourceCalls("a", 1, { api_calls: 99n })], [workspaceCalls(1)]),
        "sources-below-workspace",
        1,
        "2024-01-01",
      );
    });

    it("lets sources overlap", () => {
      assert.deepStrictEqual(noticed([sourceMtu("a", 1), sourceMtu("b", 1), sourceMtu("c", 1)], days(1)), []);
    });

    it("counts people once: identified and never identified, not the anonymous", () => {
      const rows = [sourceMtu("a", 1, { anonymous: 100n, anonymous_identified: 94n })];
      assert.deepStrictEqual(noticed(rows, days(1)), []);
    });

    it("says nothing of days that the workspace has no figure for, nor without the workspace's figures", () => {
      const rows = [sourceMtu("a", 1, { identified: 50n })];
      assert.deepStrictEqual(noticed(rows, days(2)), []);
      assert.deepStrictEqual(noticed(rows, []), []);
      assert.deepStrictEqual(noticed(rows, undefined), []);
    });

    it("compares within one period", () => {
      const other = { period_start: instant("2023-12-20"), period_end: instant("2024-01-20") };
      const rows = [sourceMtu("a", 1, { ...other, identified: 50n }), sourceMtu("a", 1)];
      assert.notInclude(gatesOf(noticed(rows, days(1))), "source-above-workspace");
    });
  });

  it("gives one warning per gate, whatever the number of cases", () => {
    const rows = [1, 4].flatMap((day) =>
      ["a", "b"].map((source) =>
        sourceMtu(source, day, {
          anonymous: BigInt(40 - day),
          identified: BigInt(90 - day),
          period_end: periodEnd + 1,
        }),
      ),
    );
    const gates = gatesOf(noticed(rows, days(1, 4)));
    assert.deepStrictEqual(gates, ["missing-day", "count-fell", "anonymous-split", "period", "source-above-workspace"]);
  });
});

describe("the end of the period", () => {
  it("is the latest that rows name, and at least the calendar month's", () => {
    assert.strictEqual(endOf([]), periodEnd);
    assert.strictEqual(endOf([workspaceCalls(1)]), periodEnd);
    assert.strictEqual(endOf([workspaceMtu(1, { period_end: periodEnd - 1 })]), periodEnd);
    const late = workspaceMtu(2, { period_end: periodEnd + 5 });
    assert.strictEqual(endOf([workspaceMtu(1), late, workspaceMtu(3)]), periodEnd + 5);
  });
});
