/**
 * Reads files of ours back: footers from their last bytes, rows with every value as it was written, which their checksum shows.
 */
import { type Column, type Row, type SinkError, sinkError, type Table, type Value } from "@segmeter/domain";
import type * as Effect from "effect/Effect";
import { type ParquetColumns, withParquet } from "./ParquetColumns.ts";
import { alteration, type CaptureFooter, foreignness, type Metadata, parseCapture } from "./ParquetFooter.ts";
import type { TableFile } from "./ParquetLayout.ts";
import type { Decoded } from "./StoredValues.ts";

/**
 * What the footer says. Reads at most the last 64 KB.
 * Errors: `Foreign` for a file that is not ours or lies in another's place, `Damaged` for one that cannot be read.
 */
export const readMetadata = (table: Table, file: TableFile): Effect.Effect<Metadata, SinkError> =>
  withParquet(file.path, async (opened) => metadataOf(opened, table, file));

/**
 * The capture that a usage file holds. Reads at most the last 64 KB.
 * Errors: as {@link readMetadata}.
 */
export const readCapture = (table: Table, file: TableFile): Effect.Effect<CaptureFooter, SinkError> =>
  withParquet(file.path, async (opened) => captureOf(opened, table, file));

/**
 * The rows of a file, in file order. Memory: the rows, and the columns of one row group.
 * Errors: as {@link readMetadata}; `Damaged` also when the rows are not those that the checksum was made of.
 */
export const readRows = (table: Table, file: TableFile): Effect.Effect<ReadonlyArray<Row>, SinkError> =>
  withParquet(file.path, (opened) => committedRows(opened, table, file));

/** Footer and rows, of one and the same version of the file. Errors: as {@link readRows}. */
export const readFile = (
  table: Table,
  file: TableFile,
): Effect.Effect<{ readonly metadata: Metadata; readonly rows: ReadonlyArray<Row> }, SinkError> =>
  withParquet(file.path, async (opened) => ({
    metadata: metadataOf(opened, table, file),
    rows: await committedRows(opened, table, file),
  }));

/** Capture and rows, of one and the same version of the file. Errors: as {@link readRows}. */
export const readCaptured = (
  table: Table,
  file: TableFile,
): Effect.Effect<CaptureFooter & { readonly rows: ReadonlyArray<Row> }, SinkError> =>
  withParquet(file.path, async (opened) => ({
    ...captureOf(opened, table, file),
    rows: await committedRows(opened, table, file),
  }));

const metadataOf = ({ metadata }: ParquetColumns, table: Table, file: TableFile): Metadata => {
  const foreign = foreignness(metadata, table, file);
  if (foreign !== undefined) throw foreign;
  return metadata;
};

const captureOf = (opened: ParquetColumns, table: Table, file: TableFile): CaptureFooter => {
  const footer = parseCapture(metadataOf(opened, table, file));
  if (footer === undefined) throw damaged(file, "has a footer that names no capture");
  return footer;
};

const committedRows = async (opened: ParquetColumns, table: Table, file: TableFile): Promise<ReadonlyArray<Row>> => {
  const metadata = metadataOf(opened, table, file);
  const rows = await rowsOf(opened, table, file);
  const altered = alteration(metadata, table, rows);
  if (altered !== undefined) throw damaged(file, altered);
  return rows;
};

/** The rows as they are, whatever the footer says. Throws a `SinkError` (`Damaged`) for rows that are not of the table. */
export const rowsOf = async (opened: ParquetColumns, table: Table, file: TableFile): Promise<ReadonlyArray<Row>> => {
  const types = new Map(opened.columns.map(({ name, type }) => [name, type]));
  const odd = table.columns.find(({ name, type }) => types.get(name) !== type);
  if (odd !== undefined) throw damaged(file, `has no column ${odd.name} of type ${odd.type}`);
  const rows: Array<Row> = [];
  for (const group of opened.groups) {
    const columns: Array<readonly [column: Column, values: Decoded]> = [];
    for (const column of table.columns) columns.push([column, await opened.read(column.name, group)]);
    for (let index = 0; index < group.to - group.from; index += 1) {
      const row: Record<string, Value> = {};
      for (const [{ name, nullable, type }, values] of columns) {
        const value = values[index] ?? null;
        if (value === null && nullable !== true) throw damaged(file, `has no ${name} in row ${rows.length}`);
        // Instants were checked to be below 2^53 when they were written.
        row[name] = type === "TIMESTAMP" && value !== null ? Number(value) : value;
      }
      rows.push(row);
    }
  }
  return rows;
};

const damaged = ({ path }: TableFile, what: string): SinkError =>
  sinkError(`read ${path}`, "Damaged", `${path} ${what}.`);
