/**
 * The law of history: whatever the service says from one capture to the next, every capture can be had back from the last one's
 * rows and the revisions. The model is the list of what was captured.
 */
import { assert, describe, it } from "@effect/vitest";
import { byKey, byVersion, type Capture, historyFaults, type Instant, keyOf, type UsageRow } from "@segmeter/domain";
import * as fc from "fast-check";
import { type Known, mergeHistories, rowsAt } from "../src/History.ts";
import {
  captureOf,
  instant,
  partition,
  periodStart,
  plainRows,
  sourceCalls,
  sourceMtu,
  reviseRows,
} from "./Setting.ts";

const of = partition("source-mtu");
const start = instant("2024-02-01");

/** What one capture found, and when. */
interface Snapshot {
  readonly id: string;
  readonly at: Instant.EpochMicros;
  /** In key order, `observed_at` zero. */
  readonly rows: ReadonlyArray<UsageRow>;
}

const captured = ({ at, id, rows }: Snapshot): Capture.Capture =>
  captureOf(of, {
    captureId: id,
    capturedAt: at,
    rows: rows.length,
    outcome: rows.length === 0 ? "empty" : "captured",
  });

/** What a sink knows that saw these captures, one after the other. */
const knownFrom = (snapshots: ReadonlyArray<Snapshot>): Known => {
  let rows: ReadonlyArray<UsageRow> = [];
  const revisions: Array<Capture.History["revisions"][number]> = [];
  for (const snapshot of snapshots) {
    const revised = reviseRows(rows, snapshot.rows, snapshot.at);
    rows = revised.rows;
    revisions.push(...revised.superseded);
  }
  const capture = captured(snapshots.at(-1)!);
  return { history: { capture, rows, revisions: revisions.sort(byVersion) }, captures: snapshots.map(captured) };
};

/** Few keys with few figures, so that rows often stay, are corrected, vanish, and come back as they were. */
const rowsArbitrary = fc
  .uniqueArray(
    fc.record({
      source: fc.constantFrom("a", "b"),
      day: fc.integer({ min: 1, max: 3 }),
      period: fc.constantFrom(0, 1),
      figure: fc.bigInt(1n, 2n),
    }),
    { selector: ({ day, period, source }) => `${source}/${day}/${period}`, maxLength: 8 },
  )
  .map((rows) =>
    rows
      .map(({ day, figure, period, source }): UsageRow =>
        sourceMtu(source, day, { identified: figure, period_start: periodStart + period }),
      )
      .toSorted(byKey),
  );

const snapshotsArbitrary = (lengths: { readonly minLength: number; readonly maxLength: number }, leastGap = 1) =>
  fc.array(fc.record({ rows: rowsArbitrary, gap: fc.integer({ min: leastGap, max: 3 }) }), lengths).map((steps) => {
    let at = start;
    return steps.map(({ gap, rows }, index): Snapshot => ({ id: `c${index}`, at: (at += gap), rows }));
  });

const gapsOf = (snapshots: ReadonlyArray<Snapshot>) =>
  snapshots.map(({ at }, index) => ({ from: at, to: snapshots[index + 1]?.at ?? at + 10 }));

/** When the version of a row that a capture found was first found, without a break since. */
const firstFound = (snapshots: ReadonlyArray<Snapshot>, index: number, row: UsageRow): Instant.EpochMicros => {
  const found = (at: number) =>
    snapshots[at]?.rows.some(
      (one) => keyOf(one) === keyOf(row) && JSON.stringify(plainRows([one])) === JSON.stringify(plainRows([row])),
    );
  let first = index;
  while (found(first - 1)) first--;
  return snapshots[first]!.at;
};

