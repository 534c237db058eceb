/**
 * What two sinks know of one partition, as one history. Pure.
 *
 * Sinks that were not always asked for together have each made captures that the other knows nothing of. Every capture can be
 * rebuilt from the history of the sink that made it; put in the order of time, and compared one with the next, they give the
 * history that one sink would have had.
 */
import {
  Books,
  byKey,
  byVersion,
  Capture,
  columnsOf,
  type Instant,
  type Revision,
  type UsageRow,
  usageRowsOf,
  usageTableOf,
} from "@segmeter/domain";
import { revise } from "./Revise.ts";

/** A partition's history, and the captures that it was made from, the held one among them. */
export interface Known {
  readonly history: Capture.History;
  /** Held outcomes only, in the order of `byTime`. */
  readonly captures: ReadonlyArray<Capture.Capture>;
}

/** The rows as they were known at an instant, in key order. */
export const rowsAt = ({ revisions, rows }: Capture.History, instant: Instant.EpochMicros): ReadonlyArray<UsageRow> =>
  [
    ...rows.filter((row) => row.observed_at <= instant),
    ...revisions.filter((row) => row.observed_at <= instant && instant < row.superseded_at).map(asStood),
  ].toSorted(byKey);

const asStood = (revision: Revision): UsageRow => {
  const { superseded_at: _until, ...row } = revision;
  return row as UsageRow;
};

/**
 * Both as one. Where one has made all captures of the other it is that one, as it is.
 * A capture that cannot be rebuilt, since it was made before there were revisions, is left out of the comparison; what is held
 * need not be rebuilt. Captures of one instant are set a microsecond apart.
 */
export const mergeHistories = (a: Known, b: Known): Known => {
  const [older, newer] = Capture.byTime(a.history.capture, b.history.capture) < 0 ? [a, b] : [b, a];
  const seen = new Set(newer.captures.map(({ captureId }) => captureId));
  if (older.captures.every(({ captureId }) => seen.has(captureId))) return newer;
  const held = newer.history.capture;
  const earlier = Books.mergeCaptures(older.captures, newer.captures).filter((one) => one.captureId !== held.captureId);
  const table = usageTableOf(held.partition);
  let rows = columnsOf(table, []);
  let last = 0;
  const captures: Array<Capture.Capture> = [];
  const revisions: Array<Revision> = [];
  for (const capture of [...earlier, held]) {
    const { history } = seen.has(capture.captureId) ? newer : older;
    // Two sinks may have been written in one instant of a clock that stood still, or that was set.
    last = Math.max(capture.capturedAt, last + 1);
    captures.push({ ...capture, capturedAt: last });
    const isHeld = capture.captureId === history.capture.captureId;
    const known = isHeld ? history.rows : rowsAt(history, capture.capturedAt);
    if (!isHeld && known.length !== capture.rows) continue;
    const revised = revise(table, rows, columnsOf(table, known), last);
    rows = revised.rows;
    revisions.push(...revised.superseded);
  }
  return {
    history: {
      capture: { ...held, capturedAt: last },
      rows: usageRowsOf(table, rows),
      revisions: revisions.toSorted(byVersion),
    },
    captures,
  };
};
