/**
 * The port for rows that were set aside: they broke the contract, and `--bad-rows quarantine` let the rest pass.
 *
 * They are kept before their capture is committed, and those of earlier captures go after it: a process that is killed in
 * between leaves more than there should be, never less, and the next run sweeps it.
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
    /** Keeps the rejects of a capture that is about to be committed, beside those of earlier ones of its partition. */
    readonly keep: (capture: Capture.Capture, rejects: ReadonlyArray<Reject>) => Effect.Effect<void, SinkError>;
    /** Removes the rejects of all captures of its partition but this one. */
    readonly settle: (capture: Capture.Capture) => Effect.Effect<void, SinkError>;
    /** Removes what belongs to none of the held captures of a workspace: what a killed process, or a full disk, left behind. */
    readonly sweep: (workspaceId: string, held: ReadonlyArray<Capture.Capture>) => Effect.Effect<void, SinkError>;
  }
>()("@segmeter/flow/Rejects") {}
