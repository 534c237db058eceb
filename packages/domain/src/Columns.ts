/**
 * The rows of a table by column, in typed arrays: what is handed to another thread, and to what writes columns, in a few pieces,
 * not row by row. Nothing is altered on the way, and what has no form here is refused.
 */
import * as Effect from "effect/Effect";
import { type SinkError, sinkError } from "./SinkError.ts";
import type { Column, ColumnType, Row, Table, UsageRow, Value } from "./Table.ts";

/** The values of one column, one for each row. What stands at a null is not to be read. */
export interface ColumnData {
  /** DATE and TIMESTAMP as they are in a row; BIGINT; BOOLEAN as 0 and 1; VARCHAR as places in `texts`. */
  readonly values: Float64Array | BigInt64Array | Uint8Array | Uint32Array;
  /** VARCHAR only: each text once, in the order in which they come. */
  readonly texts: ReadonlyArray<string>;
  /** 1 where the row has null; undefined where no row has. */
  readonly nulls: Uint8Array | undefined;
}

export interface Columns {
  /** Rows. */
  readonly length: number;
  /** In the order of the table's columns. */
  readonly data: ReadonlyArray<ColumnData>;
}

/** Rows, or the same by column. */
export type Rows = ReadonlyArray<Row> | ReadonlyArray<UsageRow> | Columns;

/** What of a table is needed here. */
type Shape = Pick<Table, "columns" | "name">;

export const isColumns = (rows: object): rows is Columns => "data" in rows;

/** By column, whichever was given. Throws as {@link toColumns}. */
export const columnsOf = (table: Shape, rows: Rows): Columns =>
  isColumns(rows) ? rows : toColumns(table, rows as ReadonlyArray<Row>);

/** The same as an effect. Errors: `Unrepresentable`. */
export const byColumn = (table: Shape, rows: Rows): Effect.Effect<Columns, SinkError> =>
  Effect.try({ try: () => columnsOf(table, rows), catch: (cause) => cause as SinkError });

/** Row by row, whichever was given. */
export const rowsOf = (table: Shape, rows: Rows): ReadonlyArray<Row> =>
  isColumns(rows) ? toRows(table, rows) : (rows as ReadonlyArray<Row>);

/** The data of the column of that name; undefined when the table has none. */
export const columnNamed = ({ columns }: Shape, { data }: Columns, name: string): ColumnData | undefined =>
  data[columns.findIndex((column) => column.name === name)];

/** The same with one number in every row of a column of instants or days: a column of its own, that may be changed. */
export const withNumbers = ({ columns }: Shape, { data, length }: Columns, name: string, value: number): Columns => ({
  length,
  data: data.map((given, index) =>
    columns[index]!.name === name
      ? { values: new Float64Array(length).fill(value), texts: [], nulls: undefined }
      : given,
  ),
});

/** The rows of all parts, one after the other. Memory: the columns once more; texts once, whichever parts they are in. */
export const concatenated = (table: Shape, parts: ReadonlyArray<Columns>): Columns => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return {
    length,
    data: table.columns.map(({ type }, index) => {
      const pieces = parts.map(({ data }) => data[index]!);
      const values = makers[type](length);
      const texts = values instanceof Uint32Array ? joinTexts(pieces, values) : joinValues(pieces, values);
      return { values, texts, nulls: nullsOf(parts, pieces, length) };
    }),
  };
};

/** The rows at the places, in their order. Memory: the columns once more. */
export const picked = (table: Shape, { data }: Columns, places: Uint32Array): Columns => ({
  length: places.length,
  data: table.columns.map(({ type }, index) => {
    const { nulls, texts, values } = data[index]!;
    const chosen = makers[type](places.length);
    if (chosen instanceof Float64Array) pickNumbers(values as Float64Array, places, chosen);
    else if (chosen instanceof BigInt64Array) pickCounts(values as BigInt64Array, places, chosen);
    else pickSmall(values as Uint32Array | Uint8Array, places, chosen);
    return { values: chosen, texts, nulls: nulls && Uint8Array.from(places, (place) => nulls[place]!) };
  }),
});

// One loop for each type: one for all would be compiled for none.
const pickNumbers = (values: Float64Array, places: Uint32Array, chosen: Float64Array): void => {
  for (let row = 0; row < places.length; row++) chosen[row] = values[places[row]!]!;
};

const pickCounts = (values: BigInt64Array, places: Uint32Array, chosen: BigInt64Array): void => {
  for (let row = 0; row < places.length; row++) chosen[row] = values[places[row]!]!;
};

const pickSmall = (values: Uint32Array | Uint8Array, places: Uint32Array, chosen: Uint32Array | Uint8Array): void => {
  for (let row = 0; row < places.length; row++) chosen[row] = values[places[row]!]!;
};

type Pieces = ReadonlyArray<ColumnData>;

const joinTexts = (pieces: Pieces, values: Uint32Array): ReadonlyArray<string> => {
  const places = new Map<string, number>();
  let at = 0;
  for (const piece of pieces) {
    const moved = piece.texts.map((text) => {
      const place = places.get(text) ?? places.size;
      places.set(text, place);
      return place;
    });
    for (let index = 0; index < piece.values.length; index++) values[at++] = moved[Number(piece.values[index])]!;
  }
  return [...places.keys()];
};

/** There are no texts. */
const joinValues = (pieces: Pieces, values: ColumnData["values"]): ReadonlyArray<string> => {
  let at = 0;
  for (const piece of pieces) {
    values.set(piece.values as never, at);
    at += piece.values.length;
  }
  return [];
};

