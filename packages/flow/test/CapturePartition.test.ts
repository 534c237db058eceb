import { assert, describe, it } from "@effect/vitest";
import { Instant, Partition } from "@segmeter/domain";
import { Forbidden, SegmentError, Unauthorized, Unavailable, WrongRegion } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import { type FlowConfig } from "../src/index.ts";
import {
  type Answer,
  config,
  gatesOf,
  heldIn,
  instant,
  memorySink,
  notFound,
  paged,
  refusal,
  rejectsIn,
  replacing,
  settledNow,
  wireDays,
  wireMtu,
  workspaceMtu,
} from "./Setting.ts";
import { of, capture, ledgerOf, january3 } from "./CaptureSetting.ts";

describe("capturePartition", () => {
  it.effect("captures the rows into every sink, with a ledger entry that tells what it took", () =>
    Effect.gen(function* () {
      const sinks = [memorySink("parquet"), memorySink("duckdb")];
      const { events, result } = capture({ walks: [paged(wireDays(2), 2, 3), paged(wireDays(3), 2, 3)], sinks });
      const captured = yield* result;
      const rows = [1, 2, 3].map((day) => workspaceMtu(day, { observed_at: instant(settledNow) }));
      assert.deepStrictEqual(captured.rows, rows);
      assert.strictEqual(captured.revisions, 0);
      assert.deepStrictEqual(
        { ...captured.capture, captureId: "", warnings: gatesOf(captured.capture.warnings) },
        {
          captureId: "",
          runId: "run-1",
          partition: of,
          state: "settled",
          outcome: "captured",
          rows: 3,
          pages: 2,
          // One page of the discarded walk, two of the kept one.
          requests: 3,
          retries: 0,
          warnings: ["walked-again"],
          capturedAt: instant(settledNow),
        },
      );
      for (const sink of sinks) {
        assert.deepStrictEqual(heldIn(sink, of), { capture: captured.capture, rows });
        assert.deepStrictEqual(ledgerOf(sink), [captured.capture]);
      }
      assert.deepStrictEqual(events.at(-1), { _tag: "PartitionCaptured", capture: captured.capture, revisions: 0 });
    }),
  );

  it.effect("gives every capture an id of its own", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      const first = yield* capture({ walks: january3, sinks: [sink] }).result;
      const second = yield* capture({ walks: january3, sinks: [sink] }).result;
      assert.notStrictEqual(first.capture.captureId, second.capture.captureId);
    }),
  );

  it.effect("is open until the settle days after the period's end are over, by the clock that stamps", () =>
    Effect.gen(function* () {
      for (const [now, state] of [
        ["2024-01-20T00:00:00Z", "open"],
        ["2024-02-07T23:59:59Z", "open"],
        ["2024-02-08T00:00:00Z", "settled"],
      ] as const) {
        const { capture: entry } = yield* capture({ walks: january3, sinks: [memorySink()], now }).result;
        assert.strictEqual(entry.state, state);
        assert.strictEqual(entry.capturedAt, instant(now));
      }
      const late = [{ rows: [wireMtu(1, { periodEnd: 1_706_745_600 + 86_400 })] }];
      const { capture: entry } = yield* capture({ walks: [late], sinks: [memorySink()], now: "2024-02-08T00:00:00Z" })
        .result;
      assert.strictEqual(entry.state, "open", "the period's own end counts");
    }),
  );

  it.effect("is open while it is by the service's clock, which this machine's may be ahead of", () =>
    Effect.gen(function* () {
      const now = "2024-02-08T00:00:00Z";
      const hour = 3_600_000;
      // Of the machine's clock, which need not be the one that stamps.
      for (const [ahead, state] of [
        [30 * 24 * hour, "open"],
        [hour, "open"],
        [60_000, "settled"],
        [0, "settled"],
        [-30 * 24 * hour, "settled"],
      ] as const) {
        const serviceClock = { serviceMs: 1_800_000_000_000, localMs: 1_800_000_000_000 + ahead };
        const { capture: entry } = yield* capture({ walks: january3, sinks: [memorySink()], now, serviceClock }).result;
        assert.strictEqual(entry.state, state, `${ahead} ms ahead`);
        assert.strictEqual(entry.capturedAt, instant(now));
      }
    }),
  );

  it.effect("holds a month without rows, and one that does not exist, like any other", () =>
    Effect.gen(function* () {
      for (const [answers, outcome, pages] of [
        [paged([], 1_000, 0), "empty", 1],
        [[notFound], "absent", 0],
      ] as const) {
        const sink = memorySink();
        const { capture: entry, rows } = yield* capture({ walks: [answers], sinks: [sink] }).result;
        assert.deepStrictEqual([entry.outcome, entry.pages, entry.requests, rows], [outcome, pages, 1, []]);
        assert.deepStrictEqual(heldIn(sink, of), { capture: entry, rows: [] });
        assert.deepStrictEqual(yield* sink.held(of.workspaceId), [entry]);
      }
    }),
  );

  const failures: ReadonlyArray<readonly [string, ReadonlyArray<Answer>, string, string]> = [
    ["a 403", [refusal(new Forbidden())], "forbidden", "Forbidden"],
    ["a service that is down", [refusal(new Unavailable({ status: 503 }))], "failed", "Unavailable"],
    ["a gate", [{ rows: [wireMtu(1, { identified: "1.5" })] }], "failed", "BadRow"],
    ["a month that vanishes", [{ rows: [wireMtu(1)] }, notFound], "failed", "Vanished"],
    ["a total that does not fit", paged(wireDays(3), 2, 4), "failed", "TotalMismatch"],
  ];
  for (const [what, answers, outcome, gate] of failures) {
    it.effect(`records ${what} in every ledger, by name, and leaves what is held`, () =>
      Effect.gen(function* () {
        const sinks = [memorySink("parquet"), memorySink("duckdb")];
        const before = yield* capture({ walks: january3, sinks }).result;
        const { events, result } = capture({ walks: [answers], sinks });
        const { capture: entry, revisions, rows } = yield* result;
        assert.strictEqual(entry.outcome, outcome);
        assert.deepStrictEqual(gatesOf(entry.warnings), [gate]);
        assert.deepStrictEqual([entry.rows, entry.pages, rows, revisions], [0, 0, [], 0]);
        for (const sink of sinks) {
          assert.deepStrictEqual(heldIn(sink, of), { capture: before.capture, rows: before.rows });
          assert.deepStrictEqual(ledgerOf(sink), [before.capture, entry]);
        }
        const told = events.at(-1)!;
        assert.strictEqual(told._tag, "PartitionFailed");
        assert.notInclude(
          events.map(({ _tag }) => _tag),
          "PartitionCaptured",
        );
      }),
    );
  }

  it.effect("ends the run, and records nothing, when the token is refused", () =>
    Effect.gen(function* () {
      for (const reason of [new Unauthorized(), new WrongRegion()]) {
        const sink = memorySink();
        const error = yield* Effect.flip(
          capture({ walks: [[{ rows: [wireMtu(1)] }, refusal(reason)]], sinks: [sink] }).result,
        );
        assert.instanceOf(error, SegmentError);
        assert.strictEqual((error as SegmentError).reason._tag, reason._tag);
        assert.strictEqual(sink.ledger.size, 0);
      }
    }),
  );

  it.effect("keeps the moment of rows that stay as they are, and counts what was corrected or withdrawn", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      yield* capture({ walks: january3, sinks: [sink], now: "2024-01-04T02:00:00Z" }).result;
      const corrected = [{ rows: [wireMtu(1), wireMtu(2, { identified: "11" }), wireMtu(4)], totalEntries: 3 }];
      const {
        capture: entry,
        revisions,
        rows,
      } = yield* capture({ walks: [corrected], sinks: [sink], now: "2024-01-05T02:00:00Z" }).result;
      assert.deepStrictEqual(
        rows.map(({ observed_at }) => Instant.format(observed_at)),
        ["2024-01-04T02:00:00Z", "2024-01-05T02:00:00Z", "2024-01-05T02:00:00Z"],
      );
      assert.strictEqual(revisions, 2);
      assert.deepStrictEqual(gatesOf(entry.warnings), ["missing-day"]);
      assert.deepStrictEqual(heldIn(sink, of), { capture: entry, rows });
    }),
  );

  it.effect(
    "says of which capture its rows are the very same, and of none where one was added, corrected or withdrawn",
    () =>
      Effect.gen(function* () {
        const store = memorySink();
        const handed: Array<string | undefined> = [];
        const sink = replacing(store, ({ unchangedFrom }) => Effect.sync(() => void handed.push(unchangedFrom)));
        const rows = [wireMtu(1), wireMtu(2), wireMtu(3)];
        const months = [
          rows,
          rows,
          [...rows, wireMtu(4)],
          [...rows, wireMtu(4, { identified: "11" })],
          rows.slice(1),
          rows.slice(1),
        ];
        const ids: Array<string> = [];
        for (const [at, month] of months.entries()) {
          const now = `2024-01-0${at + 4}T02:00:00Z`;
          const captured = yield* capture({ walks: [[{ rows: month }]], sinks: [sink], now }).result;
          ids.push(captured.capture.captureId);
        }
        assert.deepStrictEqual(handed, [undefined, ids[0], undefined, undefined, undefined, ids[4]]);
      }),
  );

  for (const [what, answers, outcome] of [
    ["an empty month", paged([], 1_000, 0), "empty"],
    ["a 404", [notFound], "absent"],
  ] as const) {
    it.effect(
      `keeps held rows as revisions when there is ${what}, which is looked at once more before it settles`,
      () =>
        Effect.gen(function* () {
          const sinks = [memorySink("parquet"), memorySink("duckdb")];
          const before = yield* capture({ walks: january3, sinks }).result;
          assert.strictEqual(before.capture.state, "settled");
          const { capture: entry, revisions, rows } = yield* capture({ walks: [answers], sinks }).result;
          assert.deepStrictEqual([entry.outcome, entry.state, entry.rows, rows], [outcome, "open", 0, []]);
          assert.deepStrictEqual(gatesOf(entry.warnings), ["withdrawn"]);
          assert.include(entry.warnings[0]!.message, "3");
          assert.strictEqual(revisions, 3);
          for (const sink of sinks) {
            assert.deepStrictEqual(heldIn(sink, of), { capture: entry, rows: [] });
            assert.deepStrictEqual(
              yield* sink.revisions(of),
              before.rows.map((row) => ({ ...row, superseded_at: entry.capturedAt })),
            );
          }
          const { capture: again } = yield* capture({ walks: [answers], sinks }).result;
          assert.deepStrictEqual([again.outcome, again.state, gatesOf(again.warnings)], [outcome, "settled", []]);
          for (const sink of sinks) assert.strictEqual((yield* sink.revisions(of)).length, 3);
        }),
    );
  }

  it.effect("keeps the held versions as revisions in every sink, and tells by how much a figure changed", () =>
    Effect.gen(function* () {
      const sinks = [memorySink("parquet"), memorySink("duckdb")];
      const before = yield* capture({ walks: january3, sinks, now: "2024-01-04T02:00:00Z" }).result;
      const corrected = [{ rows: [wireMtu(1), wireMtu(2), wireMtu(3, { identified: "16" }), wireMtu(4)] }];
      const { capture: entry, restatement } = yield* capture({ walks: [corrected], sinks, now: "2024-01-05T02:00:00Z" })
        .result;
      for (const sink of sinks) {
        assert.deepStrictEqual(yield* sink.revisions(of), [{ ...before.rows[2]!, superseded_at: entry.capturedAt }]);
      }
      assert.deepStrictEqual(restatement, {
        partition: of,
        measure: "mtu",
        corrected: 1,
        withdrawn: 0,
        changes: [{ sourceId: undefined, day: before.rows[2]!.day, before: 33n, after: 34n }],
      });
      const { restatement: none } = yield* capture({ walks: [corrected], sinks, now: "2024-01-06T02:00:00Z" }).result;
      assert.isUndefined(none);
    }),
  );

  it.effect("is stamped later than the capture before, though the clock stands still or goes back", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      const moments: Array<number> = [];
      for (const now of [
        "2024-01-04T02:00:00Z",
        "2024-01-04T02:00:00Z",
        "2024-01-03T00:00:00Z",
        "2024-01-05T00:00:00Z",
      ]) {
        const changed = [{ rows: [wireMtu(1), wireMtu(2, { identified: String(moments.length) })] }];
        const { capture: entry } = yield* capture({ walks: [changed], sinks: [sink], now }).result;
        moments.push(entry.capturedAt);
      }
      const first = instant("2024-01-04T02:00:00Z");
      assert.deepStrictEqual(moments, [first, first + 1, first + 2, instant("2024-01-05T00:00:00Z")]);
      assert.deepStrictEqual(
        (yield* sink.revisions(of)).map((row) => [row.observed_at, row.superseded_at]),
        [
          [moments[0], moments[1]],
          [moments[1], moments[2]],
          [moments[2], moments[3]],
        ],
      );
    }),
  );

  it.effect("is settled or open by the clock itself, not by the moment that it is stamped with", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      yield* capture({ walks: january3, sinks: [sink], now: "2024-03-01T00:00:00Z" }).result;
      const { capture: entry } = yield* capture({ walks: january3, sinks: [sink], now: "2024-01-20T00:00:00Z" }).result;
      assert.strictEqual(entry.state, "open");
      assert.strictEqual(entry.capturedAt, instant("2024-03-01T00:00:00Z") + 1);
    }),
  );

  it.effect("gives way, in a sink that was killed, to revisions of a capture that was never committed", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      const { rows } = yield* capture({ walks: january3, sinks: [sink], now: "2024-01-04T02:00:00Z" }).result;
      const pending = { ...rows[0]!, superseded_at: instant("2024-01-05T02:00:00Z") };
      sink.superseded.set(Partition.label(of), [pending]);
      yield* capture({ walks: january3, sinks: [sink], now: "2024-01-06T02:00:00Z" }).result;
      assert.deepStrictEqual(yield* sink.revisions(of), []);
    }),
  );

  it.effect("brings uneven sinks to one history first, and compares with the newest capture of them all", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      const saying = (identified: string) => [[{ rows: [wireMtu(1, { identified })] }]];
      yield* capture({ walks: saying("1"), sinks: [parquet], now: "2024-01-04T02:00:00Z" }).result;
      yield* capture({ walks: saying("2"), sinks: [duckdb], now: "2024-01-05T02:00:00Z" }).result;
      const sinks = [parquet, duckdb];
      const { events, result } = capture({ walks: saying("3"), sinks, now: "2024-01-06T02:00:00Z", isUneven: true });
      const { restatement, revisions } = yield* result;
      assert.strictEqual(revisions, 1);
      assert.deepStrictEqual(
        restatement?.changes.map(({ after, before }) => [before, after]),
        [[8n, 9n]],
      );
      for (const sink of sinks) {
        assert.deepStrictEqual(
          (yield* sink.revisions(of)).map((row) => "identified" in row && row.identified),
          [1n, 2n],
        );
        assert.strictEqual(sink.ledger.size, 3);
      }
      assert.deepStrictEqual(parquet.superseded, duckdb.superseded);
      assert.include(
        events.map(({ _tag }) => _tag),
        "PartitionCaughtUp",
      );
    }),
  );

  it.effect("names the fields that the documentation does not know", () =>
    Effect.gen(function* () {
      const rows = [wireMtu(1, { currency: "EUR" }), wireMtu(2, { cost: 1, currency: "EUR" })];
      const { capture: entry, unknownFields } = yield* capture({ walks: [[{ rows }]], sinks: [memorySink()] }).result;
      assert.deepStrictEqual(unknownFields, ["cost", "currency"]);
      assert.deepStrictEqual(gatesOf(entry.warnings), ["unknown-field"]);
    }),
  );

  it.effect("lets a month without rows become absent, or get rows", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      const outcomes: Array<string> = [];
      for (const answers of [[notFound], paged([], 1_000, 0), [notFound], paged(wireDays(1), 1_000, 1)]) {
        outcomes.push((yield* capture({ walks: [answers], sinks: [sink] }).result).capture.outcome);
      }
      assert.deepStrictEqual(outcomes, ["absent", "empty", "absent", "captured"]);
    }),
  );

  it.effect("sets bad rows aside in quarantine, and clears them when they are mended", () =>
    Effect.gen(function* () {
      const quarantine: FlowConfig = { ...config, badRows: "quarantine" };
      const bad = wireMtu(2, { identified: "1.5" });
      const sink = memorySink();
      const spoiled = capture({
        walks: [[{ rows: [wireMtu(1), bad], totalEntries: 2 }]],
        sinks: [sink],
        config: quarantine,
      });
      const { capture: entry, rows } = yield* spoiled.result;
      assert.strictEqual(entry.outcome, "captured");
      assert.strictEqual(rows.length, 1);
      assert.include(gatesOf(entry.warnings), "bad-row");
      assert.deepStrictEqual(
        rejectsIn(spoiled.rejects).map(({ page, position, row }) => ({ page, position, row })),
        [{ page: 1, position: 2, row: bad }],
      );
      yield* capture({ walks: january3, sinks: [sink], config: quarantine, rejects: spoiled.rejects }).result;
      assert.deepStrictEqual(rejectsIn(spoiled.rejects), []);
    }),
  );
});
