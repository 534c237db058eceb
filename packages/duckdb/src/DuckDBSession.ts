/**
 * One connection, used by one transaction at a time: what the sink reads and writes through.
 *
 * Guarantees: a transaction is committed whole or rolled back whole, interruption included; after either the session is as
 * good as new. Callers wait for each other in the order in which they came.
 */
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import type { Column, Row, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Semaphore from "effect/Semaphore";
import { connect } from "./DuckDBConnection.ts";
import { fromDuckDB } from "./DuckDBFailure.ts";
import { readRows } from "./DuckDBRows.ts";
import { readVersion, sessionStatements } from "./DuckDBVersion.ts";
import { quoteName } from "./Quote.ts";

/** A SELECT as data: the columns of one table, and what follows its name. */
export interface Selection {
  readonly columns: ReadonlyArray<Column>;
  /** From `FROM` on, with `$1`, `$2`, … for the values. */
  readonly from: string;
  readonly values?: Array<DuckDBValue>;
}

/** Runs `body` in a transaction of its own; what it throws rolls everything back. It is not interrupted half-way. */
export type Transact = <A>(
  operation: string,
  body: (connection: DuckDBConnection) => Promise<A>,
) => Effect.Effect<A, SinkError>;

/** Opens a connection for transactions, one at a time, on a database of ours of either version; closed with the scope. */
export const openSession = Effect.fnUntraced(function* (
  instance: DuckDBInstance,
  path: string,
): Effect.fn.Return<Transact, SinkError, Scope.Scope> {
  const operation = `open ${path}`;
  const failed = (cause: unknown) => fromDuckDB(operation, path, cause);
  const connection = yield* connect(instance, failed);
  yield* Effect.tryPromise({
    try: async () => {
      const version = await readVersion(connection, operation, path);
      await connection.run(sessionStatements(version).join(";\n"));
    },
    catch: failed,
  });
  const permit = yield* Semaphore.make(1);
  return (operation, body) =>
    Effect.tryPromise({
      try: () => transaction(connection, body),
      catch: (cause) => fromDuckDB(operation, path, cause),
    }).pipe(Effect.uninterruptible, permit.withPermits(1));
});

const transaction = async <A>(
  connection: DuckDBConnection,
  body: (connection: DuckDBConnection) => Promise<A>,
): Promise<A> => {
  await connection.run("BEGIN");
  try {
    const value = await body(connection);
    await connection.run("COMMIT");
    return value;
  } catch (cause) {
    // A COMMIT that failed has rolled back already; what matters is the first cause.
    await connection.run("ROLLBACK").catch(() => {});
    throw cause;
  }
};

/** A SELECT inside a transaction: sees what the transaction wrote. */
export const select = async (connection: DuckDBConnection, selection: Selection): Promise<Array<Row>> => {
  const { columns, from, values } = selection;
  const names = columns.map(({ name }) => quoteName(name)).join(", ");
  return readRows(await connection.run(`SELECT ${names} ${from}`, values), columns);
};