describe("revise, capture after capture", () => {
  it("keeps every capture, at every instant until the next", () => {
    fc.assert(
      fc.property(snapshotsArbitrary({ minLength: 1, maxLength: 7 }), (snapshots) => {
        const { captures, history } = knownFrom(snapshots);
        assert.deepStrictEqual(rowsAt(history, start), [], "before the first");
        for (const [index, { from, to }] of gapsOf(snapshots).entries()) {
          const expected = snapshots[index]!.rows.map((row) => ({
            ...row,
            observed_at: firstFound(snapshots, index, row),
          }));
          for (const at of [from, to - 1]) assert.deepStrictEqual(rowsAt(history, at), expected);
        }
        assert.deepStrictEqual(historyFaults(history, captures), []);
      }),
      { numRuns: 500 },
    );
  });

  it("gives every key one version at a time: from, included, to, excluded", () => {
    fc.assert(
      fc.property(snapshotsArbitrary({ minLength: 1, maxLength: 7 }), (snapshots) => {
        const { history } = knownFrom(snapshots);
        const held = history.capture.capturedAt;
        const versions = Map.groupBy(
          [...history.revisions, ...history.rows.map((row) => ({ ...row, superseded_at: held + 1 }))],
          keyOf,
        );
        for (const ofKey of versions.values()) {
          let until = start;
          for (const { observed_at, superseded_at } of ofKey.toSorted(byVersion)) {
            assert.isAtLeast(observed_at, until);
            assert.isAbove(superseded_at, observed_at);
            until = superseded_at;
          }
        }
        for (const { superseded_at } of history.revisions) assert.isAtMost(superseded_at, held);
      }),
    );
  });
});

describe("rowsAt", () => {
  it("gives usage rows, in key order, and not the columns of a revision", () => {
    const { history } = knownFrom([
      { id: "1", at: start, rows: [sourceMtu("a", 1), sourceMtu("b", 1)] },
      { id: "2", at: start + 1, rows: [sourceMtu("b", 1)] },
    ]);
    assert.deepStrictEqual(rowsAt(history, start), [
      sourceMtu("a", 1, { observed_at: start }),
      sourceMtu("b", 1, { observed_at: start }),
    ]);
  });
});

type Seen = "a" | "b" | "both";

/** Snapshots, each seen by one of two sinks or by both; each sink sees one at least. */
const sharedArbitrary = (leastGap = 1) =>
  snapshotsArbitrary({ minLength: 2, maxLength: 7 }, leastGap).chain((snapshots) =>
    fc
      .array(fc.constantFrom<Seen>("a", "b", "both"), { minLength: snapshots.length, maxLength: snapshots.length })
      .map((seen) => ({
        snapshots,
        of: (sink: "a" | "b") => snapshots.filter((_, index) => seen[index] === sink || seen[index] === "both"),
      }))
      .filter((shared) => shared.of("a").length > 0 && shared.of("b").length > 0),
  );

