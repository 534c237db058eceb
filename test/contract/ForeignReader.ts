/**
 * Rows as DuckDB reads them: the reader that no Parquet encoder and no sink of ours brings along.
 */
import { allColumns, type Column, type Row, type Table, type Value } from "@segmeter/domain";
import { DuckDBInstance } from "@duckdb/node-api";

/** SQL for a column as a plain value: days and microseconds since the epoch, and what is one already as it is. */
const plain = ({ name, type }: Column): string =>
  type === "DATE"
    ? `"${name}" - DATE '1970-01-01' AS "${name}"`
    : type === "TIMESTAMP"
      ? `epoch_us("${name}") AS "${name}"`
      : `"${name}"`;

/** The rows of a table from a SQL source, once it is sure that each column has the type of the table contract. */
export const selectRows = async (database: string, source: string, table: Table): Promise<ReadonlyArray<Row>> => {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
    const found = described.getRowObjects().map((row) => `${row["column_name"]} ${row["column_type"]}`);
    const expected = allColumns(table).map(({ name, type }) => `${name} ${type}`);
    if (found.toSorted().join() !== expected.toSorted().join()) throw new Error(`${found} instead of ${expected}`);
    const read = await connection.runAndReadAll(`SELECT ${allColumns(table).map(plain).join()} FROM ${source}`);
    return read
      .getRowObjects()
      .map((row) => Object.fromEntries(allColumns(table).map(({ name, type }) => [name, valueOf(type, row[name])])));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
};

const valueOf = (type: Column["type"], value: unknown): Value =>
  (type === "DATE" || type === "TIMESTAMP") && value !== null ? Number(value) : (value as Value);
