/**
 * A fault: something that a sink has and that is not as it should be. Found by `Sink.inspect`, told by `segmeter verify`.
 */
import type * as Effect from "effect/Effect";
import type { Capture } from "./Capture.ts";
import type { Partition } from "./Partition.ts";
import type { SinkName } from "./Sink.ts";
import type { SinkError } from "./SinkError.ts";

/**
 * - `unreadable`: a file that is torn, or none of ours
 * - `altered`: what is stored is not what was committed: rows, schema, keys or checksum differ
 * - `pending`: revisions of a capture that was not committed
 * - `astray`: what lies where it does not belong, in nobody's place
 * - `inconsistent`: rows, revisions and ledger contradict each other
 * - `leftover`: what a killed process left behind
 */
export type FaultKind = "unreadable" | "altered" | "astray" | "pending" | "inconsistent" | "leftover";

export interface Fault {
  readonly sink: SinkName;
  readonly kind: FaultKind;
  /** The file, or the table and partition. */
  readonly where: string;
  /** What is wrong, in a sentence. */
  readonly detail: string;
  /** The partition whose figures or revisions are at fault; undefined for what stands around them. */
  readonly partition?: Partition;
  /**
   * Takes what is at fault out of the way, losing nothing that can be read, so that another sink's copy can take its place; says
   * what was done in a sentence. Undefined: there is nothing to be taken away, the partition need only be replaced.
   */
  readonly clear?: Effect.Effect<string, SinkError>;
}

export interface Inspection {
  readonly faults: ReadonlyArray<Fault>;
  /** The captures of the partitions whose rows could be read; those at fault included if they are readable. */
  readonly held: ReadonlyArray<Capture>;
  /** What was looked at. */
  readonly files: number;
  readonly rows: number;
}
