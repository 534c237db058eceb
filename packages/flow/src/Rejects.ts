/**
 * The port for rows that were set aside: they broke the contract, and `--bad-rows quarantine` let the rest pass.
 */
import type { Capture, SinkError } from "@segmeter/domain";
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";

export interface Reject {
  /** From 1. */
  readonly page: number;
  /** In the page, from 1. */
  readonly position: number;
  readonly reason: string;
  /** As sent. */
  readonly row: unknown;
}

export class Rejects extends Context.Service<
  Rejects,
  {
    /** Replaces the rejects of the capture's partition; with none, clears them. */
    readonly replace: (capture: Capture.Capture, rejects: ReadonlyArray<Reject>) => Effect.Effect<void, SinkError>;
  }
>()("@segmeter/flow/Rejects") {}
