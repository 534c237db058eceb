import { assert, describe, it } from "@effect/vitest";
import { byKey, columnsOf, keyOf, type UsageRow, usageRowsOf, usageTableOf } from "@segmeter/domain";
import * as fc from "fast-check";
import type { FlowConfig, Reject } from "../src/index.ts";
import {
  isEvenlyPaged,
  reconcile as reconcileColumns,
  type Reconciled,
  type Verdict as ColumnVerdict,
  type WalkedPage,
} from "../src/Reconcile.ts";
import {
  config,
  gatesOf,
  holding,
  periodEnd,
  periodStart,
  sourceCalls,
  sourceMtu,
  workspaceCalls,
  workspaceMtu,
} from "./Setting.ts";

const lenient: FlowConfig = { ...config, gates: "warn" };
const quarantine: FlowConfig = { ...config, badRows: "quarantine" };

type Page = Omit<WalkedPage, "rows"> & { readonly rows: ReadonlyArray<UsageRow> };

type ByRow<A> = A extends { readonly kept: Reconciled }
  ? Omit<A, "kept"> & { readonly kept: Omit<Reconciled, "rows"> & { readonly rows: ReadonlyArray<UsageRow> } }
  : A;

type Verdict = ByRow<ColumnVerdict>;

/** The same with rows instead of columns. */
const reconcile = (pages: ReadonlyArray<Page>, settings: FlowConfig): Verdict => {
  const table = usageTableOf(holding(pages.flatMap(({ rows }) => rows)));
  const columns = pages.map((page): WalkedPage => ({ ...page, rows: columnsOf(table, page.rows) }));
  const verdict = reconcileColumns(table, columns, settings);
  if (verdict._tag === "Refused") return verdict;
  return { ...verdict, kept: { ...verdict.kept, rows: usageRowsOf(table, verdict.kept.rows) } };
};

/** A walk of full pages, the last one apart. */
const walked = (
  pages: ReadonlyArray<ReadonlyArray<UsageRow>>,
  totalEntries?: number,
  pageSize = pages[0]?.length ?? 1,
): ReadonlyArray<Page> =>
  pages.map((rows, index) => ({
    rows,
    rejects: [],
    unknownFields: new Set<string>(),
    sent: rows.length,
    pageSize,
    isLast: index === pages.length - 1,
    totalEntries,
  }));

const kept = (verdict: Verdict) => {
  assert.strictEqual(
    verdict._tag,
    "Kept",
    JSON.stringify(verdict, (_, value) => (typeof value === "bigint" ? String(value) : value)),
  );
  return (verdict as Extract<Verdict, { _tag: "Kept" }>).kept;
};

const doubtful = (verdict: Verdict) => {
  assert.strictEqual(verdict._tag, "Doubtful");
  return verdict as Extract<Verdict, { _tag: "Doubtful" }>;
};

const refused = (verdict: Verdict) => {
  assert.strictEqual(verdict._tag, "Refused");
  return verdict as Extract<Verdict, { _tag: "Refused" }>;
};

const days = (...numbers: ReadonlyArray<number>) => numbers.map((day) => workspaceMtu(day));

describe("reconcile", () => {
  it("keeps a walk that adds up, without a warning", () => {
    assert.deepStrictEqual(kept(reconcile(walked([days(1, 2), days(3)], 3), config)), {
      rows: days(1, 2, 3),
      rejects: [],
      warnings: [],
      unknownFields: [],
    });
  });

  it("keeps a month without rows", () => {
    assert.deepStrictEqual(kept(reconcile(walked([[]], 0, 1_000), config)).rows, []);
    assert.deepStrictEqual(kept(reconcile(walked([[]], undefined, 1_000), config)).rows, []);
  });

  it("puts rows in key order: period, day, source", () => {
    const rows = [
      sourceMtu("b", 2),
      sourceMtu("a", 2),
      sourceMtu("b", 1),
      sourceMtu("Z", 1),
      sourceMtu("c", 1, { period_start: periodStart - 1 }),
    ];
    assert.deepStrictEqual(kept(reconcile(walked([rows], 5), config)).rows, [
      sourceMtu("c", 1, { period_start: periodStart - 1 }),
      sourceMtu("Z", 1),
      sourceMtu("b", 1),
      sourceMtu("a", 2),
      sourceMtu("b", 2),
    ]);
  });

  it("tells apart the same day of two periods, and of two sources", () => {
    const rows = [workspaceMtu(1), workspaceMtu(1, { period_start: periodStart - 1, identified: 9n })];
    assert.strictEqual(kept(reconcile(walked([rows], 2), config)).rows.length, 2);
    const sources = [sourceCalls("a", 1), sourceCalls("b", 1, { api_calls: 1n })];
    assert.strictEqual(kept(reconcile(walked([sources], 2), config)).rows.length, 2);
  });
});

