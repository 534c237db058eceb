/**
 * The sink port: where captures are kept. A sink is its own ledger; what it says it holds is what the next run skips.
 *
 * Every sink keeps to the same contract, and one suite of tests holds them all to it:
 * - `replace` is atomic: a reader, and a process killed at any point, sees the old capture or the new one
 * - `replace` twice with the same capture equals once
 * - a failed `replace` changes nothing
 * - rows and revisions of a partition change together
 * - counts come back as the bigint that went in
 * - partitions without rows (`empty`, `absent`) are held like any other
 */
import type * as Effect from "effect/Effect";
import type { Books } from "./Books.ts";
import type { Capture, Handed, Superseded } from "./Capture.ts";
import type { Inspection } from "./Fault.ts";
import type { Names } from "./Name.ts";
import type { Partition } from "./Partition.ts";
import type { Run } from "./Run.ts";
import type { SinkError } from "./SinkError.ts";
import type { Revision } from "./Table.ts";

export type SinkName = "parquet" | "duckdb" | "memory";

export interface Sink {
  readonly name: SinkName;

  /**
   * The capture that is held of each partition of a workspace. Shape: one per partition, in no order; outcomes `captured`,
   * `empty` and `absent` only.
   */
  readonly held: (workspaceId: string) => Effect.Effect<ReadonlyArray<Capture>, SinkError>;

  /** The held partition with its rows in key order, by row or by column, or undefined. Memory: the partition. */
  readonly read: (partition: Partition) => Effect.Effect<Handed | undefined, SinkError>;

  /** The superseded versions of a partition's rows, in the order of `byVersion`. Memory: all of them. */
  readonly revisions: (partition: Partition) => Effect.Effect<ReadonlyArray<Revision>, SinkError>;

  /**
   * Replaces a partition, and adds the capture to the ledger, all or nothing. May be called for several partitions at once.
   * `superseded` says what becomes of the partition's revisions; by default they stay as they are.
   */
  readonly replace: (captured: Handed, superseded?: Superseded) => Effect.Effect<void, SinkError>;

  /** Adds a capture that has no rows to keep (`forbidden`, `failed`) to the ledger; what is held stays. */
  readonly record: (capture: Capture) => Effect.Effect<void, SinkError>;

  /** The whole ledger, failed captures included, ordered by `capturedAt`. All workspaces when none is named. */
  readonly captures: (workspaceId?: string) => Effect.Effect<ReadonlyArray<Capture>, SinkError>;

  /** Merges names into `workspaces` and `sources`. */
  readonly saveNames: (names: Names) => Effect.Effect<void, SinkError>;

  /** Adds the run to `runs`, or updates it. */
  readonly saveRun: (run: Run) => Effect.Effect<void, SinkError>;

  /** Ids of the workspaces that the sink has anything of, ascending. */
  readonly workspaceIds: Effect.Effect<ReadonlyArray<string>, SinkError>;

  /** What stands around the figures of a workspace: ledger, runs, names. */
  readonly books: (workspaceId: string) => Effect.Effect<Books, SinkError>;

  /** Adds to the books of a workspace what they lack, and changes what is given with other content; takes nothing away. */
  readonly addBooks: (workspaceId: string, books: Books) => Effect.Effect<void, SinkError>;

  /** Holds everything that the sink has against what it should be. Changes nothing. Memory: a partition with its revisions. */
  readonly inspect: Effect.Effect<Inspection, SinkError>;
}
