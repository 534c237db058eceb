/**
 * Load: sinks replace the partition side by side, each atomically. A crash before all have leaves some behind; the next run brings
 * them up from the others.
 */
import type { Capture, Sink, SinkError, SinkReason } from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** Not interruptible: what has begun is brought to its end, in all of them, also where one fails. */
export const load = (
  sinks: ReadonlyArray<Sink>,
  captured: Capture.Handed,
  superseded: Capture.Superseded,
): Effect.Effect<void, SinkError> =>
  Effect.uninterruptible(
    Effect.forEach(sinks, (sink) => sink.replace(captured, superseded), { concurrency: "unbounded", discard: true }),
  );

const fatal: ReadonlySet<SinkReason> = new Set(["Full", "Unwritable", "Busy", "Foreign"]);

/** Whether a sink's failure is not the partition's: the next one would meet it too. */
export const isFatal = (error: SinkError): boolean => fatal.has(error.reason);
