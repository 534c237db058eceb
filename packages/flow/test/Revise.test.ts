import { assert, describe, it } from "@effect/vitest";
import type { UsageRow } from "@segmeter/domain";
import * as fc from "fast-check";
import { sourceMtu, workspaceCalls, reviseRows } from "./Setting.ts";

const first = 1_000;
const second = 2_000;

describe("revise", () => {
  it("stamps every row of a first capture", () => {
    assert.deepStrictEqual(reviseRows([], [workspaceCalls(1), workspaceCalls(2)], first), {
      rows: [workspaceCalls(1, { observed_at: first }), workspaceCalls(2, { observed_at: first })],
      superseded: [],
    });
  });

  it("keeps the moment of an unchanged row, stamps a changed and a new one, and tells what was corrected or withdrawn", () => {
    const held = [1, 2, 3].map((day) => workspaceCalls(day, { observed_at: first }));
    const fetched = [workspaceCalls(1), workspaceCalls(2, { api_calls: 201n }), workspaceCalls(4)];
    assert.deepStrictEqual(reviseRows(held, fetched, second), {
      rows: [
        workspaceCalls(1, { observed_at: first }),
        workspaceCalls(2, { api_calls: 201n, observed_at: second }),
        workspaceCalls(4, { observed_at: second }),
      ],
      superseded: [held[1]!, held[2]!].map((row) => ({ ...row, superseded_at: second })),
    });
  });

  it("takes a later snapshot with the same count for another version", () => {
    const held = [workspaceCalls(1, { observed_at: first })];
    const later = workspaceCalls(1, { snapshot_at: held[0]!.snapshot_at + 1 });
    assert.deepStrictEqual(reviseRows(held, [later], second), {
      rows: [{ ...later, observed_at: second }],
      superseded: [{ ...held[0]!, superseded_at: second }],
    });
  });

  it("tells the sources of one day apart", () => {
    const held = ["a", "b"].map((source) => sourceMtu(source, 1, { observed_at: first }));
    const fetched = [sourceMtu("a", 1), sourceMtu("b", 1, { identified: 6n })];
    assert.deepStrictEqual(
      reviseRows(held, fetched, second).rows.map((row) => row.observed_at),
      [first, second],
    );
  });
});

/** Each day of a source at most once, with one of few figures, so that many stay as they were. */
const rows = fc
  .uniqueArray(
    fc.record({
      source: fc.constantFrom("a", "b", "c"),
      day: fc.integer({ min: 1, max: 5 }),
      figure: fc.bigInt(1n, 3n),
    }),
    { selector: ({ day, source }) => `${source}/${day}` },
  )
  .map((unordered) => unordered.toSorted((a, b) => a.day - b.day || (a.source < b.source ? -1 : 1)));

describe("revise, for any two captures", () => {
  it("fetches the same rows in the same order, and changes moments only", () => {
    fc.assert(
      fc.property(rows, rows, (before, after) => {
        const row = (at: number) => (of: (typeof before)[number]) =>
          sourceMtu(of.source, of.day, { identified: of.figure, observed_at: at });
        const unstamped = (of: UsageRow) => ({ ...of, observed_at: 0 });
        const held = before.map(row(first));
        const fetched = after.map(row(0));

        const revised = reviseRows(held, fetched, second);

        assert.deepStrictEqual(revised.rows.map(unstamped), fetched);
        const same = after.map((of) => before.some((old) => JSON.stringify(plain(old)) === JSON.stringify(plain(of))));
        assert.deepStrictEqual(
          revised.rows.map((one) => one.observed_at === first),
          same,
        );
        const stays = before.map((old) => after.some((of) => JSON.stringify(plain(old)) === JSON.stringify(plain(of))));
        assert.deepStrictEqual(
          revised.superseded,
          held.filter((_, index) => !stays[index]).map((one) => ({ ...one, superseded_at: second })),
        );
        assert.deepStrictEqual(reviseRows(revised.rows, fetched, second + 1), { rows: revised.rows, superseded: [] });
      }),
    );
  });
});

const plain = (of: { readonly source: string; readonly day: number; readonly figure: bigint }) => [
  of.source,
  of.day,
  String(of.figure),
];
