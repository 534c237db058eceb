/**
 * The run: one invocation of a pipeline, as the table `runs` keeps it.
 */
import type { EpochMicros } from "./Instant.ts";
import type { RunRow } from "./Table.ts";

/** What a run did; the fields of its closing JSON line. Milliseconds for `throttledMs`, counts for the rest. */
export interface RunTotals {
  readonly captured: number;
  readonly skipped: number;
  readonly empty: number;
  readonly absent: number;
  /** Forbidden partitions included: their data could not be had. */
  readonly failed: number;
  readonly rows: number;
  readonly requests: number;
  readonly retries: number;
  /** Time for which the service's limits, or the user's ceiling, held requests back. */
  readonly throttledMs: number;
  readonly revisions: number;
}

export interface Run {
  readonly runId: string;
  readonly workspaceId: string;
  readonly command: string;
  /** Never a secret. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly version: string;
  readonly started: EpochMicros;
  /** Undefined while the run goes on. */
  readonly ended?: { readonly at: EpochMicros; readonly exit: number; readonly totals: RunTotals };
}

/** In the order in which they began; those of one instant by id. */
export const byStart = (a: RunRow, b: RunRow): number => a.started - b.started || (a.run_id < b.run_id ? -1 : 1);

/** The run as its row of the table `runs`. */
export const toRow = (run: Run): RunRow => ({
  run_id: run.runId,
  command: run.command,
  arguments: JSON.stringify(run.arguments),
  version: run.version,
  started: run.started,
  ended: run.ended?.at ?? null,
  exit: run.ended === undefined ? null : BigInt(run.ended.exit),
  totals: run.ended === undefined ? null : JSON.stringify(run.ended.totals),
});