describe("mergeHistories", () => {
  it("gives the history that one sink would have had, from either side, and again", () => {
    fc.assert(
      fc.property(sharedArbitrary(), (shared) => {
        const [a, b] = [knownFrom(shared.of("a")), knownFrom(shared.of("b"))];
        const whole = knownFrom(shared.snapshots);
        assert.deepStrictEqual(mergeHistories(a, b), whole);
        assert.deepStrictEqual(mergeHistories(b, a), whole);
        assert.deepStrictEqual(mergeHistories(whole, a), whole);
        assert.deepStrictEqual(mergeHistories(b, whole), whole);
        assert.deepStrictEqual(mergeHistories(a, a), a);
      }),
      { numRuns: 500 },
    );
  });

  it("gives the history that one sink would have had, of three sinks too", () => {
    fc.assert(
      fc.property(
        snapshotsArbitrary({ minLength: 3, maxLength: 7 }),
        fc.array(fc.subarray([0, 1, 2], { minLength: 1 }), { minLength: 7, maxLength: 7 }),
        (snapshots, seenBy) => {
          const [first, ...others] = [0, 1, 2].flatMap((sink) => {
            const own = snapshots.filter((_, index) => seenBy[index]!.includes(sink));
            return own.length === 0 ? [] : [knownFrom(own)];
          });
          assert.deepStrictEqual(others.reduce(mergeHistories, first!), knownFrom(snapshots));
        },
      ),
    );
  });

  it("returns the one that knows all, as it is", () => {
    const snapshots = [1, 2, 3].map((count): Snapshot => ({
      id: `c${count}`,
      at: start + count,
      rows: Array.from({ length: count }, (_, index) => sourceMtu("a", index + 1)),
    }));
    const [all, some] = [knownFrom(snapshots), knownFrom(snapshots.slice(0, 2))];
    assert.strictEqual(mergeHistories(all, some), all);
    assert.strictEqual(mergeHistories(some, all), all);
  });

  it("keeps apart what two sinks captured in one instant, so that each capture can still be had back", () => {
    fc.assert(
      fc.property(sharedArbitrary(0), (shared) => {
        // Within one sink instants differ; only between two they need not.
        const distinct = (snapshots: ReadonlyArray<Snapshot>) =>
          new Set(snapshots.map(({ at }) => at)).size === snapshots.length;
        fc.pre(distinct(shared.of("a")) && distinct(shared.of("b")));
        const found = new Map(shared.snapshots.map(({ id, rows }) => [id, rows]));
        for (const { captures, history } of [
          mergeHistories(knownFrom(shared.of("a")), knownFrom(shared.of("b"))),
          mergeHistories(knownFrom(shared.of("b")), knownFrom(shared.of("a"))),
        ]) {
          assert.sameMembers(
            captures.map(({ captureId }) => captureId),
            [...found.keys()],
          );
          for (const { captureId, capturedAt } of captures) {
            assert.deepStrictEqual(plainRows(rowsAt(history, capturedAt)), plainRows(found.get(captureId)!));
          }
          assert.deepStrictEqual(captures.at(-1), history.capture);
          assert.deepStrictEqual(historyFaults(history, captures), []);
        }
      }),
    );
  });

  it("leaves out what cannot be had back, as of a time without revisions, and loses nothing else", () => {
    fc.assert(
      fc.property(
        snapshotsArbitrary({ minLength: 1, maxLength: 4 }),
        snapshotsArbitrary({ minLength: 1, maxLength: 4 }),
        (early, late) => {
          const last = early.at(-1)!;
          const later = late.map((snapshot): Snapshot => ({
            ...snapshot,
            id: `later ${snapshot.id}`,
            at: last.at + snapshot.at - start,
          }));
          const whole = knownFrom(early);
          const without: Known = { ...whole, history: { ...whole.history, revisions: [] } };
          const canBeHad = early.filter(({ at, rows }) => rowsAt(without.history, at).length === rows.length);
          const merged = mergeHistories(without, knownFrom(later));
          assert.deepStrictEqual(merged.history, knownFrom([...canBeHad, ...later]).history);
          assert.deepStrictEqual(merged.captures, [...early, ...later].map(captured), "the ledger keeps all");
        },
      ),
    );
  });

  it("keeps the rows of the newest capture, though a clock that went back observed them later", () => {
    const row = sourceCalls("a", 1, { observed_at: start + 100 });
    const of = partition("source-api-calls");
    const newest = captureOf(of, { captureId: "newest", capturedAt: start + 50, rows: 1 });
    const set: Known = {
      history: { capture: newest, rows: [row], revisions: [] },
      captures: [newest, captureOf(of, { captureId: "clock ahead", capturedAt: start + 100, rows: 2 })],
    };
    const other = knownFrom([{ id: "other", at: start, rows: [sourceCalls("b", 2)] }]);
    for (const { history } of [mergeHistories(set, other), mergeHistories(other, set)]) {
      assert.strictEqual(history.capture.captureId, "newest");
      assert.deepStrictEqual(plainRows(history.rows), plainRows([row]));
    }
  });
});
