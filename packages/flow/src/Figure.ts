/**
 * The figure that a row stands for: what is billed, and what rows of one day are compared by.
 */
import type { SourceMtuRow, UsageRow, WorkspaceMtuRow } from "@segmeter/domain";

export const isMtu = (row: UsageRow): row is WorkspaceMtuRow | SourceMtuRow => "period_start" in row;

/** Both ends counted in; a row of API calls names no period. */
export const isWithinPeriod = (row: UsageRow): boolean =>
  !isMtu(row) || (row.snapshot_at >= row.period_start && row.snapshot_at <= row.period_end);

/** MTU, or API calls: cumulative within the period. */
export const figureOf = (row: UsageRow): bigint =>
  "api_calls" in row ? row.api_calls : row.identified + row.never_identified;
