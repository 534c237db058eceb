/**
 * Revise: the comparison of the held rows with the fetched ones. Pure. A version that is still the same keeps the moment at which
 * it was first observed; one that is corrected or gone becomes a revision.
 */
import {
  type Capture,
  type Columns,
  inKeyOrder,
  type Instant,
  picked,
  type Revision,
  areSameFigures,
  type Table,
  usageRowsOf,
  withNumbers,
  withSameKeys,
} from "@segmeter/domain";

export interface Revised {
  /** The fetched rows, in their order, each with the moment at which its version was first observed. */
  readonly rows: Columns;
  /** The held versions that were corrected or withdrawn, in key order. */
  readonly superseded: ReadonlyArray<Revision>;
  /** Nothing was added, corrected or withdrawn. */
  readonly isUnchanged: boolean;
}

/** The moment of a capture: the present, and later than the capture before, whatever the clock does. */
export const momentAfter = (present: Instant.EpochMicros, before: Capture.Capture | undefined): Instant.EpochMicros =>
  before === undefined ? present : Math.max(present, before.capturedAt + 1);

/** `fetched` is in key order; both are unique by key. `observedAt` is later than any moment in `known`. */
export const revise = (table: Table, known: Columns, fetched: Columns, observedAt: Instant.EpochMicros): Revised => {
  // It is in key order, too, but for what somebody put there.
  const held = inKeyOrder(table, known) ?? known;
  const { inA: stays, inB: found } = withSameKeys(table, held, fetched);
  const isSame = areSameFigures(table, held, stays, fetched, found);
  const moment = table.columns.findIndex(({ name }) => name === "observed_at");
  const before = held.data[moment]!.values as Float64Array;
  const rows = withNumbers(table, fetched, "observed_at", observedAt);
  const moments = rows.data[moment]!.values as Float64Array;
  const isGone = new Uint8Array(held.length).fill(1);
  for (let pair = 0; pair < stays.length; pair++) {
    if (isSame[pair] === 0) continue;
    moments[found[pair]!] = before[stays[pair]!]!;
    isGone[stays[pair]!] = 0;
  }
  const superseded = Uint32Array.from([...isGone.keys()].filter((place) => isGone[place] === 1));
  return {
    rows,
    superseded: usageRowsOf(table, picked(table, held, superseded)).map((row): Revision => ({
      ...row,
      superseded_at: observedAt,
    })),
    isUnchanged: superseded.length === 0 && held.length === fetched.length,
  };
};
