import { assert, describe, it } from "@effect/vitest";
import { type Capture, Instant, type MemorySink, sinkError, type SinkReason } from "@segmeter/domain";
import { Forbidden, SegmentError, Unauthorized, Unavailable, WrongRegion } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { type CaptureContext, capturePartition, type FlowConfig } from "../src/index.ts";
import type { CaptureTask } from "../src/Plan.ts";
import {
  type Answer,
  config,
  gatesOf,
  heldIn,
  instant,
  memorySink,
  notFound,
  paged,
  partition,
  refusal,
  replacing,
  scripted,
  settledNow,
  stage,
  walks,
  wireDays,
  wireMtu,
  workspaceMtu,
} from "./Setting.ts";

const of = partition("workspace-mtu");

interface Setting {
  readonly walks: ReadonlyArray<ReadonlyArray<Answer>>;
  readonly sinks: ReadonlyArray<MemorySink>;
  readonly config?: FlowConfig;
  readonly now?: string;
}

const capture = (setting: Setting) => {
  const { config: settings = config, now = settledNow, sinks } = setting;
  const { events, provide, rejects } = stage(scripted(walks(...setting.walks)), now);
  const context: CaptureContext = {
    runId: "run-1",
    config: settings,
    sinks,
    companionRows: () => Effect.succeed(undefined),
  };
  const [first] = sinks;
  const held = first === undefined ? undefined : heldIn(first, of);
  const task: CaptureTask = {
    _tag: "Capture",
    partition: of,
    held: held === undefined ? undefined : { sink: first!.name, capture: held.capture },
  };
  return { events, rejects, result: provide(capturePartition(task, context)) };
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

  for (const [what, answers] of [
    ["an empty month", paged([], 1_000, 0)],
    ["a 404", [notFound]],
  ] as const) {
    it.effect(`does not give up held rows for ${what}`, () =>
      Effect.gen(function* () {
        const sinks = [memorySink("parquet"), memorySink("duckdb")];
        const before = yield* capture({ walks: january3, sinks }).result;
        const { capture: entry } = yield* capture({ walks: [answers], sinks }).result;
        assert.strictEqual(entry.outcome, "failed");
        assert.deepStrictEqual(gatesOf(entry.warnings), ["Withdrawn"]);
        assert.include(entry.warnings[0]!.message, "3 rows");
        for (const sink of sinks)
          assert.deepStrictEqual(heldIn(sink, of), { capture: before.capture, rows: before.rows });
      }),
    );
  }

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
      const [set] = [...spoiled.rejects.values()];
      assert.deepStrictEqual(
        set!.map(({ page, position, row }) => ({ page, position, row })),
        [{ page: 1, position: 2, row: bad }],
      );
      const mended = capture({ walks: january3, sinks: [sink], config: quarantine });
      yield* mended.result;
      assert.deepStrictEqual([...mended.rejects.values()], [[]]);
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
      assert.deepStrictEqual(
        [...rejects.values()].map((list) => list.length),
        [1],
      );
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
        companionRows: () => Effect.succeed(undefined),
      };
      const task: CaptureTask = { _tag: "Capture", partition: of, held: undefined };
      const fiber = yield* Effect.forkChild(stage(service).provide(capturePartition(task, context)));
      yield* Deferred.await(begun);
      yield* Fiber.interrupt(fiber);
      assert.strictEqual(sink.partitions.size, 0);
      assert.strictEqual(sink.ledger.size, 0);
    }),
  );
});
