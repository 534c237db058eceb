/**
 * Recheck: a held partition against what the service says of it now. Nothing is written.
 */
import { type Capture, columnsOf, type Instant, type Partition, usageRowsOf, usageTableOf } from "@segmeter/domain";
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
  held: Capture.Handed["rows"],
  config: FlowConfig,
): Effect.fn.Return<Rechecked, SegmentError | FlowError, SegmentClient> {
  const table = usageTableOf(partition);
  const rows = yield* walk(partition, config).pipe(
    Effect.map((walked) => walked.rows),
    Effect.catchIf(
      (error) => error._tag === "SegmentError" && error.reason._tag === "NotFound",
      () => Effect.succeed(columnsOf(table, [])),
    ),
  );
  const later: Instant.EpochMicros = Number.MAX_SAFE_INTEGER;
  const revised = revise(table, columnsOf(table, held), rows, later);
  const standing = usageRowsOf(table, revised.rows);
  const restatement = restatementOf(partition, usageRowsOf(table, held), standing, revised.superseded);
  const corrected = restatement?.corrected ?? 0;
  const added = standing.filter((row) => row.observed_at === later).length - corrected;
  return { partition, added, restatement };
});
