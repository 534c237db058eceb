/**
 * The figure that a row stands for: what is billed, and what rows of one day are compared by.
 */
import type { SourceMtuRow, UsageRow, WorkspaceMtuRow } from "@segmeter/domain";

export const isMtu = (row: UsageRow): row is WorkspaceMtuRow | SourceMtuRow => "period_start" in row;

/** MTU, or API calls: cumulative within the period. */
export const figureOf = (row: UsageRow): bigint =>
  "api_calls" in row ? row.api_calls : row.identified + row.never_identified;
