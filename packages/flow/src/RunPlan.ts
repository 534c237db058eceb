/**
 * Carries a plan out: its tasks side by side, in order of their start. The fiber pool is here; what one task does is not.
 */
import {
  Capture,
  companionOf,
  type DatasetName,
  Partition,
  type Run,
  type SinkError,
  type UsageRow,
  usageRowsOf,
  usageTableOf,
} from "@segmeter/domain";
import { makeCallTally, type SegmentClient, type SegmentError } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import { type CaptureContext, capturePartition, type CaptureResult, type FatalError } from "./CapturePartition.ts";
import { tell, type UnknownField } from "./Event.ts";
import type { FlowConfig } from "./FlowConfig.ts";
import { makeIdleGate } from "./Idle.ts";
import { level, type Party } from "./Level.ts";
import { isFatal } from "./Load.ts";
import type { CaptureTask, CatchUpTask, Plan } from "./Plan.ts";
import { recordFailure } from "./RecordFailure.ts";
import type { Rejects } from "./Rejects.ts";
import type { Restatement } from "./Restate.ts";

/** What a run did so far; requests, retries and waiting are the client's to tell. */
export type Progress = {
  -readonly [Name in keyof Omit<Run.RunTotals, "requests" | "retries" | "throttledMs">]: number;
};

export const makeProgress = (): Progress => ({
  captured: 0,
  skipped: 0,
  empty: 0,
  absent: 0,
  failed: 0,
  rows: 0,
  revisions: 0,
});

/** What a run is to tell at its end. */
export interface Findings {
  readonly restatements: Array<Restatement>;
  /** By name, the datasets that they were seen in. */
  readonly unknownFields: Map<string, Set<DatasetName>>;
}

export const makeFindings = (): Findings => ({ restatements: [], unknownFields: new Map() });

/** Tells what was found, restatements by month. */
export const tellFindings = ({ restatements, unknownFields }: Findings): Effect.Effect<void> =>
  Effect.gen(function* () {
    const fields = [...unknownFields].map(([name, datasets]): UnknownField => ({
      name,
      datasets: [...datasets].sort(),
    }));
    if (fields.length > 0)
      yield* tell({ _tag: "UnknownFieldsSeen", fields: fields.sort((a, b) => (a.name < b.name ? -1 : 1)) });
    const order = ({ partition }: Restatement) => `${partition.month} ${partition.dataset}`;
    yield* Effect.forEach(
      restatements.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)),
      (restatement) => tell({ _tag: "FiguresRestated", restatement }),
      { discard: true },
    );
  });

export interface RunRequest {
  readonly plan: Plan;
  readonly runId: string;
  readonly config: FlowConfig;
  /** The sinks, in the order in which they are written, with their books. */
  readonly parties: ReadonlyArray<Party>;
  /** Counted up as partitions end, so that an interrupted run can tell what it did. */
  readonly progress: Progress;
  readonly findings: Findings;
  /** Waited for before anything is written. */
  readonly booked: Effect.Effect<void, SinkError>;
}

