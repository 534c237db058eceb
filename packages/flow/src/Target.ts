/**
 * Targets: what a run aims at. A backfill aims at a range of months, a nightly run at every month that is open; from there on
 * they are one pipeline. Pure.
 */
import { type Capture, datasets, type DatasetName, Instant, UsageMonth } from "@segmeter/domain";

/** A dataset in a month. */
export interface Target {
  readonly dataset: DatasetName;
  readonly month: UsageMonth.UsageMonth;
  /** Whether it is captured even where it is held settled. */
  readonly refresh: boolean;
}

/** Every dataset in every month. Shape: by month, then in the order of capture. */
export const rangeTargets = (
  months: ReadonlyArray<UsageMonth.UsageMonth>,
  wanted: ReadonlyArray<DatasetName>,
  refresh: boolean,
): ReadonlyArray<Target> =>
  months.flatMap((month) => inOrder(wanted).map((dataset): Target => ({ dataset, month, refresh })));

export interface NightlyRequest {
  readonly datasets: ReadonlyArray<DatasetName>;
  /** Everything that was ever captured of the workspace, failures included. */
  readonly ledger: ReadonlyArray<Capture.Capture>;
  readonly now: Instant.EpochMicros;
  readonly settleDays: number;
  /** Months before the current one that are captured again even if they are settled. */
  readonly lookback: number;
  readonly refresh: boolean;
}

/**
 * Of each dataset every month from the first one in the ledger to the current one: those missed since the last run among them,
 * those tried in vain too; the plan leaves out what is settled. What is still open by the calendar is among them in any case: a
 * first run may have been killed when it had the current month, and not yet the one before.
 */
export const nightlyTargets = ({
  datasets: wanted,
  ledger,
  lookback,
  now,
  refresh,
  settleDays,
}: NightlyRequest): ReadonlyArray<Target> => {
  const current = UsageMonth.of(now);
  const forced = UsageMonth.plus(current, -lookback);
  const firstOf = (dataset: DatasetName): UsageMonth.UsageMonth => {
    const known = ledger.flatMap(({ partition }) => (partition.dataset === dataset ? [partition.month] : []));
    return [...known, firstOpen(now, settleDays), forced].reduce((a, b) => (b < a ? b : a));
  };
  const first = new Map(wanted.map((dataset) => [dataset, firstOf(dataset)]));
  const earliest = [...first.values()].reduce((a, b) => (b < a ? b : a), current);
  return UsageMonth.range(earliest, current).flatMap((month) =>
    inOrder(wanted)
      .filter((dataset) => first.get(dataset)! <= month)
      .map((dataset): Target => ({ dataset, month, refresh: refresh || (lookback > 0 && month >= forced) })),
  );
};

/** The earliest month that a capture made now would not settle. */
const firstOpen = (now: Instant.EpochMicros, settleDays: number): UsageMonth.UsageMonth =>
  UsageMonth.of(Math.max(0, now - settleDays * Instant.microsPerDay));

const inOrder = (wanted: ReadonlyArray<DatasetName>): ReadonlyArray<DatasetName> =>
  datasets.map(({ name }) => name).filter((name) => wanted.includes(name));