describe("rows that come twice", () => {
  it("are folded when equal, and counted once for the total", () => {
    const { rows, warnings } = kept(reconcile(walked([days(1, 2), days(2, 3)], 3), config));
    assert.deepStrictEqual(rows, days(1, 2, 3));
    assert.deepStrictEqual(gatesOf(warnings), ["repeated-row"]);
    assert.include(warnings[0]!.message, "1 equal rows");
  });

  it("are a doubt where no total speaks for the walk", () => {
    const { kept: standing, reason } = doubtful(reconcile(walked([days(1, 2), days(2, 3)]), config));
    assert.strictEqual(reason, "TotalMismatch");
    assert.deepStrictEqual(standing.rows, days(1, 2, 3));
  });

  const conflicts: ReadonlyArray<readonly [string, UsageRow, UsageRow]> = [
    ["another count", workspaceMtu(2), workspaceMtu(2, { identified: 11n })],
    ["another end of its period", workspaceMtu(2), workspaceMtu(2, { period_end: periodEnd + 1 })],
    ["another count of API calls", workspaceCalls(2), workspaceCalls(2, { api_calls: 201n })],
    ["another count of a source", sourceCalls("a", 2), sourceCalls("a", 2, { api_calls: 201n })],
  ];
  for (const [what, one, other] of conflicts) {
    it(`are refused when one has ${what} at the same time, whatever the gates`, () => {
      for (const gates of [config, lenient]) {
        for (const total of [undefined, 1, 2]) {
          const { detail, reason } = refused(reconcile(walked([[one], [other]], total), gates));
          assert.strictEqual(reason, "ConflictingRows");
          assert.include(detail, "2024-01-02");
        }
      }
    });
  }

  it("are refused when the contradiction is with an earlier snapshot that had given way", () => {
    const noon = workspaceCalls(1).snapshot_at + 43_200_000_000;
    const pages = walked(
      [[workspaceCalls(1)], [workspaceCalls(1, { snapshot_at: noon })], [workspaceCalls(1, { api_calls: 1n })]],
      2,
    );
    assert.strictEqual(refused(reconcile(pages, lenient)).reason, "ConflictingRows");
  });

  it("are two snapshots when their times differ: the later stands, both are counted for the total", () => {
    const noon = workspaceCalls(1, { snapshot_at: workspaceCalls(1).snapshot_at + 43_200_000_000, api_calls: 150n });
    for (const rows of [
      [workspaceCalls(1), noon],
      [noon, workspaceCalls(1)],
    ]) {
      const reconciled = kept(reconcile(walked([rows], 2), config));
      assert.deepStrictEqual(reconciled.rows, [noon]);
      assert.deepStrictEqual(gatesOf(reconciled.warnings), ["second-snapshot"]);
      assert.strictEqual(doubtful(reconcile(walked([rows], 1), config)).reason, "TotalMismatch");
    }
  });

  it("are two snapshots though the figures are the same", () => {
    const later = workspaceCalls(1, { snapshot_at: workspaceCalls(1).snapshot_at + 1 });
    assert.deepStrictEqual(kept(reconcile(walked([[workspaceCalls(1), later]], 2), config)).rows, [later]);
  });

  it("are folded though another snapshot stands between them", () => {
    const noon = workspaceCalls(1, { snapshot_at: workspaceCalls(1).snapshot_at + 43_200_000_000 });
    const { rows, warnings } = kept(
      reconcile(
        walked(
          [
            [workspaceCalls(1), noon],
            [workspaceCalls(1), noon],
          ],
          2,
        ),
        config,
      ),
    );
    assert.deepStrictEqual(rows, [noon]);
    assert.deepStrictEqual([...gatesOf(warnings)].sort(), ["repeated-row", "second-snapshot"]);
    assert.include(warnings.find(({ gate }) => gate === "repeated-row")!.message, "2 equal rows");
  });
});

