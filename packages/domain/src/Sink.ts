/**
 * The sink port: where captures are kept. A sink is its own ledger; what it says it holds is what the next run skips.
 *
 * Every sink keeps to the same contract, and one suite of tests holds them all to it:
 * - `replace` is atomic: a reader, and a process killed at any point, sees the old capture or the new one
 * - `replace` twice with the same capture equals once
 * - a failed `replace` changes nothing
 * - counts come back as the bigint that went in
 * - partitions without rows (`empty`, `absent`) are held like any other
 */
import type * as Effect from "effect/Effect";
import type { Capture, CapturedPartition } from "./Capture.ts";
import type { Names } from "./Name.ts";
import type { Partition } from "./Partition.ts";
import type { Run } from "./Run.ts";
import type { SinkError } from "./SinkError.ts";

export type SinkName = "parquet" | "duckdb" | "memory";

export interface Sink {
  readonly name: SinkName;

  /**
   * The capture that is held of each partition of a workspace. Shape: one per partition, in no order; outcomes `captured`,
   * `empty` and `absent` only.
   */
  readonly held: (workspaceId: string) => Effect.Effect<ReadonlyArray<Capture>, SinkError>;

  /** The held partition with its rows in key order, or undefined. Memory: the partition. */
  readonly read: (partition: Partition) => Effect.Effect<CapturedPartition | undefined, SinkError>;

  /** Replaces a partition, and adds the capture to the ledger, all or nothing. May be called for several partitions at once. */
  readonly replace: (captured: CapturedPartition) => Effect.Effect<void, SinkError>;

  /** Adds a capture that has no rows to keep (`forbidden`, `failed`) to the ledger; what is held stays. */
  readonly record: (capture: Capture) => Effect.Effect<void, SinkError>;

  /** The whole ledger, failed captures included, ordered by `capturedAt`. All workspaces when none is named. */
  readonly captures: (workspaceId?: string) => Effect.Effect<ReadonlyArray<Capture>, SinkError>;

  /** Merges names into `workspaces` and `sources`. */
  readonly saveNames: (names: Names) => Effect.Effect<void, SinkError>;

  /** Adds the run to `runs`, or updates it. */
  readonly saveRun: (run: Run) => Effect.Effect<void, SinkError>;
}
