import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { type CaptureContext, capturePartition, type FlowConfig } from "../src/index.ts";
import type { CaptureTask } from "../src/Plan.ts";
import {
  captureOf,
  config,
  gatesOf,
  heldIn,
  memorySink,
  partition,
  rejectsIn,
  type RejectStore,
  replacing,
  scripted,
  stage,
  wireMtu,
} from "./Setting.ts";
import { of, capture, ledgerOf, january3, failing } from "./CaptureSetting.ts";

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
