/**
 * Revise: the comparison of the held rows with the fetched ones. Pure. A version that is still the same keeps the moment at which
 * it was first observed; one that is corrected or gone becomes a revision.
 */
import { type Capture, type Instant, keyOf, type Revision, sameFigures, type UsageRow } from "@segmeter/domain";

export interface Revised {
  /** The fetched rows, in their order, each with the moment at which its version was first observed. */
  readonly rows: ReadonlyArray<UsageRow>;
  /** The held versions that were corrected or withdrawn, in the order in which they were held. */
  readonly superseded: ReadonlyArray<Revision>;
}

/** The moment of a capture: the present, and later than the capture before, whatever the clock does. */
export const momentAfter = (present: Instant.EpochMicros, before: Capture.Capture | undefined): Instant.EpochMicros =>
  before === undefined ? present : Math.max(present, before.capturedAt + 1);

/** Both lists are unique by key. `observedAt` is later than any moment in `held`. */
export const revise = (
  held: ReadonlyArray<UsageRow>,
  fetched: ReadonlyArray<UsageRow>,
  observedAt: Instant.EpochMicros,
): Revised => {
  const before = new Map(held.map((row) => [keyOf(row), row]));
  const rows = fetched.map((row): UsageRow => {
    const key = keyOf(row);
    const version = before.get(key);
    if (version === undefined || !sameFigures(version, row)) return { ...row, observed_at: observedAt };
    before.delete(key);
    return version;
  });
  const superseded = [...before.values()].map((row): Revision => ({ ...row, superseded_at: observedAt }));
  return { rows, superseded };
};
