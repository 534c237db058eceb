/**
 * Made-up captures for the contract suite: small, deterministic, with values that a careless store would bend.
 */
import { type Capture, type DatasetName, datasetOf, type Partition, type UsageRow, UsageMonth } from "@segmeter/domain";
import * as Option from "effect/Option";

const month = (text: string): UsageMonth.UsageMonth => Option.getOrThrow(UsageMonth.parse(text));

export const partition = (
  dataset: DatasetName,
  period = "2024-01",
  workspaceId = "9aQ1Lj62S4bomZKLF4DPqW",
): Partition.Partition => ({ workspaceId, dataset, month: month(period) });

export interface Shape {
  readonly days?: number;
  readonly sources?: ReadonlyArray<string>;
  /** The count of the n-th row; every count column of the row has it. */
  readonly count?: (row: number) => bigint;
  /** Microseconds added to every timestamp of the service and of ours. */
  readonly micros?: number;
}

/** Rows in key order, unique by key; a partition of workspaces ignores `sources`. */
export const sampleRows = (
  { dataset, month }: Partition.Partition,
  { count = (row) => BigInt(row) * 7n, days = 31, micros = 0, sources = ["src-a", "src-b", "src-c"] }: Shape = {},
): ReadonlyArray<UsageRow> => {
  const { level, measure } = datasetOf(dataset);
  const sorted = [...sources].sort((a, b) => (a < b ? -1 : 1));
  return Array.from({ length: days }).flatMap((_, index) => {
    const day = UsageMonth.firstDay(month) + index;
    const versions = {
      snapshot_at: UsageMonth.start(month) + index * 86_400_000_000 + micros,
      observed_at: UsageMonth.end(month) + micros,
    };
    const ids = level === "workspace" ? [undefined] : sorted;
    return ids.map((source, position): UsageRow => {
      const counted = count(index * ids.length + position);
      const figures =
        measure === "api-calls"
          ? { api_calls: counted }
          : {
              period_start: UsageMonth.start(month),
              period_end: UsageMonth.end(month) - 1 + micros,
              anonymous: counted,
              anonymous_identified: counted,
              identified: counted,
              never_identified: counted,
            };
      return { day, ...(source === undefined ? {} : { source_id: source }), ...figures, ...versions } as UsageRow;
    });
  });
};

let captures = 0;

/** A settled, captured one with an id of its own, unless said otherwise. */
export const sampleCapture = (of: Partition.Partition, fields: Partial<Capture.Capture> = {}): Capture.Capture => {
  captures += 1;
  return {
    captureId: `capture-${String(captures).padStart(6, "0")}`,
    runId: "run-1",
    partition: of,
    state: "settled",
    outcome: "captured",
    rows: 0,
    pages: 2,
    requests: 3,
    retries: 1,
    warnings: [{ gate: "missing-day", message: `No figure for 2024-01-05: "quoted", ünïcödé, 😀` }],
    capturedAt: UsageMonth.end(of.month) + 8 * 86_400_000_000 + captures,
    ...fields,
  };
};

export const sample = (
  of: Partition.Partition,
  shape: Shape = {},
  fields: Partial<Capture.Capture> = {},
): Capture.CapturedPartition => {
  const rows = sampleRows(of, shape);
  return { capture: sampleCapture(of, { rows: rows.length, ...fields }), rows };
};

/** One without rows. */
export const sampleWithout = (of: Partition.Partition, outcome: "empty" | "absent"): Capture.CapturedPartition => ({
  capture: sampleCapture(of, { outcome, rows: 0 }),
  rows: [],
});