const nullsOf = (parts: ReadonlyArray<Columns>, pieces: Pieces, length: number): Uint8Array | undefined => {
  if (pieces.every(({ nulls }) => nulls === undefined)) return undefined;
  const nulls = new Uint8Array(length);
  let at = 0;
  for (const [index, { length: rows }] of parts.entries()) {
    nulls.set(pieces[index]!.nulls ?? [], at);
    at += rows;
  }
  return nulls;
};

/**
 * Memory: 8 bytes a value, 4 for a text that is there already. Throws a `SinkError` (`Unrepresentable`) for a value of another type
 * than its column's, a count beyond 64 bits, and a column that the table does not have.
 */
export const toColumns = (table: Shape, rows: ReadonlyArray<Row>): Columns => {
  for (let index = 0; index < rows.length; index++) {
    const names = Object.keys(rows[index]!);
    if (names.length > table.columns.length) refuseUnknown(table, index, names);
  }
  return { length: rows.length, data: table.columns.map((column) => packers[column.type](table, column, rows)) };
};

/** The rows as they were. Memory: the rows. */
export const toRows = (table: Shape, { data, length }: Columns): ReadonlyArray<Row> => {
  const readers = table.columns.map(({ name, type }, index) => ({ name, read: readerOf(type, data[index]!) }));
  const rows: Array<Row> = [];
  for (let index = 0; index < length; index++) {
    const row: Record<string, Value> = {};
    for (const { name, read } of readers) row[name] = read(index);
    rows.push(row);
  }
  return rows;
};

/** Reads one value of a column, of the row at an index. */
export const readerOf = (type: ColumnType, { nulls, texts, values }: ColumnData): ((index: number) => Value) => {
  const read =
    type === "VARCHAR"
      ? (index: number): Value => texts[Number(values[index])]!
      : type === "BOOLEAN"
        ? (index: number): Value => values[index] === 1
        : (index: number): Value => values[index]!;
  return nulls === undefined ? read : (index) => (nulls[index] === 1 ? null : read(index));
};

type Pack = (table: Shape, column: Column, rows: ReadonlyArray<Row>) => ColumnData;

/** `put`: whether the value could be put at the index as it is. */
const pack =
  <Values extends ColumnData["values"]>(
    make: (length: number) => Values,
    put: (values: Values, index: number, value: Value | undefined) => boolean,
  ): Pack =>
  (table, column, rows) => {
    const { name, nullable } = column;
    const values = make(rows.length);
    let nulls: Uint8Array | undefined;
    for (let index = 0; index < rows.length; index++) {
      const value = rows[index]![name];
      if (value === null && nullable === true) (nulls ??= new Uint8Array(rows.length))[index] = 1;
      else if (!put(values, index, value)) throw misfit(table, column, index, value);
    }
    return { values, texts: [], nulls };
  };

const numbers = (length: number): Float64Array => new Float64Array(length);
const counts = (length: number): BigInt64Array => new BigInt64Array(length);
const flags = (length: number): Uint8Array => new Uint8Array(length);
const places = (length: number): Uint32Array => new Uint32Array(length);

const makers: { readonly [Type in ColumnType]: (length: number) => ColumnData["values"] } = {
  DATE: numbers,
  TIMESTAMP: numbers,
  VARCHAR: places,
  BIGINT: counts,
  BOOLEAN: flags,
};

const packNumbers = pack<Float64Array>(numbers, (values, index, value) => {
  if (typeof value !== "number") return false;
  values[index] = value;
  return true;
});

const packTexts: Pack = (table, column, rows) => {
  const known = new Map<string, number>();
  const packed = pack<Uint32Array>(places, (values, index, value) => {
    if (typeof value !== "string") return false;
    let place = known.get(value);
    if (place === undefined) known.set(value, (place = known.size));
    values[index] = place;
    return true;
  })(table, column, rows);
  return { ...packed, texts: [...known.keys()] };
};

const packers: { readonly [Type in ColumnType]: Pack } = {
  DATE: packNumbers,
  TIMESTAMP: packNumbers,
  VARCHAR: packTexts,
  BIGINT: pack<BigInt64Array>(counts, (values, index, value) => {
    if (typeof value !== "bigint") return false;
    values[index] = value;
    // What is beyond 64 bits has been cut.
    return values[index] === value;
  }),
  BOOLEAN: pack<Uint8Array>(flags, (values, index, value) => {
    values[index] = value === true ? 1 : 0;
    return typeof value === "boolean";
  }),
};

const refuseUnknown = (table: Shape, index: number, names: ReadonlyArray<string>): void => {
  const unknown = names.find((name) => table.columns.every((column) => column.name !== name));
  if (unknown === undefined) return;
  throw unrepresentable(
    table,
    `Row ${index + 1} has a column ${unknown}, which the table ${table.name} does not have.`,
  );
};

const misfit = (table: Shape, { name, nullable, type }: Column, index: number, value: Value | undefined) =>
  unrepresentable(
    table,
    `Row ${index + 1} has ${shown(value)} for ${name}, which is no ${type}${nullable === true ? "" : " that is not null"}.`,
  );

/** A value in a message, so that its type can be told. */
export const shown = (value: Value | undefined): string =>
  typeof value === "string" ? JSON.stringify(value) : typeof value === "bigint" ? `${value}n` : String(value);

const unrepresentable = (table: Shape, detail: string) => sinkError(`write ${table.name}`, "Unrepresentable", detail);
