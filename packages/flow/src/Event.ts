/**
 * What happens during a run, told as it happens: for progress on a terminal and for JSON lines. Names are in the past tense.
 */
import type { Capture, DatasetName, Partition } from "@segmeter/domain";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type { Restatement } from "./Restate.ts";

export type FlowEvent =
  | { readonly _tag: "RunPlanned"; readonly captures: number; readonly skipped: number; readonly leastRequests: number }
  | { readonly _tag: "PageRead"; readonly partition: Partition.Partition; readonly rows: number }
  | { readonly _tag: "WalkDiscarded"; readonly partition: Partition.Partition; readonly why: string }
  | { readonly _tag: "PartitionCaptured"; readonly capture: Capture.Capture; readonly revisions: number }
  | {
      readonly _tag: "PartitionCaughtUp";
      readonly partition: Partition.Partition;
      readonly from: string;
      readonly to: string;
    }
  | { readonly _tag: "PartitionFailed"; readonly capture: Capture.Capture; readonly message: string }
  | { readonly _tag: "NamesUnread"; readonly message: string }
  /** At the end of a run, once. */
  | { readonly _tag: "FiguresRestated"; readonly restatement: Restatement }
  /** At the end of a run, once for all its partitions. */
  | { readonly _tag: "UnknownFieldsSeen"; readonly fields: ReadonlyArray<UnknownField> };

/** A field of the wire that the documentation does not know. */
export interface UnknownField {
  readonly name: string;
  readonly datasets: ReadonlyArray<DatasetName>;
}

/** Whoever wants to know provides a listener; by default nobody listens. */
export const Listener = Context.Reference<(event: FlowEvent) => Effect.Effect<void>>("@segmeter/flow/Listener", {
  defaultValue: () => () => Effect.void,
});

export const tell = (event: FlowEvent): Effect.Effect<void> => Effect.flatMap(Listener, (listen) => listen(event));
