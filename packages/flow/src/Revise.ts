/**
 * Revise: the comparison of the held rows with the fetched ones. Pure. A version that is still the same keeps the moment at which
 * it was first observed; one that is corrected or gone becomes a revision.
 */
import {
  type Capture,
  type Columns,
  inKeyOrder,
  type Instant,
  orderAcross,
  picked,
  type Revision,
  sameFiguresAt,
  type Table,
  usageRowsOf,
  withNumbers,
} from "@segmeter/domain";

export interface Revised {
  /** The fetched rows, in their order, each with the moment at which its version was first observed. */
  readonly rows: Columns;
  /** The held versions that were corrected or withdrawn, in key order. */
  readonly superseded: ReadonlyArray<Revision>;
}

/** The moment of a capture: the present, and later than the capture before, whatever the clock does. */
export const momentAfter = (present: Instant.EpochMicros, before: Capture.Capture | undefined): Instant.EpochMicros =>
  before === undefined ? present : Math.max(present, before.capturedAt + 1);

/** `fetched` is in key order; both are unique by key. `observedAt` is later than any moment in `known`. */
export const revise = (table: Table, known: Columns, fetched: Columns, observedAt: Instant.EpochMicros): Revised => {
  // It is in key order, too, but for what somebody put there.
  const held = inKeyOrder(table, known) ?? known;
  const order = orderAcross(table, held, fetched);
  const isSame = sameFiguresAt(table, held, fetched);
  const moment = table.columns.findIndex(({ name }) => name === "observed_at");
  const before = held.data[moment]!.values as Float64Array;
  const observed = withNumbers(table, fetched, "observed_at", observedAt);
  const moments = observed.data[moment]!.values as Float64Array;
  const superseded: Array<number> = [];
  let at = 0;
  for (let row = 0; row < fetched.length; row++) {
    while (at < held.length && order(at, row) < 0) superseded.push(at++);
    if (at === held.length || order(at, row) > 0) continue;
    if (isSame(at, row)) moments[row] = before[at]!;
    else superseded.push(at);
    at++;
  }
  while (at < held.length) superseded.push(at++);
  const gone = usageRowsOf(table, picked(table, held, Uint32Array.from(superseded)));
  return { rows: observed, superseded: gone.map((row): Revision => ({ ...row, superseded_at: observedAt })) };
};
