/**
 * Rows into DuckDB and back, exactly: whole chunks of vectors through the appender, column by column.
 *
 * Guarantees: what comes back is what went in, bit for bit; a value that a column cannot hold exactly is refused with
 * `Unrepresentable`, never rounded, cut or replaced. Appending takes one reused chunk of 2,048 rows beside DuckDB's own buffer.
 */
import {
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDateValue,
  type DuckDBResult,
  DuckDBTimestampValue,
  type DuckDBValue,
} from "@duckdb/node-api";
import {
  type Column,
  columnsOf,
  type ColumnType,
  readerOf,
  type Row,
  type Rows,
  sinkError,
  type Value,
} from "@segmeter/domain";
import { chunkRows, constantFiller, fillerOf, itemOf, maxDay } from "./DuckDBColumn.ts";
import { runAgain } from "./DuckDBStatements.ts";

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
    return constant === undefined
      ? fillerOf(column, left.next().value!, length)
      : constantFiller(column, constant, length);
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
