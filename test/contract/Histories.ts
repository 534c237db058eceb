/**
 * Made-up histories for the contract suite: a month captured four times, in which rows are corrected, withdrawn and brought back.
 */
import {
  byVersion,
  type Capture,
  Instant,
  keyOf,
  type Partition,
  type Revision,
  type Row,
  sameFigures,
  type UsageRow,
  UsageMonth,
} from "@segmeter/domain";
import { sampleCapture, sampleRows } from "./Samples.ts";
import { inTable } from "./SinkStore.ts";

/** One capture of a history. */
interface Step {
  /** Everything that is known after it. */
  readonly history: Capture.History;
  /** What the capture itself superseded: for a sink that has the step before. */
  readonly superseded: Capture.Superseded;
}

/** Of text in two orders: that of JavaScript, which is the domain's, and that of bytes, which many stores have. */
const sources = ["src-a", "src-b", "😀", "～"];

/** Beyond what a double holds, at both ends of a BIGINT; one for each version of each row. */
const count = (row: number, version: number): bigint =>
  row % 2 === 0 ? 2n ** 63n - 1n - BigInt(10 * row + version) : -(2n ** 63n) + BigInt(10 * row + version);

/** How often the captures so far have corrected a row: each corrects others, and some rows more than one of them. */
const versionOf = (row: number, step: number): number => (step > 0 && row % 3 === 0 ? 1 : 0) + (step > 1 ? row % 2 : 0);

/** The second capture lacks a row, which the third has again, and the last lacks one for good. */
const isThere = (row: number, step: number): boolean => !(row === 4 && step === 1) && !(row === 5 && step === 3);

/** Shape: four steps, a day apart; `of` each day of the first ten, and of four sources where there are any. */
export const sampleHistory = (of: Partition.Partition): readonly [Step, Step, Step, Step] => {
  const first = sampleStep(of, 0, undefined);
  const second = sampleStep(of, 1, first);
  const third = sampleStep(of, 2, second);
  return [first, second, third, sampleStep(of, 3, third)];
};

const sampleStep = (of: Partition.Partition, step: number, before: Step | undefined): Step => {
  const capturedAt = UsageMonth.end(of.month) + step * Instant.microsPerDay + step;
  const held = before?.history;
  const versions = new Map(held?.rows.map((row) => [keyOf(row), row]));
  const rows = sampleRows(of, { days: 10, sources, count: (row) => count(row, versionOf(row, step)) })
    .filter((_, row) => isThere(row, step))
    .map((row): UsageRow => {
      const version = versions.get(keyOf(row));
      if (version === undefined || !sameFigures(version, row)) return { ...row, observed_at: capturedAt };
      versions.delete(keyOf(row));
      return version;
    });
  const revisions = [...versions.values()].map((row): Revision => ({ ...row, superseded_at: capturedAt }));
  const capture = sampleCapture(of, { rows: rows.length, capturedAt });
  return {
    history: { capture, rows, revisions: [...(held?.revisions ?? []), ...revisions].toSorted(byVersion) },
    superseded: { since: held?.capture.capturedAt ?? 0, revisions: revisions.toSorted(byVersion), captures: [] },
  };
};

/** The revisions as a store's table has them. */
export const revisionsInTable = ({ capture, revisions }: Capture.History): ReadonlyArray<Row> =>
  inTable({ capture, rows: revisions });
