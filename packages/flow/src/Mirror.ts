/**
 * Mirror: everything that one sink has, in another that is empty: figures with their whole history, the ledger, runs and names.
 */
import type { Sink, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { copyTo, knownOf } from "./Level.ts";

/** Returns the number of partitions. Memory: one partition with its revisions, and the books. Errors: those of the sinks. */
export const mirror = Effect.fn("Flow.mirror")(function* (from: Sink, to: Sink): Effect.fn.Return<number, SinkError> {
  let partitions = 0;
  for (const workspaceId of yield* from.workspaceIds) {
    const books = yield* from.books(workspaceId);
    for (const { partition } of yield* from.held(workspaceId)) {
      const known = yield* knownOf({ sink: from, books }, partition);
      if (known === undefined) continue;
      yield* copyTo(to, known);
      partitions++;
    }
    yield* to.addBooks(workspaceId, books);
  }
  return partitions;
});
