/**
 * One partition, from the first request to the commit: an idempotent effect with a typed result. What schedules it need not know
 * what it does, and it does not know who schedules it.
 */
import { Capture, companionOf, now, type Partition, type Sink, type SinkError, type UsageRow } from "@segmeter/domain";
import { CallTally, isTokenRefused, makeCallTally, type SegmentClient, type SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { tell } from "./Event.ts";
import type { FlowConfig } from "./FlowConfig.ts";
import { type FlowError, flowError } from "./FlowError.ts";
import { isFatal, load } from "./Load.ts";
import { notice, periodEndOf } from "./Notice.ts";
import type { CaptureTask } from "./Plan.ts";
import { recordFailure } from "./RecordFailure.ts";
import { Rejects } from "./Rejects.ts";
import { revise } from "./Revise.ts";
import { walk, type Walked } from "./Walk.ts";

export interface CaptureContext {
  readonly runId: string;
  readonly config: FlowConfig;
  /** In the order in which they are written. */
  readonly sinks: ReadonlyArray<Sink>;
  /** The workspace's own rows of the month, for a partition of sources; waits for them if they are being captured. */
  readonly companionRows: (partition: Partition.Partition) => Effect.Effect<ReadonlyArray<UsageRow> | undefined>;
}

export interface CaptureResult {
  readonly capture: Capture.Capture;
  /** None for a partition that failed. */
  readonly rows: ReadonlyArray<UsageRow>;
  /** Held versions that this capture corrected or withdrew. */
  readonly revisions: number;
}

/** What ends the whole run: the token is refused for everything, or a sink can take nothing more. */
export type FatalError = SegmentError | SinkError;

/**
 * Never fails for the partition's own sake: what went wrong is in the capture's outcome, and in the ledger. Memory: the
 * partition's rows, fetched and held.
 */
export const capturePartition = Effect.fn("Flow.capturePartition")(function* (
  task: CaptureTask,
  context: CaptureContext,
): Effect.fn.Return<CaptureResult, FatalError, SegmentClient | Rejects> {
  const { partition } = task;
  const tally = makeCallTally(yield* CallTally);
  const walked = yield* walk(partition, context.config).pipe(Effect.provideService(CallTally, tally), Effect.result);
  const capturedAt = yield* now;

  const failed = (outcome: "forbidden" | "failed", error: SegmentError | FlowError | SinkError) =>
    Effect.map(
      recordFailure({ partition, runId: context.runId, outcome, error, tally }, context.config, context.sinks),
      (capture): CaptureResult => ({ capture, rows: [], revisions: 0 }),
    );

  const keep = (outcome: Capture.HeldOutcome, { pages, rejects, rows, warnings }: Walked) =>
    Effect.gen(function* () {
      const workspace =
        companionOf(partition.dataset) === undefined ? undefined : yield* context.companionRows(partition);
      const held = yield* heldRows(task, context.sinks);
      if (rows.length === 0 && held.length > 0) {
        const detail = `The service had ${held.length} rows before, and has none now; those are kept.`;
        return yield* failed(
          "failed",
          flowError(`capture ${partition.dataset} ${partition.month}`, "Withdrawn", detail),
        );
      }
      const revised = revise(held, rows, capturedAt);
      const capture: Capture.Capture = {
        captureId: crypto.randomUUID(),
        runId: context.runId,
        partition,
        state: Capture.stateAt(capturedAt, periodEndOf(partition.month, rows), context.config.settleDays),
        outcome,
        rows: rows.length,
        pages,
        requests: tally.requests,
        retries: tally.retries,
        warnings: [...warnings, ...notice(partition.month, rows, workspace)],
        capturedAt,
      };
      const setAside = (yield* Rejects).replace(capture, rejects);
      // Together, for a settled partition is not read again, and its rejects would be lost.
      yield* Effect.uninterruptible(Effect.andThen(load(context.sinks, { capture, rows: revised.rows }), setAside));
      yield* tell({ _tag: "PartitionCaptured", capture, revisions: revised.superseded });
      return { capture, rows: revised.rows, revisions: revised.superseded };
    }).pipe(
      Effect.catchIf(
        (error) => !isFatal(error),
        (error) => failed("failed", error),
      ),
    );

  if (Result.isSuccess(walked))
    return yield* keep(walked.success.rows.length === 0 ? "empty" : "captured", walked.success);
  const error = walked.failure;
  if (error._tag === "FlowError") return yield* failed("failed", error);
  if (isTokenRefused(error)) return yield* error;
  if (error.reason._tag === "NotFound") return yield* keep("absent", { pages: 0, rejects: [], rows: [], warnings: [] });
  return yield* failed(error.reason._tag === "Forbidden" ? "forbidden" : "failed", error);
});

/** The rows that the next capture is compared with: those of the newest capture that a sink holds. */
const heldRows = (
  { held, partition }: CaptureTask,
  sinks: ReadonlyArray<Sink>,
): Effect.Effect<ReadonlyArray<UsageRow>, SinkError> => {
  const sink = sinks.find(({ name }) => name === held?.sink);
  return sink === undefined ? Effect.succeed([]) : Effect.map(sink.read(partition), (version) => version?.rows ?? []);
};