describe("the total that the service names", () => {
  it("is a doubt when it is more or less than the rows, whatever the gates", () => {
    for (const total of [0, 2, 4, 3_000]) {
      for (const gates of [config, lenient]) {
        const { detail, kept: standing, reason } = doubtful(reconcile(walked([days(1, 2), days(3)], total), gates));
        assert.strictEqual(reason, "TotalMismatch");
        assert.include(detail, `${total} rows, and sent 3`);
        assert.deepStrictEqual(standing.rows, days(1, 2, 3));
      }
    }
  });

  it("is a doubt when it changes within the walk, though the last one fits", () => {
    const [first, last] = walked([days(1, 2), days(3)]);
    const pages = [
      { ...first!, totalEntries: 4 },
      { ...last!, totalEntries: 3 },
    ];
    const { detail, reason } = doubtful(reconcile(pages, config));
    assert.strictEqual(reason, "TotalMismatch");
    assert.include(detail, "4, then 3");
  });

  it("counts though only one page names it", () => {
    const [first, last] = walked([days(1, 2), days(3)]);
    assert.strictEqual(reconcile([{ ...first!, totalEntries: 3 }, last!], config)._tag, "Kept");
    assert.strictEqual(reconcile([first!, { ...last!, totalEntries: 4 }], config)._tag, "Doubtful");
  });

  it("decides over the shape of the pages", () => {
    assert.strictEqual(reconcile(walked([days(1), days(2, 3)], 3, 2), config)._tag, "Kept");
  });
});

describe("pages without a total", () => {
  const sizes = (...lengths: ReadonlyArray<number>) => {
    let day = 0;
    return lengths.map((length) => Array.from({ length }, () => workspaceMtu(++day)));
  };

  it("are kept when all but the last are full", () => {
    for (const lengths of [[3], [2], [0], [3, 3], [3, 3, 1], [3, 0]]) {
      assert.strictEqual(reconcile(walked(sizes(...lengths), undefined, 3), config)._tag, "Kept", String(lengths));
    }
  });

  it("are a doubt when one before the last is short", () => {
    for (const [lengths, page] of [
      [[2, 3], 1],
      [[3, 2, 3], 2],
      [[0, 3], 1],
      [[2, 2, 1], 1],
    ] as const) {
      for (const gates of [config, lenient]) {
        const { detail, reason } = doubtful(reconcile(walked(sizes(...lengths), undefined, 3), gates));
        assert.strictEqual(reason, "ShortPage");
        assert.include(detail, `Page ${page} has`);
      }
    }
  });

  it("are a doubt when a later page is shorter than the first, whatever was asked for", () => {
    const pages = walked(sizes(4, 3, 1), undefined, 3);
    assert.strictEqual(doubtful(reconcile(pages, config)).reason, "ShortPage");
  });

  it("are even when all but the last have one length", () => {
    const even = (...lengths: ReadonlyArray<number>) => isEvenlyPaged(walked(sizes(...lengths), undefined, 9));
    assert.deepStrictEqual([even(3), even(3, 3), even(3, 3, 1)], [true, true, true]);
    assert.deepStrictEqual([even(3, 2, 3), even(3, 4, 1), even(3, 3, 4)], [false, false, false]);
  });
});

describe("rows outside the period that they name", () => {
  const at = (snapshot_at: number) => workspaceMtu(1, { snapshot_at });

  it("are those before its first and after its last instant; both of these are inside", () => {
    for (const [row, verdict] of [
      [at(periodStart), "Kept"],
      [at(periodEnd), "Kept"],
      [at(periodStart - 1), "Refused"],
      [at(periodEnd + 1), "Refused"],
    ] as const) {
      assert.strictEqual(reconcile(walked([[row]], 1), config)._tag, verdict);
    }
    assert.strictEqual(refused(reconcile(walked([[at(periodEnd + 1)]], 1), config)).reason, "OutsidePeriod");
  });

  it("are a warning with --gates warn, one for all of them", () => {
    const rows = [at(periodStart - 1), workspaceMtu(2, { snapshot_at: periodEnd + 1 }), workspaceMtu(3)];
    const { rows: standing, warnings } = kept(reconcile(walked([rows], 3), lenient));
    assert.strictEqual(standing.length, 3);
    assert.deepStrictEqual(gatesOf(warnings), ["outside-period"]);
    assert.include(warnings[0]!.message, "2024-01-01");
    assert.include(warnings[0]!.message, "1 more");
  });

  it("are not looked for among API calls, which name no period", () => {
    const row = workspaceCalls(1, { snapshot_at: 0 });
    assert.deepStrictEqual(kept(reconcile(walked([[row]], 1), config)).warnings, []);
  });
});

