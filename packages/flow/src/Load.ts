/**
 * Load: sinks replace the partition, one after the other, each atomically. A crash between two of them leaves the later one
 * behind; the next run brings it up from the earlier one.
 */
import { type Capture, type Partition, type Sink, type SinkError, sinkError, type SinkReason } from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** Not interruptible: what has begun is brought to its end. */
export const load = (sinks: ReadonlyArray<Sink>, captured: Capture.CapturedPartition): Effect.Effect<void, SinkError> =>
  Effect.uninterruptible(Effect.forEach(sinks, (sink) => sink.replace(captured), { discard: true }));

/** Copies a partition from the sink that has it to those that lag. */
export const catchUp = Effect.fn("Flow.catchUp")(function* (
  partition: Partition.Partition,
  from: Sink,
  to: ReadonlyArray<Sink>,
): Effect.fn.Return<Capture.Capture, SinkError> {
  const held = yield* from.read(partition);
  if (held === undefined) {
    return yield* sinkError(
      `read ${partition.dataset} ${partition.month}`,
      "Damaged",
      `The ${from.name} sink lists a capture that it does not have.`,
    );
  }
  yield* load(to, held);
  return held.capture;
});

const fatal: ReadonlySet<SinkReason> = new Set(["Full", "Unwritable", "Busy", "Foreign"]);

/** Whether a sink's failure is not the partition's: the next one would meet it too. */
export const isFatal = (error: SinkError): boolean => fatal.has(error.reason);
