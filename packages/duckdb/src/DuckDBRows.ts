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
  type DuckDBResult,
  type DuckDBType,
  DuckDBTimestampValue,
  type DuckDBValue,
  TIMESTAMP,
  VARCHAR,
} from "@duckdb/node-api";
import { type Column, type ColumnType, type Row, sinkError, type Value } from "@segmeter/domain";

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
    typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= maxDay
      ? new DuckDBDateValue(value)
      : undefined,
  TIMESTAMP: (value) => (Number.isSafeInteger(value) ? new DuckDBTimestampValue(BigInt(value as number)) : undefined),
  BIGINT: (value) => (typeof value === "bigint" && BigInt.asIntN(64, value) === value ? value : undefined),
  BOOLEAN: (value) => (typeof value === "boolean" ? value : undefined),
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
 * Appends rows, in order. A column that `constants` names has that value in every row, whatever the row says.
 *
 * Within a transaction: without one DuckDB would commit in steps. Memory: one chunk, and DuckDB's buffer of the rows.
 * Throws a `SinkError` with reason `Unrepresentable`, or DuckDB's own error; then no row is left behind in the appender, and
 * the transaction is to be rolled back.
 */
export const appendRows = async (
  connection: DuckDBConnection,
  target: Target,
  rows: ReadonlyArray<Row>,
  constants: Row = {},
): Promise<void> => {
  const appender = await connection.createAppender(target.table, target.schema, target.catalog);
  try {
    const chunk = DuckDBDataChunk.create(target.columns.map(({ type }) => types[type]));
    for (let start = 0; start < rows.length; start += chunkRows) {
      chunk.reset();
      chunk.rowCount = Math.min(chunkRows, rows.length - start);
      target.columns.forEach((column, index) => fill(chunk, index, column, rows, start, constants));
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

const fill = (
  chunk: DuckDBDataChunk,
  index: number,
  column: Column,
  rows: ReadonlyArray<Row>,
  start: number,
  constants: Row,
): void => {
  const vector = chunk.getColumnVector(index);
  const encode = encoders[column.type];
  const constant = constants[column.name];
  // Rows beside each other often share a day, a period or an instant, for each of which DuckDB wants an object.
  let before: Value | undefined;
  let encoded: DuckDBValue | undefined;
  for (let offset = 0; offset < vector.itemCount; offset++) {
    const value = constant ?? rows[start + offset]![column.name];
    if (value !== before || offset === 0) {
      encoded = value === null && column.nullable === true ? null : encode(value as Value);
      if (encoded === undefined) throw unrepresentable(column, start + offset, value);
      before = value;
    }
    vector.setItem(offset, encoded!);
  }
  vector.flush();
};

const unrepresentable = ({ name, type }: Column, row: number, value: Value | undefined) =>
  sinkError("append rows", "Unrepresentable", `Row ${row + 1} has ${show(value)} for ${name}, which is no ${type}.`);

const show = (value: Value | undefined): string =>
  typeof value === "string" ? JSON.stringify(value) : typeof value === "bigint" ? `${value}n` : String(value);

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