describe("rows that break the contract", () => {
  const reject = (page: number, position: number): Reject => ({ page, position, reason: "a bad count", row: {} });
  const spoiled = (rejects: ReadonlyArray<Reject>, total?: number): ReadonlyArray<Page> => {
    const [page] = walked([days(1, 2)], total);
    return [{ ...page!, rejects, sent: 2 + rejects.length, pageSize: 10 }];
  };

  it("refuse the partition by default, and the first is named", () => {
    const { detail, reason } = refused(reconcile(spoiled([reject(1, 2), reject(1, 3)], 4), config));
    assert.strictEqual(reason, "BadRow");
    assert.include(detail, "Page 1, row 2: a bad count (and 1 more)");
    assert.strictEqual(refused(reconcile(spoiled([reject(1, 2)], 3), lenient)).reason, "BadRow");
  });

  it("are set aside in quarantine, counted for the total, with a warning", () => {
    const rejects = [reject(1, 2), reject(1, 3)];
    const standing = kept(reconcile(spoiled(rejects, 4), quarantine));
    assert.deepStrictEqual(standing.rows, days(1, 2));
    assert.deepStrictEqual(standing.rejects, rejects);
    assert.deepStrictEqual(gatesOf(standing.warnings), ["bad-row"]);
    assert.include(standing.warnings[0]!.message, "2 rows");
    assert.strictEqual(reconcile(spoiled(rejects, 2), quarantine)._tag, "Doubtful");
  });
});

describe("fields that the documentation does not know", () => {
  it("are one warning with all their names", () => {
    const [one, two] = walked([days(1), days(2)], 2);
    const pages = [
      { ...one!, unknownFields: new Set(["b", "a"]) },
      { ...two!, unknownFields: new Set(["c", "a"]) },
    ];
    const { warnings } = kept(reconcile(pages, config));
    assert.deepStrictEqual(gatesOf(warnings), ["unknown-field"]);
    assert.include(warnings[0]!.message, "a, b, c");
  });
});

/** The truth: rows unique by key, in key order. */
const truth = fc
  .uniqueArray(
    fc.record({
      source: fc.constantFrom("a", "b", "c", "d"),
      day: fc.integer({ min: 1, max: 31 }),
      figure: fc.bigInt(0n, 2n ** 63n - 1n),
    }),
    { selector: ({ day, source }) => `${source}/${day}`, maxLength: 40 },
  )
  .map((rows) => rows.map(({ day, figure, source }) => sourceMtu(source, day, { identified: figure })));

const cutAt = <A>(rows: ReadonlyArray<A>, cuts: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<A>> => {
  const ends = [...cuts.map((cut) => cut % (rows.length + 1)).sort((a, b) => a - b), rows.length];
  return ends.map((end, index) => rows.slice(index === 0 ? 0 : ends[index - 1], end));
};

describe("reconcile, for any rows in any order, split into any pages", () => {
  const split = fc.record({
    rows: truth,
    cuts: fc.array(fc.nat(), { maxLength: 8 }),
    repeated: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 8 }),
    hasTotal: fc.boolean(),
  });

  it("keeps them once each, in key order, with or without equal repetitions", () => {
    fc.assert(
      fc.property(split, ({ cuts, hasTotal, repeated, rows }) => {
        const sent = [...rows];
        if (rows.length > 0) {
          // A copy, as every page is decoded afresh.
          for (const [which, where] of repeated)
            sent.splice(where % (sent.length + 1), 0, { ...rows[which % rows.length]! });
        }
        const verdict = reconcile(walked(cutAt(sent, cuts), hasTotal ? rows.length : undefined, 1), config);
        if (hasTotal) assert.strictEqual(verdict._tag, "Kept");
        assert.notStrictEqual(verdict._tag, "Refused");
        const standing = (verdict as Exclude<Verdict, { _tag: "Refused" }>).kept;
        assert.deepStrictEqual(standing.rows, [...rows].sort(byKey));
        assert.strictEqual(new Set(standing.rows.map(keyOf)).size, standing.rows.length);
      }),
    );
  });

  it("never keeps them when a row is lost and the total is told", () => {
    fc.assert(
      fc.property(split, fc.nat(), ({ cuts, rows }, lost) => {
        fc.pre(rows.length > 0);
        const sent = rows.toSpliced(lost % rows.length, 1);
        assert.strictEqual(reconcile(walked(cutAt(sent, cuts), rows.length, 1), config)._tag, "Doubtful");
      }),
    );
  });

  it("never keeps them when one of them contradicts itself", () => {
    fc.assert(
      fc.property(split, fc.nat(), fc.nat(), ({ cuts, hasTotal, rows }, which, where) => {
        fc.pre(rows.length > 0);
        const row = rows[which % rows.length]!;
        const sent = rows.toSpliced(where % (rows.length + 1), 0, { ...row, anonymous: row.anonymous + 1n });
        const pages = walked(cutAt(sent, cuts), hasTotal ? rows.length : undefined, 1);
        for (const gates of [config, lenient])
          assert.strictEqual(refused(reconcile(pages, gates)).reason, "ConflictingRows");
      }),
    );
  });
});
