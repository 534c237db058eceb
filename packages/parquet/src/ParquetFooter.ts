/**
 * What a file's footer says about itself, as key–value pairs under `segmeter.`: of every file its schema version, table,
 * workspace, month, number of rows and their checksum; of a usage file also the capture that it holds; of a revisions file until
 * when it goes. Any Parquet reader shows them, and a sink needs nothing else to know what it holds.
 */
import {
  Capture,
  columnNamed,
  type Columns,
  columnsOf,
  Instant,
  type Revision,
  type Rows,
  type SinkError,
  sinkError,
  type Table,
  UsageMonth,
  usageTableOf,
} from "@segmeter/domain";
import * as Option from "effect/Option";
import { createHash } from "node:crypto";
import { checksumOf } from "./Checksum.ts";
import type { TableFile } from "./ParquetLayout.ts";

export type Metadata = Readonly<Record<string, string>>;

export interface CaptureFooter {
  readonly capture: Capture.Capture;
  /** Start of the earliest period that the rows name, or of the calendar month. */
  readonly periodStart: Instant.EpochMicros;
  /** End of the latest period that the rows name, or of the calendar month. */
  readonly periodEnd: Instant.EpochMicros;
}

/** Of the layout of columns and footers, as it is written. Version 1 had neither checksums nor revisions; it is still read. */
export const schemaVersion = "2";

const firstVersion = "1";

/** Whether the file was written before footers had checksums. */
export const isFirstVersion = (metadata: Metadata): boolean => metadata["segmeter.schema_version"] === firstVersion;

/** Whether it is a footer of ours that this version reads. One of a newer version is not for this one to judge. */
export const isKnownVersion = (metadata: Metadata): boolean =>
  metadata["segmeter.schema_version"] === schemaVersion || isFirstVersion(metadata);

/** What to do about a file of a version that is not known. */
export const newerHint = "Use a newer segmeter.";

const identity = (table: Table, workspaceId: string, month: UsageMonth.UsageMonth | undefined): Metadata => ({
  "segmeter.table": table.name,
  "segmeter.workspace_id": workspaceId,
  ...(month === undefined ? {} : { "segmeter.usage_month": UsageMonth.toPeriod(month) }),
});

/** The footer of any file. Throws a `SinkError` for a value of another type than its column's. */
export const fileMetadata = (
  table: Table,
  { month, workspaceId }: Pick<TableFile, "month" | "workspaceId">,
  rows: Rows,
): Metadata => ({
  "segmeter.schema_version": schemaVersion,
  ...identity(table, workspaceId, month),
  "segmeter.rows": String(rows.length),
  "segmeter.checksum": checksumOf(table, rows),
});

/** The footer of a usage file: instants as ISO-8601 in UTC with up to six fraction digits, warnings as a JSON array. */
export const captureMetadata = ({ capture, rows: given }: Capture.Handed): Metadata => {
  const { month } = capture.partition;
  const { captured_at, ...row } = Capture.toRow(capture);
  const table = usageTableOf(capture.partition);
  const rows = columnsOf(table, given);
  const [start, end] = periodOf(month, table, rows);
  const fields = {
    ...row,
    captured_at: Instant.format(captured_at),
    period_start: Instant.format(start),
    period_end: Instant.format(end),
  };
  return {
    ...fileMetadata(table, capture.partition, rows),
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [`segmeter.${name}`, String(value)])),
  };
};

/** The footer of a revisions file: also the instant at which the last of them was superseded. */
export const revisionsMetadata = (
  table: Table,
  of: Pick<TableFile, "month" | "workspaceId">,
  revisions: ReadonlyArray<Revision>,
): Metadata => ({
  ...fileMetadata(table, of, revisions),
  "segmeter.superseded_until": Instant.format(supersededUntil(revisions)),
});

/** How many revisions belong to a capture, and their checksum: what its usage file's footer says of the file beside it. */
export interface RevisionsMark {
  readonly count: string;
  readonly checksum: string;
}

export const markOf = (table: Table, revisions: ReadonlyArray<Revision>): RevisionsMark => ({
  count: String(revisions.length),
  checksum: checksumOf(table, revisions),
});

/** The same, by the revisions file's own footer. */
export const markIn = (metadata: Metadata): RevisionsMark => ({
  count: metadata["segmeter.rows"] ?? "",
  checksum: metadata["segmeter.checksum"] ?? "",
});

/** What a usage file's footer says of the revisions; undefined where it says nothing, as after a migration. */
export const parseMark = (metadata: Metadata): RevisionsMark | undefined => {
  const { "segmeter.revisions": count, "segmeter.revisions_checksum": checksum } = metadata;
  return count === undefined || checksum === undefined ? undefined : { count, checksum };
};

export const markMetadata = ({ checksum, count }: RevisionsMark): Metadata => ({
  "segmeter.revisions": count,
  "segmeter.revisions_checksum": checksum,
});

/**
 * What tells one content of a partition from any other, by its usage file's footer. The capture's id alone does not: levelled
 * with another sink, a partition has the same capture with more of a history.
 */
export const fingerprintOf = (metadata: Metadata): string =>
  createHash("sha256")
    .update(JSON.stringify(fingerprinted.map((name) => metadata[`segmeter.${name}`] ?? null)))
    .digest("hex");

const fingerprinted = ["capture_id", "captured_at", "checksum", "revisions_checksum"];

/** What is wrong with revisions that stand, going by the mark; undefined when nothing is. */
export const deviation = (
  mark: RevisionsMark | undefined,
  table: Table,
  revisions: ReadonlyArray<Revision>,
): string | undefined => {
  if (mark === undefined || markOf(table, revisions).checksum === mark.checksum) return undefined;
  return mark.count === String(revisions.length)
    ? "has other revisions than were committed: their checksum differs"
    : `has ${revisions.length} revisions that stand; ${mark.count} were committed`;
};

/** When the last of the revisions was superseded; 0 without any. */
export const supersededUntil = (revisions: ReadonlyArray<Revision>): Instant.EpochMicros =>
  revisions.reduce((latest, { superseded_at }) => Math.max(latest, superseded_at), 0);

/** Reads that instant from a footer back; undefined when it does not say. */
export const parseSupersededUntil = (metadata: Metadata): Instant.EpochMicros | undefined =>
  Option.getOrUndefined(Instant.parse(metadata["segmeter.superseded_until"] ?? ""));

/** What shows that the rows are not those that the footer was written for; undefined when nothing does. */
export const alteration = (metadata: Metadata, table: Table, rows: Rows): string | undefined => {
  if (isFirstVersion(metadata)) return undefined;
  const checksum = metadata["segmeter.checksum"];
  if (checksum === undefined) return "has no checksum in its footer";
  return checksumOf(table, rows) === checksum ? undefined : "has other rows than were written: their checksum differs";
};

const periodOf = (
  month: UsageMonth.UsageMonth,
  table: Table,
  rows: Columns,
): readonly [start: Instant.EpochMicros, end: Instant.EpochMicros] => {
  let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const starts = columnNamed(table, rows, "period_start")?.values as Float64Array | undefined;
  const ends = columnNamed(table, rows, "period_end")?.values as Float64Array | undefined;
  for (let index = 0; starts !== undefined && ends !== undefined && index < rows.length; index++) {
    start = Math.min(start, starts[index]!);
    end = Math.max(end, ends[index]!);
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
  if (!isKnownVersion(metadata)) {
    return foreign(`has schema version ${version}; this segmeter knows ${schemaVersion}`, newerHint);
  }
  const expected = identity(table, file.workspaceId, file.month);
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
