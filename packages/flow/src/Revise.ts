/**
 * Revise: the comparison of the held rows with the fetched ones. Pure. A version that is still the same keeps the moment at which
 * it was first observed.
 */
import type { Instant, UsageRow } from "@segmeter/domain";
import { keyOf, sameFigures } from "./UsageKey.ts";

export interface Revised {
  /** The fetched rows, in their order, each with the moment at which its version was first observed. */
  readonly rows: ReadonlyArray<UsageRow>;
  /** Held versions that were corrected or withdrawn. */
  readonly superseded: number;
}

/** Both lists are unique by key. */
export const revise = (
  held: ReadonlyArray<UsageRow>,
  fetched: ReadonlyArray<UsageRow>,
  observedAt: Instant.EpochMicros,
): Revised => {
  const before = new Map(held.map((row) => [keyOf(row), row]));
  let unchanged = 0;
  const rows = fetched.map((row): UsageRow => {
    const version = before.get(keyOf(row));
    if (version === undefined || !sameFigures(version, row)) return { ...row, observed_at: observedAt };
    unchanged++;
    return version;
  });
  return { rows, superseded: held.length - unchanged };
};
