/**
 * Rows into DuckDB and back, exactly: whole chunks of vectors through the appender, column by column.
 *
 * Guarantees: what comes back is what went in, bit for bit; a value that a column cannot hold exactly is refused with
 * `Unrepresentable`, never rounded, cut or replaced. Appending takes one reused chunk of 2,048 rows beside DuckDB's own buffer.
 */
import {
  BIGINT,
  BOOLEAN,
  DATE,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDateValue,
  type DuckDBEnumType,
  type DuckDBResult,
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
  type Row,
  type Rows,
  shown,
  sinkError,
  type Value,
} from "@segmeter/domain";
import { runAgain } from "./DuckDBStatements.ts";

/** Rows of a chunk: DuckDB's vector size. */
export const chunkRows = 2_048;

const types: Record<ColumnType, DuckDBType> = { VARCHAR, DATE, TIMESTAMP, BIGINT, BOOLEAN };

const maxDay = 2 ** 31 - 2;

// Undefined: the column cannot hold the value exactly.
const encoders: Record<ColumnType, (value: Value) => DuckDBValue | undefined> = {
  // DuckDB holds UTF-8, which has no form for half of a surrogate pair.
  VARCHAR: (value) => (typeof value === "string" && value.isWellFormed() ? value : undefined),
  // Beyond, DuckDB means infinity.
  DATE: (value) =>
    Number.isInteger(value) && Math.abs(value as number) <= maxDay ? new DuckDBDateValue(value as number) : undefined,
  TIMESTAMP: (value) => (Number.isSafeInteger(value) ? new DuckDBTimestampValue(BigInt(value as number)) : undefined),
  BIGINT: (value) => value as bigint,
  BOOLEAN: (value) => value as boolean,
};

const decoders: Record<ColumnType, (value: DuckDBValue) => Value | undefined> = {
  VARCHAR: (value) => (typeof value === "string" ? value : undefined),
  DATE: (value) => (value instanceof DuckDBDateValue && Math.abs(value.days) <= maxDay ? value.days : undefined),
  TIMESTAMP: (value) => {
    const micros = value instanceof DuckDBTimestampValue ? Number(value.micros) : undefined;
    return Number.isSafeInteger(micros) ? micros : undefined;
  },
  BIGINT: (value) => (typeof value === "bigint" ? value : undefined),
  BOOLEAN: (value) => (typeof value === "boolean" ? value : undefined),
};

/** Where rows go. `columns` are all columns of the table, in its order. */
export interface Target {
  readonly table: string;
  readonly schema?: string;
  readonly catalog?: string;
  readonly columns: ReadonlyArray<Column>;
}

/**
 * Appends rows, in order; those given by column have the columns that `constants` does not name. A column that it names has that
 * value in every row.
 *
 * Within a transaction: without one DuckDB would commit in steps. Memory: one chunk, and DuckDB's buffer of the rows.
 * Throws a `SinkError` with reason `Unrepresentable`, or DuckDB's own error; then no row is left behind in the appender, and
 * the transaction is to be rolled back.
 */
