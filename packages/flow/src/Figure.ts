/**
 * The figure that a row stands for: what is billed, and what rows of one day are compared by.
 */
import type { SourceMtuRow, UsageColumns, UsageRow, WorkspaceMtuRow } from "@segmeter/domain";

export const isMtu = (row: UsageRow): row is WorkspaceMtuRow | SourceMtuRow => "period_start" in row;

/** Both ends counted in; a row of API calls names no period. */
export const isWithinPeriod = (row: UsageRow): boolean =>
  !isMtu(row) || (row.snapshot_at >= row.period_start && row.snapshot_at <= row.period_end);

export const areWithinPeriods = ({ length, period, snapshotAt }: UsageColumns): boolean => {
  if (period === undefined) return true;
  for (let index = 0; index < length; index++) {
    if (snapshotAt[index]! < period.start[index]! || snapshotAt[index]! > period.end[index]!) return false;
  }
  return true;
};

/** MTU, or API calls: cumulative within the period. */
export const figureOf = (row: UsageRow): bigint =>
  "api_calls" in row ? row.api_calls : row.identified + row.never_identified;

/** The same of rows by column, by their places. */
export const figuresAt = ({ counts }: UsageColumns): ((index: number) => bigint) => {
  const { api_calls: calls, identified, never_identified: neverIdentified } = counts;
  return calls === undefined ? (index) => identified![index]! + neverIdentified![index]! : (index) => calls[index]!;
};
