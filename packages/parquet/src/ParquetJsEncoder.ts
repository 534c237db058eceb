/**
 * The encoder over parquetjs-lite: pure JavaScript, no native part. GZIP but for a few rows, one page per column chunk, exact
 * 64-bit counts.
 *
 * parquetjs-lite loses precision, and most of its time, where it takes rows apart; here its row buffer is filled by column
 * with checked values, and only its page, chunk and footer writing is used. Its own statistics compare text by UTF-16 and would
 * hide rows from readers, so they are off and the footer gets ours.
 */
import { type FileHandle, open } from "node:fs/promises";
import {
  type Column,
  type Columns,
  columnsOf,
  type ColumnType,
  type EncodeRequest,
  type Encoder,
  type Table,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import parquetjs, { type Envelope, type Field, type ParquetEnvelopeWriter, type RowBuffer } from "parquetjs-lite";
import parquetTypes, { type Statistics } from "parquetjs-lite/gen-nodejs/parquet_types.js";
import { attempt } from "./Attempt.ts";
import { type ColumnValues, columnValues, type Defined } from "./ColumnValues.ts";

/** Large enough to compress and scan well, small enough that a group's columns stay near 5 MB. */
const rowsPerGroup = 50_000;
/** Files of fewer have a few blocks of the disk, and compressing them is a third of what writing them costs. */
const fewRows = 128;

// Version 1 pages are what every reader takes.
const options = { pageIndex: false, useDataPageV2: false } as const;

/**
 * Writes the rows as given.
 * Memory: the columns of one row group, about 100 bytes for each of its rows.
 * Errors: `Unrepresentable` for a value that its column cannot hold exactly; by system code for the file.
 */
export const parquetJsEncoder: Encoder = {
  name: "parquetjs",
  encode: Effect.fn("parquetJsEncoder.encode")(function* (request) {
    const operation = `write ${request.table.name}`;
    yield* Effect.acquireUseRelease(
      attempt(operation, () => open(request.path, "wx", 0o600)),
      (file) => writeFile(operation, file, request),
      (file) => attempt(operation, () => file.close()),
    );
  }),
};

const writeFile = Effect.fnUntraced(function* (operation: string, file: FileHandle, request: EncodeRequest) {
  const { metadata, table } = request;
  const columns = yield* attempt(operation, async () => columnsOf(table, request.rows));
  const pieces: Array<Buffer> = [];
  // writeFile on a handle goes on where the last one ended, and retries short writes.
  const flush = (): Promise<void> => file.writeFile(Buffer.concat(pieces.splice(0)));
  const schema = new parquetjs.ParquetSchema(
    Object.fromEntries(
      table.columns.map((column) => field(column, columns.length < fewRows ? "UNCOMPRESSED" : "GZIP")),
    ),
  );
  const envelope = new parquetjs.ParquetEnvelopeWriter(
    schema,
    (piece) => void pieces.push(piece),
    () => {},
    0,
    options,
  );
  envelope.writeHeader();
  for (let from = 0; from < columns.length; from += rowsPerGroup) {
    yield* attempt(operation, async () => {
      await writeRowGroup(schema, envelope, table, columns, from);
      await flush();
    });
  }
  yield* attempt(operation, async () => {
    envelope.writeFooter({ ...metadata });
    await flush();
    await file.sync();
  });
});

const fieldTypes: Record<ColumnType, Field["type"]> = {
  VARCHAR: "UTF8",
  DATE: "DATE",
  TIMESTAMP: "TIMESTAMP_MICROS",
  BIGINT: "INT64",
  BOOLEAN: "BOOLEAN",
};

const field = ({ name, nullable, type }: Column, compression: Field["compression"]): [string, Field] => [
  name,
  { type: fieldTypes[type], optional: nullable === true, compression, statistics: false },
];

const writeRowGroup = async (
  schema: InstanceType<typeof parquetjs.ParquetSchema>,
  envelope: ParquetEnvelopeWriter,
  table: Table,
  { data, length }: Columns,
  from: number,
): Promise<void> => {
  const to = Math.min(from + rowsPerGroup, length);
  const columns = table.columns.map((column, index) => ({
    column,
    ...columnValues(table, column, data[index]!, from, to),
  }));
  // The writer turns the buffer into pages when it is closed; this envelope lets it add the row group and nothing else.
  const rowGroupOnly: Envelope = {
    useDataPageV2: options.useDataPageV2,
    writeHeader: () => {},
    writeRowGroup: (buffer) => envelope.writeRowGroup(buffer),
    writeIndex: () => {},
    writeFooter: () => {},
    close: () => {},
  };
  const writer = new parquetjs.ParquetWriter(schema, rowGroupOnly, {});
  writer.rowBuffer = rowBuffer(table, columns, to - from);
  await writer.close();
  for (const [index, { meta_data: chunk }] of envelope.rowGroups.at(-1)!.columns.entries()) {
    chunk.statistics = statistics(columns[index]!.column.type, columns[index]!);
  }
};

const rowBuffer = (table: Table, columns: ReadonlyArray<ColumnValues>, count: number): RowBuffer => {
  const named = <A>(of: (values: ColumnValues) => A): Record<string, A> =>
    Object.fromEntries(table.columns.map(({ name }, index) => [name, of(columns[index]!)]));
  return {
    rowCount: count,
    pageRowCount: count,
    columnData: named(({ levels, values }) => ({
      values,
      dlevels: levels,
      rlevels: [],
      distinct_values: new Set(),
      count,
    })),
    pages: named(() => []),
  };
};

const statistics = (type: ColumnType, { bounds, nulls }: ColumnValues): Statistics =>
  new parquetTypes.Statistics({
    null_count: nulls,
    ...(bounds === undefined ? {} : { min_value: plain(type, bounds.min), max_value: plain(type, bounds.max) }),
  });

/** A value as the footer has it: little-endian, text without its length. */
const plain = (type: ColumnType, value: Defined): Buffer => {
  if (type === "VARCHAR") return Buffer.from(value as string);
  const bytes = Buffer.alloc(type === "DATE" ? 4 : 8);
  if (type === "DATE") bytes.writeInt32LE(value as number);
  else bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};
