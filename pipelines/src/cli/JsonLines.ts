/**
 * What a run does, as JSON lines on stdout: one object a line, in camelCase, the last `run-finished`.
 */
import type { Capture, Partition } from "@segmeter/domain";
import type { FlowEvent } from "@segmeter/flow";
import type { CaptureRunResult } from "../CaptureRun.ts";
import { restatedFields } from "./RestatementWords.ts";

const place = ({ dataset, month, workspaceId }: Partition.Partition) => ({ workspaceId, dataset, usageMonth: month });

const captureFields = (capture: Capture.Capture) => ({
  ...place(capture.partition),
  captureId: capture.captureId,
  outcome: capture.outcome,
  state: capture.state,
  rows: capture.rows,
  pages: capture.pages,
  requests: capture.requests,
  retries: capture.retries,
  warnings: capture.warnings,
});

/** The line of an event, or undefined for one that is progress only. */
export const lineOf = (event: FlowEvent): object | undefined => {
  switch (event._tag) {
    case "RunPlanned":
      return {
        event: "run-planned",
        captures: event.captures,
        skipped: event.skipped,
        leastCalls: event.leastRequests,
      };
    case "PageRead":
      return undefined;
    case "WalkDiscarded":
      return { event: "walk-discarded", ...place(event.partition), why: event.why };
    case "PartitionCaptured":
      return { event: "partition-captured", ...captureFields(event.capture), revisions: event.revisions };
    case "PartitionCaughtUp":
      return { event: "partition-caught-up", ...place(event.partition), from: event.from, to: event.to };
    case "PartitionFailed":
      return { event: "partition-failed", ...captureFields(event.capture), message: event.message };
    case "NamesUnread":
      return { event: "names-unread", message: event.message };
    case "UnknownFieldsSeen":
      return { event: "unknown-fields-seen", fields: event.fields };
    case "FiguresRestated":
      return { event: "figures-restated", ...restatedFields(event.restatement) };
  }
};

export const finishedLine = ({ runId, totals }: CaptureRunResult): object => ({
  event: "run-finished",
  runId,
  captured: totals.captured,
  skipped: totals.skipped,
  empty: totals.empty,
  absent: totals.absent,
  failed: totals.failed,
  rows: totals.rows,
  requests: totals.requests,
  retries: totals.retries,
  throttledMs: totals.throttledMs,
  revisions: totals.revisions,
});
