/**
 * What becomes of a partition that failed: an entry in every sink's ledger, and a word to the listener. What is held of it stays.
 */
import { Capture, now, type Partition, type Sink, type SinkError, UsageMonth } from "@segmeter/domain";
import type { CallTally, SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import { tell } from "./Event.ts";
import type { FlowConfig } from "./FlowConfig.ts";
import type { FlowError } from "./FlowError.ts";

export interface Failure {
  readonly partition: Partition.Partition;
  readonly runId: string;
  readonly outcome: "forbidden" | "failed";
  readonly error: SegmentError | FlowError | SinkError;
  /** The requests that were made for it. */
  readonly tally: Pick<CallTally, "requests" | "retries">;
}

/** Returns the ledger's entry. Errors: a sink that cannot take it. */
export const recordFailure = Effect.fn("Flow.recordFailure")(function* (
  { error, outcome, partition, runId, tally }: Failure,
  config: FlowConfig,
  sinks: ReadonlyArray<Sink>,
): Effect.fn.Return<Capture.Capture, SinkError> {
  const capturedAt = yield* now;
  const gate = error._tag === "SegmentError" ? error.reason._tag : error.reason;
  const capture: Capture.Capture = {
    captureId: crypto.randomUUID(),
    runId,
    partition,
    state: Capture.stateAt(capturedAt, UsageMonth.end(partition.month), config.settleDays),
    outcome,
    rows: 0,
    pages: 0,
    requests: tally.requests,
    retries: tally.retries,
    warnings: [{ gate, message: `${error.detail} ${error.hint}` }],
    capturedAt,
  };
  yield* Effect.forEach(sinks, (sink) => sink.record(capture), { discard: true });
  yield* tell({ _tag: "PartitionFailed", capture, message: error.message });
  return capture;
});
