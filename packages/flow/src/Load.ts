/**
 * Load: sinks replace the partition, one after the other, each atomically. A crash between two of them leaves the later one
 * behind; the next run brings it up from the earlier one.
 */
import type { Capture, Sink, SinkError, SinkReason } from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** Not interruptible: what has begun is brought to its end. */
export const load = (
  sinks: ReadonlyArray<Sink>,
  captured: Capture.Handed,
  superseded: Capture.Superseded,
): Effect.Effect<void, SinkError> =>
  Effect.uninterruptible(Effect.forEach(sinks, (sink) => sink.replace(captured, superseded), { discard: true }));

const fatal: ReadonlySet<SinkReason> = new Set(["Full", "Unwritable", "Busy", "Foreign"]);

/** Whether a sink's failure is not the partition's: the next one would meet it too. */
export const isFatal = (error: SinkError): boolean => fatal.has(error.reason);