export const appendRows = async (
  connection: DuckDBConnection,
  { catalog, columns, schema, table }: Target,
  rows: Rows,
  constants: Row = {},
): Promise<void> => {
  const { data, length } = columnsOf(
    { name: table, columns: columns.filter(({ name }) => !(name in constants)) },
    rows,
  );
  const left = data.values();
  const fillers = columns.map((column) => {
    const constant = constants[column.name];
    return fillerOf(column, constant === undefined ? left.next().value! : constantly(column, constant), length);
  });
  const appender = await connection.createAppender(table, schema, catalog);
  try {
    const chunk = DuckDBDataChunk.create(
      fillers.map(({ type }) => type),
      Math.min(chunkRows, length),
    );
    const fills = fillers.map(({ into }, index) => into(chunk, index));
    for (let start = 0; start < length; start += chunkRows) {
      const count = Math.min(chunkRows, length - start);
      chunk.rowCount = count;
      for (const fill of fills) fill(start, count);
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  } catch (cause) {
    // An appender that is closed, or collected, writes what it still holds: after a rollback that would be a commit of its own.
    appender.clear();
    throw cause;
  } finally {
    appender.closeSync();
  }
};

/** Inserts one row, by the same rules; it has all columns of the table. Throws as {@link appendRows}. */
export const insertRow = async (connection: DuckDBConnection, { columns, table }: Target, row: Row): Promise<void> => {
  const { data } = columnsOf({ name: table, columns }, [row]);
  const values = columns.map((column, index) => itemOf(column, 0, readerOf(column.type, data[index]!)(0)));
  const places = columns.map((_, index) => `$${index + 1}`).join(", ");
  await runAgain(connection, `INSERT INTO ${table} VALUES (${places})`, values);
};

const itemOf = (column: Column, index: number, value: Value): DuckDBValue => {
  const item = value === null ? null : encoders[column.type](value);
  if (item === undefined) throw unrepresentable(column, index, value);
  return item;
};

/** Fills a column of a chunk with so many rows, from one on. */
type Fill = (start: number, count: number) => void;

interface Filler {
  /** What DuckDB is to take the column for. */
  readonly type: DuckDBType;
  /** To be called once for each chunk: to take its vector costs more than to fill it. */
  readonly into: (chunk: DuckDBDataChunk, index: number) => Fill;
}

/** A column of one value, which every row has. */
const constantly = (column: Column, value: Value): ColumnData =>
  columnsOf({ name: column.name, columns: [column] }, [{ [column.name]: value }]).data[0]!;

const fillerOf = (column: Column, data: ColumnData, length: number): Filler => {
  const { nulls, values } = data;
  const isConstant = values.length < length;
  const enumeration = column.type === "VARCHAR" ? enumerationOf(data, length) : undefined;
  if (nulls === undefined && enumeration !== undefined) {
    return enumerationFiller(enumeration, isConstant ? new Uint32Array(length) : (values as Uint32Array));
  }
  if (nulls === undefined && !isConstant) {
    if (column.type === "BIGINT") return { type: BIGINT, into: copier(values as BigInt64Array) };
    if (column.type === "TIMESTAMP") return { type: TIMESTAMP, into: instantsFiller(column, data) };
  }
  return itemFiller(enumeration ?? types[column.type], column, data, isConstant);
};

/** Value by value, as DuckDB's own API takes them. */
const itemFiller = (type: DuckDBType, column: Column, data: ColumnData, isConstant: boolean): Filler => {
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
          const index = isConstant ? 0 : start + offset;
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
  const width = { [DuckDBTypeId.UTINYINT]: Uint8Array, [DuckDBTypeId.USMALLINT]: Uint16Array }[
    type.internalTypeId as number
  ];
  return { type, into: copier(width === undefined ? places : width.from(places)) };
};

/** Rows for each text of a column from which on its texts go as an enumeration: each text by itself is a call into DuckDB. */
const rowsPerText = 8;

/** DuckDB makes text of it again on its way into the table. Undefined: few rows for each text, or no names for an enumeration. */
const enumerationOf = ({ texts, values }: ColumnData, length: number): DuckDBEnumType | undefined => {
  if (texts.length === 0 || texts.length * rowsPerText > length) return undefined;
  // DuckDB would take a place without a text at its word.
  if ((values as Uint32Array).some((place) => place >= texts.length)) return undefined;
  if (texts.some((text) => text.includes("\0") || !text.isWellFormed())) return undefined;
  const type = ENUM(texts);
  return texts.every((text, place) => type.indexForValue(text) === place) ? type : undefined;
};

const unrepresentable = ({ name, type }: Column, row: number, value: Value) =>
  sinkError("append rows", "Unrepresentable", `Row ${row + 1} has ${shown(value)} for ${name}, which is no ${type}.`);

/**
 * All rows of a result whose columns are `columns`, in that order. Memory: the result and the rows.
 * Throws `Unrepresentable` for a value that was not written by {@link appendRows}, such as a timestamp beyond 2^53 µs.
 */
export const readRows = async (result: DuckDBResult, columns: ReadonlyArray<Column>): Promise<Array<Row>> => {
  const rows: Array<Record<string, Value>> = [];
  for await (const chunk of result) {
    const start = rows.length;
    for (let left = chunk.rowCount; left > 0; left--) rows.push({});
    columns.forEach((column, index) => {
      const vector = chunk.getColumnVector(index);
      const decode = decoders[column.type];
      for (let offset = 0; offset < vector.itemCount; offset++) {
        const item = vector.getItem(offset) as DuckDBValue;
        const value = item === null ? null : decode(item);
        if (value === undefined) {
          const detail = `The stored value ${String(item)} of ${column.name} is no ${column.type} of segmeter's.`;
          throw sinkError("read rows", "Unrepresentable", detail);
        }
        rows[start + offset]![column.name] = value;
      }
    });
  }
  return rows;
};
