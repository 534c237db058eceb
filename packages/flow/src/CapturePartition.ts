/**
 * One partition, from the first request to the commit: an idempotent effect with a typed result. What schedules it need not know
 * what it does, and it does not know who schedules it.
 */
import {
  Capture,
  type Columns,
  companionOf,
  datasetOf,
  now,
  type Partition,
  type Sink,
  type SinkError,
  type UsageRow,
} from "@segmeter/domain";
import { CallTally, isTokenRefused, makeCallTally, type SegmentClient, type SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Result from "effect/Result";
import { tell } from "./Event.ts";
import type { FlowConfig } from "./FlowConfig.ts";
import type { FlowError } from "./FlowError.ts";
import { level, type Party } from "./Level.ts";
import { isFatal, load } from "./Load.ts";
import { notice, periodEndOf } from "./Notice.ts";
import type { CaptureTask } from "./Plan.ts";
import { recordFailure } from "./RecordFailure.ts";
import { Rejects } from "./Rejects.ts";
import { type Restatement, restatementOf } from "./Restate.ts";
import { firstObserved, momentAfter, revise } from "./Revise.ts";
import { walk, type Walked } from "./Walk.ts";

export interface CaptureContext {
  readonly runId: string;
  readonly config: FlowConfig;
  /** In the order in which they are written. */
  readonly sinks: ReadonlyArray<Sink>;
  /** The same, with their books as the run found them. */
  readonly parties: ReadonlyArray<Party>;
  /** The workspace's own rows of the month, for a partition of sources; waits for them if they are being captured. */
  readonly companionRows: (partition: Partition.Partition) => Effect.Effect<ReadonlyArray<UsageRow> | undefined>;
}

export interface CaptureResult {
  readonly capture: Capture.Capture;
  /** None for a partition that failed. `observed_at` may be 0, which stands for the capture's own moment. */
  readonly rows: ReadonlyArray<UsageRow>;
  /** Held versions that this capture corrected or withdrew. */
  readonly revisions: number;
  /** Undefined where there are none. */
  readonly restatement: Restatement | undefined;
  /** Names of fields that the documentation does not know. */
  readonly unknownFields: ReadonlyArray<string>;
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
  // Read while the pages come; what has to be levelled first waits until there is something to compare it with.
  const reading = task.isUneven ? undefined : yield* Effect.forkChild(heldVersion(task, context));
  const walked = yield* walk(partition, context.config).pipe(Effect.provideService(CallTally, tally), Effect.result);
  const failed = (outcome: "forbidden" | "failed", error: SegmentError | FlowError | SinkError) =>
    Effect.map(
      recordFailure({ partition, runId: context.runId, outcome, error, tally }, context.config, context.sinks),
      (capture): CaptureResult => ({ capture, rows: [], revisions: 0, restatement: undefined, unknownFields: [] }),
    );

  const keep = (outcome: Capture.HeldOutcome, { pages, rejects, rows, unknownFields, warnings }: Walked) =>
    Effect.gen(function* () {
      const workspace =
        companionOf(partition.dataset) === undefined ? undefined : yield* context.companionRows(partition);
      const held = yield* reading === undefined ? heldVersion(task, context) : Fiber.join(reading);
      const present = yield* now;
      const capturedAt = momentAfter(present, held?.capture);
      const isFirst = held === undefined || held.rows.length === 0;
      const revised = isFirst ? { rows, superseded: [] } : revise(held.rows, rows, capturedAt);
      const handed = isFirst ? yield* allFirstObserved(partition, rows, capturedAt) : revised.rows;
      const isWithdrawn = rows.length === 0 && revised.superseded.length > 0;
      const capture: Capture.Capture = {
        captureId: crypto.randomUUID(),
        runId: context.runId,
        partition,
        // A month that vanished is looked at once more before it is taken as final.
        state: isWithdrawn
          ? "open"
          : Capture.stateAt(present, periodEndOf(partition.month, rows), context.config.settleDays),
        outcome,
        rows: rows.length,
        pages,
        requests: tally.requests,
        retries: tally.retries,
        warnings: [
          ...warnings,
          ...(isWithdrawn ? [withdrawal(partition, revised.superseded.length)] : []),
          ...notice(partition.month, rows, workspace),
        ],
        capturedAt,
      };
      // Where nothing is held nothing is superseded, and revisions that a lost file left behind stay.
      const since = held?.capture.capturedAt ?? Number.MAX_SAFE_INTEGER;
      const superseded = { since, revisions: revised.superseded, captures: [] };
      const setAside = yield* Rejects;
      // Together, for a settled partition is not read again, and its rejects would be lost.
      yield* setAside
        .keep(capture, rejects)
        .pipe(
          Effect.andThen(load(context.sinks, { capture, rows: handed }, superseded)),
          Effect.andThen(setAside.settle(capture)),
          Effect.uninterruptible,
        );
      const restatement = restatementOf(partition, held?.rows ?? [], revised.rows, revised.superseded);
      const revisions = revised.superseded.length;
      yield* tell({ _tag: "PartitionCaptured", capture, revisions });
      return { capture, rows: revised.rows, revisions, restatement, unknownFields };
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
  if (error.reason._tag === "NotFound") return yield* keep("absent", absence);
  return yield* failed(error.reason._tag === "Forbidden" ? "forbidden" : "failed", error);
});

const allFirstObserved = (...given: Parameters<typeof firstObserved>): Effect.Effect<Columns, SinkError> =>
  Effect.try({ try: () => firstObserved(...given), catch: (cause) => cause as SinkError });

/** A 404, as a walk. */
const absence: Walked = { pages: 0, rejects: [], rows: [], warnings: [], unknownFields: [] };

/** What the next capture is compared with: the newest that a sink holds, once all sinks hold it. */
const heldVersion = (
  { held, isUneven, partition }: CaptureTask,
  { parties, sinks }: CaptureContext,
): Effect.Effect<Capture.CapturedPartition | undefined, SinkError> =>
  Effect.gen(function* () {
    if (isUneven) {
      const { known, to } = yield* level(partition, parties);
      yield* tell({ _tag: "PartitionCaughtUp", partition, from: held!.sink, to: to.join(", ") });
      return known.history;
    }
    const sink = sinks.find(({ name }) => name === held?.sink);
    return sink === undefined ? undefined : yield* sink.read(partition);
  });

const withdrawal = ({ dataset }: Partition.Partition, rows: number): Capture.Warning => ({
  gate: "withdrawn",
  message: `The service has no rows any more; the ${rows} that it had are in ${datasetOf(dataset).table}_revisions.`,
});