/** Memory: the rows of twice `concurrency` partitions, by column, and the rows of the workspace itself, some thirty a month. */
export const runPlan = Effect.fn("Flow.runPlan")(function* ({
  booked,
  config,
  findings,
  parties,
  plan,
  progress,
  runId,
}: RunRequest): Effect.fn.Return<void, FatalError, SegmentClient | Rejects> {
  progress.skipped += plan.skipped;
  const sinks = parties.map(({ sink }) => sink);
  const companions = yield* makeCompanions(plan, sinks);
  // A token that is refused ends all walks, and lets what has been walked be written.
  const refused = yield* Deferred.make<never, SegmentError>();
  const unlessRefused = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SegmentError, R> =>
    Effect.raceFirst(effect, Deferred.await(refused));
  const walkUnlessRefused: CaptureContext["walking"] = (walk) =>
    Effect.suspend(() => (Deferred.isDoneUnsafe(refused) ? Deferred.await(refused) : unlessRefused(walk)));
  const permits = yield* Semaphore.make(config.concurrency);
  const hasTime = yield* makeIdleGate();
  const context: CaptureContext = {
    runId,
    config,
    sinks,
    parties,
    booked,
    walking: (walk) => permits.withPermits(1)(Effect.andThen(hasTime, walkUnlessRefused(walk))),
    companionRows: (partition) => unlessRefused(companions.rowsFor(partition)),
  };

  const count = ({ capture, restatement, revisions, unknownFields }: CaptureResult) =>
    Effect.sync(() => {
      if (restatement !== undefined) findings.restatements.push(restatement);
      for (const name of unknownFields) {
        const seen = findings.unknownFields.get(name) ?? new Set();
        findings.unknownFields.set(name, seen.add(capture.partition.dataset));
      }
      progress[capture.outcome === "forbidden" ? "failed" : capture.outcome]++;
      progress.rows += capture.rows;
      progress.revisions += revisions;
    });

  const capture = (task: CaptureTask) =>
    capturePartition(task, context).pipe(
      Effect.tap(count),
      Effect.tap(companions.arrived),
      Effect.catchIf(
        (error): error is SegmentError => error._tag === "SegmentError",
        (error) => Deferred.fail(refused, error),
      ),
    );
  yield* Effect.forEach(
    plan.tasks,
    (task) =>
      Effect.suspend((): Effect.Effect<unknown, SinkError, SegmentClient | Rejects> => {
        if (Deferred.isDoneUnsafe(refused)) return Effect.void;
        return task._tag === "CatchUp" ? bringUp(task, context, progress) : capture(task);
      }),
    // While some are written others are walked: else both the service and the sinks would stand idle in turn.
    { concurrency: config.concurrency * 2, discard: true },
  );
  if (Deferred.isDoneUnsafe(refused)) return yield* Deferred.await(refused);
});

/** A sink that cannot take a partition, or give it, fails that partition and no other. */
const bringUp = (
  { from, partition, to }: CatchUpTask,
  { booked, config, parties, runId, sinks }: CaptureContext,
  progress: Progress,
) =>
  Effect.gen(function* () {
    yield* booked;
    yield* level(partition, parties);
    yield* tell({ _tag: "PartitionCaughtUp", partition, from, to: to.join(", ") });
    progress.skipped++;
  }).pipe(
    Effect.catchIf(
      (error) => !isFatal(error),
      (error) =>
        Effect.map(
          recordFailure({ partition, runId, outcome: "failed", error, tally: makeCallTally() }, config, sinks),
          () => {
            progress.failed++;
          },
        ),
    ),
  );

/**
 * The workspace's own rows, for those who hold sources against them. A workspace's partition comes before its sources' in every
 * plan, so it has begun when they wait for it, and nothing waits in a circle.
 */
const makeCompanions = (plan: Plan, sinks: CaptureContext["sinks"]) =>
  Effect.gen(function* () {
    const awaited = new Map<string, Deferred.Deferred<ReadonlyArray<UsageRow> | undefined>>();
    for (const task of plan.tasks) {
      if (task._tag === "Capture" && companionOf(task.partition.dataset) === undefined) {
        awaited.set(Partition.label(task.partition), yield* Deferred.make<ReadonlyArray<UsageRow> | undefined>());
      }
    }
    const held = (partition: Partition.Partition) =>
      Effect.gen(function* () {
        for (const sink of sinks) {
          const version = yield* Effect.orElseSucceed(sink.read(partition), () => undefined);
          if (version !== undefined) return usageRowsOf(usageTableOf(partition), version.rows);
        }
        return undefined;
      });
    return {
      /** A partition that failed has no rows of its own; older ones may be held. */
      arrived: ({ capture, rows }: CaptureResult) =>
        Effect.suspend(() => {
          const deferred = awaited.get(Partition.label(capture.partition));
          return deferred === undefined
            ? Effect.void
            : Deferred.succeed(deferred, Capture.isHeld(capture) ? rows : undefined);
        }),
      rowsFor: (partition: Partition.Partition) =>
        Effect.gen(function* () {
          const dataset = companionOf(partition.dataset);
          if (dataset === undefined) return undefined;
          const companion = { ...partition, dataset };
          const deferred = awaited.get(Partition.label(companion));
          return (deferred === undefined ? undefined : yield* Deferred.await(deferred)) ?? (yield* held(companion));
        }),
    };
  });
