import { assert, describe, it } from "@effect/vitest";
import { type Capture, Instant, type MemorySink, Partition, sinkError, type SinkReason } from "@segmeter/domain";
import { Forbidden, SegmentError, type ServiceClock, Unauthorized, Unavailable, WrongRegion } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { type CaptureContext, capturePartition, type FlowConfig, partiesOf, type Party } from "../src/index.ts";
import type { CaptureTask } from "../src/Plan.ts";
import {
  type Answer,
  captureOf,
  config,
  gatesOf,
  heldIn,
  instant,
  memorySink,
  notFound,
  paged,
  partition,
  refusal,
  rejectsIn,
  type RejectStore,
  replacing,
  scripted,
  settledNow,
  stage,
  walks,
  wireDays,
  wireMtu,
  workspaceId,
  workspaceMtu,
} from "./Setting.ts";

const of = partition("workspace-mtu");

interface Setting {
  readonly walks: ReadonlyArray<ReadonlyArray<Answer>>;
  readonly sinks: ReadonlyArray<MemorySink>;
  readonly config?: FlowConfig;
  readonly now?: string;
  readonly rejects?: RejectStore;
  readonly isUneven?: boolean;
  readonly serviceClock?: ServiceClock;
}

/** Captures over what the sinks hold; where they are uneven the newest is the last one's. */
const capture = (setting: Setting) => {
  const { config: settings = config, now = settledNow, sinks } = setting;
  const { events, provide, rejects } = stage(
    scripted(walks(...setting.walks), setting.serviceClock),
    now,
    setting.rejects,
  );
  const context = (parties: ReadonlyArray<Party>): CaptureContext => ({
    runId: "run-1",
    config: settings,
    sinks,
    parties,
    walking: (effect) => effect,
    companionRows: () => Effect.succeed(undefined),
    booked: Effect.void,
  });
  const first = setting.isUneven === true ? sinks.at(-1) : sinks[0];
  const held = first === undefined ? undefined : heldIn(first, of);
  const task: CaptureTask = {
    _tag: "Capture",
    partition: of,
    held: held === undefined ? undefined : { sink: first!.name, capture: held.capture },
    isUneven: setting.isUneven === true,
  };
  const result = Effect.flatMap(partiesOf(workspaceId, sinks), (parties) => capturePartition(task, context(parties)));
  const stamped = Effect.map(result, (captured) => ({
    ...captured,
    rows: captured.rows.map((row) =>
      row.observed_at === 0 ? { ...row, observed_at: captured.capture.capturedAt } : row,
    ),
  }));
  return { events, rejects, result: provide(stamped) };
};

const ledgerOf = (sink: MemorySink): ReadonlyArray<Capture.Capture> => [...sink.ledger.values()];

const january3 = [paged(wireDays(3), 1_000, 3)];

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

const failing = (reason: SinkReason) => () => Effect.fail(sinkError("replace", reason, "The store said no."));

describe("a sink that fails", () => {
  for (const reason of ["Unrepresentable", "Mismatch", "Broken", "Damaged"] as const) {
    it.effect(`with ${reason} fails the partition, which every ledger says`, () =>
      Effect.gen(function* () {
        const sinks = [memorySink("parquet"), replacing(memorySink("duckdb"), failing(reason))];
        const { capture: entry } = yield* capture({ walks: january3, sinks }).result;
        assert.strictEqual(entry.outcome, "failed");
        assert.deepStrictEqual(gatesOf(entry.warnings), [reason]);
        for (const sink of sinks)
          assert.include(
            ledgerOf(sink).map(({ captureId }) => captureId),
            entry.captureId,
          );
        assert.isUndefined(heldIn(sinks[1]!, of));
      }),
    );
  }

  for (const reason of ["Full", "Unwritable", "Busy", "Foreign"] as const) {
    it.effect(`with ${reason} ends the run: the next partition would meet it too`, () =>
      Effect.gen(function* () {
        const sinks = [replacing(memorySink("parquet"), failing(reason)), memorySink("duckdb")];
        const error = yield* Effect.flip(capture({ walks: january3, sinks }).result);
        assert.strictEqual(error._tag === "SinkError" && error.reason, reason);
        assert.isUndefined(heldIn(sinks[1]!, of), "the sinks after it are not written");
      }),
    );
  }
});

