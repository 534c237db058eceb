/**
 * Statements that a session runs again and again: planned once for each connection, and closed with it.
 */
import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBValue } from "@duckdb/node-api";

const known = new WeakMap<DuckDBConnection, Map<string, DuckDBPreparedStatement>>();

/** Runs SQL with `$1`, `$2`, … for the values. `sql` is one of few: what is planned stays in memory. Throws DuckDB's own error. */
export const runAgain = async (
  connection: DuckDBConnection,
  sql: string,
  values: Array<DuckDBValue>,
): Promise<void> => {
  const statements = known.get(connection) ?? new Map<string, DuckDBPreparedStatement>();
  known.set(connection, statements);
  const statement = statements.get(sql) ?? (await connection.prepare(sql));
  statements.set(sql, statement);
  statement.bind(values);
  await statement.run();
};
