/**
 * A column on its way into DuckDB: as the type that DuckDB is to take it for, chunk by chunk.
 *
 * What DuckDB stores as it is stored here is copied as memory, by the bindings that its API is made of: through the API itself each
 * value would be an object. The rest goes value by value.
 */
import {
  BIGINT,
  BOOLEAN,
  DATE,
  type DuckDBDataChunk,
  DuckDBDateValue,
  type DuckDBEnumType,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBTimestampValue,
  type DuckDBValue,
  ENUM,
  TIMESTAMP,
  VARCHAR,
} from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";
import {
  type Column,
  type ColumnData,
  columnsOf,
  type ColumnType,
  readerOf,
  shown,
  sinkError,
  type Value,
} from "@segmeter/domain";

/** Rows of a chunk: DuckDB's vector size. */
export const chunkRows = 2_048;

const types: Record<ColumnType, DuckDBType> = { VARCHAR, DATE, TIMESTAMP, BIGINT, BOOLEAN };

/** Of either side of 1970; beyond, DuckDB means infinity. */
export const maxDay = 2 ** 31 - 2;

// Undefined: the column cannot hold the value exactly.
const encoders: Record<ColumnType, (value: Value) => DuckDBValue | undefined> = {
  // DuckDB holds UTF-8, which has no form for half of a surrogate pair.
  VARCHAR: (value) => (typeof value === "string" && value.isWellFormed() ? value : undefined),
  DATE: (value) =>
    Number.isInteger(value) && Math.abs(value as number) <= maxDay ? new DuckDBDateValue(value as number) : undefined,
  TIMESTAMP: (value) => (Number.isSafeInteger(value) ? new DuckDBTimestampValue(BigInt(value as number)) : undefined),
  BIGINT: (value) => value as bigint,
  BOOLEAN: (value) => value as boolean,
};

/** The value as DuckDB's API takes it. Throws `Unrepresentable`, naming the row at the index. */
export const itemOf = (column: Column, index: number, value: Value): DuckDBValue => {
  const item = value === null ? null : encoders[column.type](value);
  if (item === undefined) throw unrepresentable(column, index, value);
  return item;
};

/** Fills a column of a chunk with so many rows, from one on. */
type Fill = (start: number, count: number) => void;

/** What brings a column into chunks. */
export interface Filler {
  /** What DuckDB is to take the column for. */
  readonly type: DuckDBType;
  /** To be called once for each chunk: to take its vector costs more than to fill it. */
  readonly into: (chunk: DuckDBDataChunk, index: number) => Fill;
}

/** A column of so many rows. Throws `Unrepresentable` for one that has fewer; for a value that it cannot hold, when that is met. */
export const fillerOf = (column: Column, data: ColumnData, length: number): Filler => {
  const { nulls, values } = data;
  if (values.length < length) throw unrepresentable(column, values.length, undefined);
  const enumeration = enumerationOf(column, data, length);
  if (nulls === undefined && enumeration !== undefined) return enumerationFiller(enumeration, values as Uint32Array);
  if (nulls === undefined && column.type === "BIGINT") return { type: BIGINT, into: copier(values as BigInt64Array) };
  if (nulls === undefined && column.type === "TIMESTAMP")
    return { type: TIMESTAMP, into: instantsFiller(column, data) };
  return itemFiller(enumeration ?? types[column.type], column, data);
};

/** A column of one value, which every row has. Throws as {@link itemOf}. */
export const constantFiller = (column: Column, value: Value, length: number): Filler => {
  const { data } = columnsOf({ name: column.name, columns: [column] }, [{ [column.name]: value }]);
  const enumeration = enumerationOf(column, data[0]!, length);
  if (enumeration !== undefined) return enumerationFiller(enumeration, new Uint32Array(length));
  const item = itemOf(column, 0, value);
  return {
    type: types[column.type],
    into: (chunk, place) => {
      const vector = chunk.getColumnVector(place);
      return (_start, count) => {
        for (let offset = 0; offset < count; offset++) vector.setItem(offset, item);
        vector.flush();
      };
    },
  };
};

/** Value by value, as DuckDB's own API takes them. */
const itemFiller = (type: DuckDBType, column: Column, data: ColumnData): Filler => {
  const { nulls, values } = data;
  const read = readerOf(column.type, data);
  return {
    type,
    into: (chunk, place) => {
      const vector = chunk.getColumnVector(place);
      return (start, count) => {
        // Rows beside each other often share a day, or a text, for each of which DuckDB wants an object.
        let before = -1;
        let item: DuckDBValue = null;
        for (let offset = 0; offset < count; offset++) {
          const index = start + offset;
          if (before < 0 || nulls !== undefined || values[index] !== values[before])
            item = itemOf(column, index, read(index));
          before = index;
          vector.setItem(offset, item);
        }
        vector.flush();
      };
    },
  };
};

type Stored = BigInt64Array | Uint8Array | Uint16Array | Uint32Array;

/** Copies what is stored as DuckDB stores it: no value becomes an object of its own. There are no nulls. */
const copier =
  (stored: Stored) =>
  (chunk: DuckDBDataChunk, index: number): Fill => {
    const vector = bindings.data_chunk_get_vector(chunk.chunk, index);
    const { buffer, byteOffset, BYTES_PER_ELEMENT: size } = stored;
    return (start, count) =>
      bindings.copy_data_to_vector(vector, 0, buffer as ArrayBuffer, byteOffset + start * size, count * size);
  };

const instantsFiller =
  (column: Column, { values }: ColumnData): Filler["into"] =>
  (chunk, place) => {
    const stored = new BigInt64Array(chunkRows);
    const copy = copier(stored)(chunk, place);
    return (start, count) => {
      // Rows beside each other often share an instant.
      let before: number | undefined;
      let micros = 0n;
      for (let offset = 0; offset < count; offset++) {
        const value = values[start + offset] as number;
        if (value !== before) {
          if (!Number.isSafeInteger(value)) throw unrepresentable(column, start + offset, value);
          micros = BigInt(value);
          before = value;
        }
        stored[offset] = micros;
      }
      copy(0, count);
    };
  };

/** DuckDB has the places of an enumeration in as few bytes as there are texts. */
const enumerationFiller = (type: DuckDBEnumType, places: Uint32Array): Filler => {
  if (type.internalTypeId === DuckDBTypeId.UTINYINT) return { type, into: copier(new Uint8Array(places)) };
  if (type.internalTypeId === DuckDBTypeId.USMALLINT) return { type, into: copier(new Uint16Array(places)) };
  return { type, into: copier(places) };
};

/** Rows for each text of a column from which on its texts go as an enumeration: each text by itself is a call into DuckDB. */
const rowsPerText = 8;

/** DuckDB makes text of it again on its way into the table. Undefined: no texts, few rows for each, or no names for an enumeration. */
const enumerationOf = (
  { type: columnType }: Column,
  { texts, values }: ColumnData,
  length: number,
): DuckDBEnumType | undefined => {
  if (columnType !== "VARCHAR" || texts.length === 0 || texts.length * rowsPerText > length) return undefined;
  // DuckDB would take a place without a text at its word.
  if ((values as Uint32Array).some((place) => place >= texts.length)) return undefined;
  if (texts.some((text) => text.includes("\0") || !text.isWellFormed())) return undefined;
  const type = ENUM(texts);
  return texts.every((text, place) => type.indexForValue(text) === place) ? type : undefined;
};

const unrepresentable = ({ name, type }: Column, row: number, value: Value | undefined) =>
  sinkError("append rows", "Unrepresentable", `Row ${row + 1} has ${shown(value)} for ${name}, which is no ${type}.`);