describe("rows set aside", () => {
  const quarantine: FlowConfig = { ...config, badRows: "quarantine" };
  const spoiled = [[{ rows: [wireMtu(1), wireMtu(2, { identified: "1.5" })] }]];

  it.effect("are kept before their capture is committed, and those before them go after it", () =>
    Effect.gen(function* () {
      const rejects: RejectStore = new Map();
      const first = yield* capture({ walks: spoiled, sinks: [memorySink()], config: quarantine, rejects }).result;
      const during: Array<ReadonlyArray<string>> = [];
      const sinks = [
        memorySink("parquet"),
        replacing(memorySink("duckdb"), () => Effect.sync(() => void during.push([...rejects.keys()]))),
      ];
      const second = yield* capture({ walks: spoiled, sinks, config: quarantine, rejects }).result;
      assert.deepStrictEqual(during, [[first.capture.captureId, second.capture.captureId]]);
      assert.deepStrictEqual([...rejects.keys()], [second.capture.captureId]);
    }),
  );

  for (const reason of ["Full", "Mismatch"] as const) {
    it.effect(`stay, those of the capture before too, when a sink fails with ${reason}`, () =>
      Effect.gen(function* () {
        const rejects: RejectStore = new Map();
        const first = yield* capture({ walks: spoiled, sinks: [memorySink()], config: quarantine, rejects }).result;
        const parquet = memorySink("parquet");
        const sinks = [parquet, replacing(memorySink("duckdb"), failing(reason))];
        yield* Effect.exit(capture({ walks: spoiled, sinks, config: quarantine, rejects }).result);
        const { captureId } = heldIn(parquet, of)!.capture;
        assert.deepStrictEqual([...rejects.keys()], [first.capture.captureId, captureId]);
      }),
    );
  }

  it.effect("are none of another partition's business", () =>
    Effect.gen(function* () {
      const elsewhere = captureOf(partition("workspace-mtu", "2023-12"));
      const list = [{ page: 1, position: 1, reason: "", row: {} }];
      const rejects: RejectStore = new Map([[elsewhere.captureId, { capture: elsewhere, list }]]);
      yield* capture({ walks: january3, sinks: [memorySink()], config: quarantine, rejects }).result;
      assert.deepStrictEqual([...rejects.keys()], [elsewhere.captureId]);
    }),
  );
});

describe("an interruption", () => {
  it.effect("in the middle of the sinks lets all of them finish", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const sinks = [
        memorySink("parquet"),
        replacing(memorySink("duckdb"), () =>
          Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(released)),
        ),
        memorySink("memory"),
      ];
      const fiber = yield* Effect.forkChild(capture({ walks: january3, sinks }).result);
      yield* Deferred.await(begun);
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true });
      assert.deepStrictEqual(
        sinks.map((sink) => heldIn(sink, of)?.rows.length),
        [3, undefined, undefined],
      );
      yield* Deferred.succeed(released, undefined);
      yield* Fiber.join(interruption);
      assert.deepStrictEqual(
        sinks.map((sink) => heldIn(sink, of)?.rows.length),
        [3, 3, 3],
      );
    }),
  );

  it.effect("in the middle of the sinks still sets the rejects aside, which no later run would read again", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const slow = replacing(memorySink(), () =>
        Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(released)),
      );
      const { rejects, result } = capture({
        walks: [[{ rows: [wireMtu(1), wireMtu(2, { identified: "1.5" })] }]],
        sinks: [slow],
        config: { ...config, badRows: "quarantine" },
      });
      const fiber = yield* Effect.forkChild(result);
      yield* Deferred.await(begun);
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true });
      yield* Deferred.succeed(released, undefined);
      yield* Fiber.join(interruption);
      assert.strictEqual(heldIn(slow, of)?.capture.state, "settled");
      assert.strictEqual(rejectsIn(rejects).length, 1);
    }),
  );

  it.effect("in the middle of a walk writes nothing", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>();
      const sink = memorySink();
      const service = scripted(({ cursor }) =>
        cursor === undefined
          ? Effect.succeed({ rows: [wireMtu(1)], next: "2" })
          : Effect.andThen(Deferred.succeed(begun, undefined), Effect.never),
      );
      const context: CaptureContext = {
        runId: "run",
        config,
        sinks: [sink],
        parties: [],
        walking: (effect) => effect,
        companionRows: () => Effect.succeed(undefined),
        booked: Effect.void,
      };
      const task: CaptureTask = { _tag: "Capture", partition: of, held: undefined, isUneven: false };
      const fiber = yield* Effect.forkChild(stage(service).provide(capturePartition(task, context)));
      yield* Deferred.await(begun);
      yield* Fiber.interrupt(fiber);
      assert.strictEqual(sink.partitions.size, 0);
      assert.strictEqual(sink.ledger.size, 0);
    }),
  );
});
