/**
 * One file held against its own footer and its table: what it holds is what was committed, and lies where it belongs.
 */
import {
  byKey,
  byVersion,
  partitionColumns,
  type Revision,
  type Row,
  type SinkError,
  type Table,
  usageTables,
  type UsageRow,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { type ParquetColumns, withParquet } from "./ParquetColumns.ts";
import {
  alteration,
  foreignness,
  isFirstVersion,
  isKnownVersion,
  type Metadata,
  newerHint,
  parseCapture,
  parseSupersededUntil,
  supersededUntil,
} from "./ParquetFooter.ts";
import { parseEntries } from "./ParquetLedger.ts";
import { rowsOf } from "./ParquetReader.ts";
import { isOfRevisions, type PlacedFile } from "./ParquetRevisions.ts";

export interface FileInspection {
  /** Undefined: nothing is wrong with the file by itself. */
  readonly fault?: {
    readonly kind: "unreadable" | "altered" | "astray";
    /** Sentences. */
    readonly detail: string;
    /** Whether moving the file away is of any use, and does no harm. */
    readonly isMovable: boolean;
  };
  /** Undefined when the footer could not be read, or is not that of this place. */
  readonly metadata?: Metadata;
  /** Undefined when they could not be read. */
  readonly rows?: ReadonlyArray<Row>;
}

/** Never fails: what cannot be read is a fault. Memory: the file's rows. */
export const inspectFile = ({ file, table }: PlacedFile): Effect.Effect<FileInspection> =>
  Effect.catch(
    withParquet(file.path, (opened) => inspect(opened, { file, table })),
    (error) => Effect.succeed(unreadable(error)),
  );

const inspect = async (opened: ParquetColumns, { file, table }: PlacedFile): Promise<FileInspection> => {
  const { metadata } = opened;
  const altered = (problems: ReadonlyArray<string>, more: Omit<FileInspection, "fault"> = {}): FileInspection => {
    const detail = problems.map((problem) => `${file.path} ${problem}.`).join(" ");
    return problems.length === 0 ? more : { fault: { kind: "altered", detail, isMovable: true }, ...more };
  };
  const foreign = foreignness(metadata, table, file);
  if (foreign !== undefined && !isKnownVersion(metadata)) throw foreign;
  // Ours, but of another place.
  if (foreign !== undefined) return { fault: { kind: "astray", detail: foreign.detail, isMovable: true } };
  if (table.name in usageTables && parseCapture(metadata) === undefined) {
    return altered(["has a footer that names no capture"]);
  }
  const [found, expected] = [opened.columns, table.columns].map((columns) =>
    columns.map(({ name, type }) => `${name} ${type ?? "of another type"}`).join(", "),
  );
  if (found !== expected) return altered([`has the columns ${found}; not ${expected}`], { metadata });
  const rows = await rowsOf(opened, table, file);
  return altered(problemsOf({ file, table }, metadata, rows), { metadata, rows });
};

/** What cannot be read for want of permission, or was written by a newer version, may be perfectly well. */
const unreadable = ({ cause, detail, hint, reason }: SinkError): FileInspection => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const isNewer = hint === newerHint;
  const isMovable = ((reason === "Damaged" || reason === "Foreign") && !isNewer) || code === "EIO";
  return { fault: { kind: "unreadable", detail: isMovable ? detail : `${detail} ${hint}`, isMovable } };
};

const problemsOf = (
  { file, table }: PlacedFile,
  metadata: Metadata,
  rows: ReadonlyArray<Row>,
): ReadonlyArray<string> => {
  const stated = metadata["segmeter.rows"];
  const isCounted = stated === undefined ? isFirstVersion(metadata) : stated === String(rows.length);
  const entries = table.name === "captures" ? parseEntries(file, rows) : undefined;
  return [
    isCounted ? undefined : `has ${rows.length} rows; its footer says ${stated ?? "nothing of them"}`,
    alteration(metadata, table, rows),
    repetition(table, rows),
    disorder(table, rows),
    isOfRevisions(table) && parseSupersededUntil(metadata) !== supersededUntil(rows as ReadonlyArray<Revision>)
      ? "has a footer that does not say when the last of its revisions was superseded"
      : undefined,
    typeof entries === "string" ? entries : undefined,
  ].filter((problem) => problem !== undefined);
};

const repetition = (table: Table, rows: ReadonlyArray<Row>): string | undefined => {
  // Those of the path are the same for all rows.
  const constant = partitionColumns(table).map(({ name }) => name);
  const key = table.key.filter((name) => !constant.includes(name));
  const seen = new Set<string>();
  for (const row of rows) {
    const text = key.map((name) => String(row[name])).join("/");
    if (seen.has(text)) return `has two rows with the key ${text}`;
    seen.add(text);
  }
  return undefined;
};

const disorder = (table: Table, rows: ReadonlyArray<Row>): string | undefined => {
  const order = isOfRevisions(table) ? byVersion : table.name in usageTables ? byKey : undefined;
  if (order === undefined) return undefined;
  const ordered = rows as ReadonlyArray<UsageRow & Revision>;
  const index = ordered.findIndex((row, index) => index > 0 && order(ordered[index - 1]!, row) > 0);
  return index < 0 ? undefined : `has row ${index} out of order`;
};
