/**
 * What a file's footer says about itself, as key–value pairs under `segmeter.`: of every file its schema version, table,
 * workspace and month; of a usage file also the capture that it holds. Any Parquet reader shows them, and a sink needs nothing
 * else to know what it holds.
 */
import {
  Capture,
  Instant,
  type SinkError,
  sinkError,
  type Table,
  type UsageRow,
  UsageMonth,
  datasetOf,
  usageTables,
} from "@segmeter/domain";
import * as Option from "effect/Option";
import type { TableFile } from "./ParquetLayout.ts";

export type Metadata = Readonly<Record<string, string>>;

export interface CaptureFooter {
  readonly capture: Capture.Capture;
  /** Start of the earliest period that the rows name, or of the calendar month. */
  readonly periodStart: Instant.EpochMicros;
  /** End of the latest period that the rows name, or of the calendar month. */
  readonly periodEnd: Instant.EpochMicros;
}

/** Of the layout of columns and footers; a file with another is not read. */
const schemaVersion = "1";

/** The footer of any file. */
export const fileMetadata = (table: Table, workspaceId: string, month?: UsageMonth.UsageMonth): Metadata => ({
  "segmeter.schema_version": schemaVersion,
  "segmeter.table": table.name,
  "segmeter.workspace_id": workspaceId,
  ...(month === undefined ? {} : { "segmeter.usage_month": UsageMonth.toPeriod(month) }),
});

/** The footer of a usage file: instants as ISO-8601 in UTC with up to six fraction digits, warnings as a JSON array. */
export const captureMetadata = ({ capture, rows }: Capture.CapturedPartition): Metadata => {
  const { dataset, month, workspaceId } = capture.partition;
  const { captured_at, ...row } = Capture.toRow(capture);
  const [start, end] = periodOf(month, rows);
  const fields = {
    ...row,
    captured_at: Instant.format(captured_at),
    period_start: Instant.format(start),
    period_end: Instant.format(end),
  };
  return {
    ...fileMetadata(usageTables[datasetOf(dataset).table], workspaceId, month),
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [`segmeter.${name}`, String(value)])),
  };
};

const periodOf = (
  month: UsageMonth.UsageMonth,
  rows: ReadonlyArray<UsageRow>,
): readonly [start: Instant.EpochMicros, end: Instant.EpochMicros] => {
  let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    if (!("period_start" in row)) break;
    start = Math.min(start, row.period_start);
    end = Math.max(end, row.period_end);
  }
  return start <= end ? [start, end] : [UsageMonth.start(month), UsageMonth.end(month)];
};

/**
 * What makes the file not one of ours, or not the one that belongs at its place; undefined when it is.
 */
export const foreignness = (metadata: Metadata, table: Table, file: TableFile): SinkError | undefined => {
  const foreign = (what: string, hint?: string): SinkError =>
    sinkError(`read ${file.path}`, "Foreign", `${file.path} ${what}.`, hint === undefined ? {} : { hint });
  const version = metadata["segmeter.schema_version"];
  if (version === undefined) return foreign("was not written by segmeter");
  if (version !== schemaVersion) {
    return foreign(`has schema version ${version}; this segmeter knows ${schemaVersion}`, "Use a newer segmeter.");
  }
  const expected = fileMetadata(table, file.workspaceId, file.month);
  const astray = Object.keys(expected).find((key) => metadata[key] !== expected[key]);
  if (astray === undefined) return undefined;
  return foreign(`belongs elsewhere: its footer says ${astray} = ${metadata[astray]}`, "Put it back where it was.");
};

/** Reads a footer of {@link captureMetadata} back; undefined when it is not one. */
export const parseCapture = (metadata: Metadata): CaptureFooter | undefined => {
  const text = (name: string): Option.Option<string> => Option.fromNullishOr(metadata[`segmeter.${name}`]);
  const count = (name: string): Option.Option<bigint> =>
    text(name).pipe(
      Option.filter((digits) => /^\d{1,15}$/.test(digits)),
      Option.map(BigInt),
    );
  const instant = (name: string): Option.Option<Instant.EpochMicros> => Option.flatMap(text(name), Instant.parse);
  return Option.getOrUndefined(
    Option.gen(function* () {
      const capture = yield* Capture.fromRow(yield* text("workspace_id"), yield* text("usage_month"), {
        capture_id: yield* text("capture_id"),
        dataset: yield* text("dataset"),
        state: yield* text("state"),
        outcome: yield* text("outcome"),
        rows: yield* count("rows"),
        pages: yield* count("pages"),
        requests: yield* count("requests"),
        retries: yield* count("retries"),
        warnings: yield* text("warnings"),
        captured_at: yield* instant("captured_at"),
        run_id: yield* text("run_id"),
      });
      return { capture, periodStart: yield* instant("period_start"), periodEnd: yield* instant("period_end") };
    }),
  );
};
