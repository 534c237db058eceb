/**
 * Recheck: a held partition against what the service says of it now. Nothing is written.
 */
import { type Instant, type Partition, type UsageRow, usageRowsOf, usageTableOf } from "@segmeter/domain";
import type { SegmentClient, SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import type { FlowConfig } from "./FlowConfig.ts";
import type { FlowError } from "./FlowError.ts";
import { type Restatement, restatementOf } from "./Restate.ts";
import { revise } from "./Revise.ts";
import { walk } from "./Walk.ts";

export interface Rechecked {
  readonly partition: Partition.Partition;
  /** Rows that the service has and that are not held. */
  readonly added: number;
  /** Undefined where no held row is corrected or withdrawn. */
  readonly restatement: Restatement | undefined;
}

/** Memory: the partition. Errors: those of the walk; a 404 is a month without rows. */
export const recheck = Effect.fn("Flow.recheck")(function* (
  partition: Partition.Partition,
  held: ReadonlyArray<UsageRow>,
  config: FlowConfig,
): Effect.fn.Return<Rechecked, SegmentError | FlowError, SegmentClient> {
  const rows = yield* walk(partition, config).pipe(
    Effect.map((walked) => usageRowsOf(usageTableOf(partition), walked.rows)),
    Effect.catchIf(
      (error) => error._tag === "SegmentError" && error.reason._tag === "NotFound",
      () => Effect.succeed<ReadonlyArray<UsageRow>>([]),
    ),
  );
  const later: Instant.EpochMicros = Number.MAX_SAFE_INTEGER;
  const revised = revise(held, rows, later);
  const restatement = restatementOf(partition, held, rows, revised.superseded);
  const corrected = restatement?.corrected ?? 0;
  const added = revised.rows.filter((row) => row.observed_at === later).length - corrected;
  return { partition, added, restatement };
});
