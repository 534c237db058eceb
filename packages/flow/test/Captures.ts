/**
 * Captures of API calls made straight into sinks in memory, by what a run would do, with no service and no clock.
 */
import type { MemorySink, Partition, UsageRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { captureOf, heldIn, instant, partition, workspaceCalls, reviseRows } from "./Setting.ts";

export const calls = partition("workspace-api-calls");
export const earlierCalls = partition("workspace-api-calls", "2023-12");

/** The capture with the number n is made n microseconds later. */
export const start = instant("2024-02-01");

/** `figures`: of the first days, in order; each sink compares them with what it holds. */
export const captureInto = (
  sinks: ReadonlyArray<MemorySink>,
  number: number,
  figures: ReadonlyArray<bigint>,
  of: Partition.Partition = calls,
) =>
  Effect.forEach(
    sinks,
    (sink) => {
      const held = heldIn(sink, of);
      const capturedAt = start + number;
      const fetched = figures.map((figure, index): UsageRow => workspaceCalls(index + 1, { api_calls: figure }));
      const { rows, superseded } = reviseRows(held?.rows ?? [], fetched, capturedAt);
      return sink.replace(
        { capture: captureOf(of, { captureId: `c${number}`, capturedAt, rows: rows.length }), rows },
        { since: held?.capture.capturedAt ?? 0, revisions: superseded, captures: [] },
      );
    },
    { discard: true },
  );

/** What a sink holds, whatever order it was entered in. */
export const contentOf = ({
  ledger,
  partitions,
  superseded,
}: MemorySink): Pick<MemorySink, "ledger" | "partitions" | "superseded"> => ({
  partitions: new Map(partitions),
  superseded: new Map(superseded),
  ledger: new Map([...ledger].sort(([a], [b]) => (a < b ? -1 : 1))),
});
