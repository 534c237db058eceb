/**
 * One partition, from the first request to the commit: an idempotent effect with a typed result. What schedules it need not know
 * what it does, and it does not know who schedules it.
 */
import {
  byColumn,
  Capture,
  type Columns,
  columnsOf,
  companionOf,
  datasetOf,
  Instant,
  now,
  type Partition,
  type Sink,
  type SinkError,
  type Table,
  type UsageRow,
  usageRowsOf,
  usageTableOf,
} from "@segmeter/domain";
import {
  CallTally,
  clockSkew,
  isTokenRefused,
  makeCallTally,
  SegmentClient,
  type SegmentError,
} from "@segmeter/segment";
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
import { type Reject, Rejects } from "./Rejects.ts";
import { type Restatement, restatementOf } from "./Restate.ts";
import { momentAfter, revise } from "./Revise.ts";
import { walk, type Walked } from "./Walk.ts";

export interface CaptureContext {
  readonly runId: string;
  readonly config: FlowConfig;
  /** In the order in which they are written. */
  readonly sinks: ReadonlyArray<Sink>;
  /** The same, with their books as the run found them. */
  readonly parties: ReadonlyArray<Party>;
  /** Waited for before anything is written. */
  readonly booked: Effect.Effect<void, SinkError>;
  /** Bounds how many partitions are walked at once; those that are written meanwhile do not count. */
  readonly walking: <A, E, R>(walk: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SegmentError, R>;
  /** The workspace's own rows of the month, for a partition of sources; waits for them if they are being captured. */
  readonly companionRows: (
    partition: Partition.Partition,
  ) => Effect.Effect<ReadonlyArray<UsageRow> | undefined, SegmentError>;
}

export interface CaptureResult {
  readonly capture: Capture.Capture;
  /**
   * The workspace's own, for those that hold its sources against them; none of sources, and none for a partition that failed.
   */
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

/** What is to be committed. */
interface Prepared {
  readonly capture: Capture.Capture;
  readonly rows: Columns;
  readonly unchangedFrom: string | undefined;
  readonly superseded: Capture.Superseded;
  readonly rejects: ReadonlyArray<Reject>;
  readonly restatement: Restatement | undefined;
  readonly unknownFields: ReadonlyArray<string>;
  /** The workspace's own. */
  readonly figures: ReadonlyArray<UsageRow>;
}

type Failed = { readonly outcome: "forbidden" | "failed"; readonly error: SegmentError | FlowError | SinkError };

/**
 * Never fails for the partition's own sake: what went wrong is in the capture's outcome, and in the ledger. Memory: about 90
 * bytes a row, fetched and held.
 */
export const capturePartition = Effect.fn("Flow.capturePartition")(function* (
  task: CaptureTask,
  context: CaptureContext,
): Effect.fn.Return<CaptureResult, FatalError, SegmentClient | Rejects> {
  const tally = makeCallTally(yield* CallTally);
  const failed = ({ error, outcome }: Failed) =>
    Effect.map(
      Effect.andThen(
        context.booked,
        recordFailure(
          { partition: task.partition, runId: context.runId, outcome, error, tally },
          context.config,
          context.sinks,
        ),
      ),
      (capture): CaptureResult => ({ capture, rows: [], revisions: 0, restatement: undefined, unknownFields: [] }),
    );
  const result = yield* prepare(task, context, tally).pipe(
    Effect.flatMap((prepared): Effect.Effect<CaptureResult | Failed, SinkError, Rejects> =>
      "error" in prepared ? Effect.succeed(prepared) : commit(prepared, context),
    ),
    Effect.catchIf(
      (error): error is SinkError => error._tag === "SinkError" && !isFatal(error),
      (error): Effect.Effect<Failed> => Effect.succeed({ outcome: "failed", error }),
    ),
  );
  return "error" in result ? yield* failed(result) : result;
});

/** From the first request to what there is to commit. */
const prepare = Effect.fnUntraced(function* (
  task: CaptureTask,
  context: CaptureContext,
  tally: CallTally,
): Effect.fn.Return<Prepared | Failed, FatalError, SegmentClient> {
  const { partition } = task;
  // Read while the pages come; what has to be levelled first waits until there is something to compare it with.
  const reading = task.isUneven ? undefined : yield* Effect.forkChild(heldVersion(task, context));
  const walked = yield* walk(partition, context.config).pipe(
    Effect.provideService(CallTally, tally),
    context.walking,
    Effect.result,
  );
  if (Result.isFailure(walked)) {
    const error = walked.failure;
    if (error._tag === "FlowError") return { outcome: "failed", error };
    if (isTokenRefused(error)) return yield* error;
    if (error.reason._tag !== "NotFound") {
      return { outcome: error.reason._tag === "Forbidden" ? "forbidden" : "failed", error };
    }
  }
  const table = usageTableOf(partition);
  const { pages, rejects, rows, unknownFields, warnings } = Result.isSuccess(walked) ? walked.success : absent(table);
  const outcome = Result.isFailure(walked) ? "absent" : rows.length === 0 ? "empty" : "captured";

  const companion = companionOf(partition.dataset);
  const workspace = companion === undefined ? undefined : yield* context.companionRows(partition);
  const held = yield* reading === undefined ? heldVersion(task, context) : Fiber.join(reading);
  const present = yield* now;
  // What is settled is not read again, so a clock that is ahead must not settle what the service still counts.
  const ahead = Math.max(0, clockSkew(yield* (yield* SegmentClient).serviceClock));
  const settling = present - Instant.fromMillis(ahead);
  const capturedAt = momentAfter(present, held?.capture);
  const known = yield* byColumn(table, held?.rows ?? []);
  const revised = revise(table, known, rows, capturedAt);
  const isWithdrawn = rows.length === 0 && revised.superseded.length > 0;
  const capture: Capture.Capture = {
    captureId: crypto.randomUUID(),
    runId: context.runId,
    partition,
    // A month that vanished is looked at once more before it is taken as final.
    state: isWithdrawn ? "open" : Capture.stateAt(settling, periodEndOf(partition, rows), context.config.settleDays),
    outcome,
    rows: rows.length,
    pages,
    requests: tally.requests,
    retries: tally.retries,
    warnings: [
      ...warnings,
      ...(isWithdrawn ? [withdrawal(partition, revised.superseded.length)] : []),
      ...notice(partition, rows, workspace),
    ],
    capturedAt,
  };
  return {
    capture,
    rows: revised.rows,
    unchangedFrom: revised.isUnchanged ? held?.capture.captureId : undefined,
    // Where nothing is held nothing is superseded, and revisions that a lost file left behind stay.
    superseded: {
      since: held?.capture.capturedAt ?? Number.MAX_SAFE_INTEGER,
      revisions: revised.superseded,
      captures: [],
    },
    rejects,
    restatement:
      revised.superseded.length === 0
        ? undefined
        : restatementOf(partition, usageRowsOf(table, known), usageRowsOf(table, revised.rows), revised.superseded),
    unknownFields,
    figures: companion === undefined ? usageRowsOf(table, revised.rows) : [],
  };
});

const commit = Effect.fnUntraced(function* (
  { capture, figures, rejects, restatement, rows, superseded, unchangedFrom, unknownFields }: Prepared,
  { booked, sinks }: CaptureContext,
): Effect.fn.Return<CaptureResult, SinkError, Rejects> {
  const setAside = yield* Rejects;
  yield* booked;
  // Together, for a settled partition is not read again, and its rejects would be lost.
  yield* setAside
    .keep(capture, rejects)
    .pipe(
      Effect.andThen(load(sinks, { capture, rows, unchangedFrom }, superseded)),
      Effect.andThen(setAside.settle(capture)),
      Effect.uninterruptible,
    );
  const revisions = superseded.revisions.length;
  yield* tell({ _tag: "PartitionCaptured", capture, revisions });
  return { capture, rows: figures, revisions, restatement, unknownFields };
});

/** A 404, as a walk. */
const absent = (table: Table): Walked => ({
  pages: 0,
  rejects: [],
  rows: columnsOf(table, []),
  warnings: [],
  unknownFields: [],
});

/** What the next capture is compared with: the newest that a sink holds, once all sinks hold it. */
const heldVersion = (
  { held, isUneven, partition }: CaptureTask,
  { booked, parties, sinks }: CaptureContext,
): Effect.Effect<Capture.Handed | undefined, SinkError> =>
  Effect.gen(function* () {
    if (isUneven) {
      yield* booked;
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
