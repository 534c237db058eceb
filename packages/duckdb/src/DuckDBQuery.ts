/**
 * SQL over what was captured, for `segmeter query` and the reports: from the DuckDB file, or straight from the Parquet files.
 *
 * Guarantees: a query reads, and that only inside the data directory; it cannot write a file, change a setting, attach a
 * database or load an extension. Tables and views are the same over either source. Rows stream: memory is bounded by the query,
 * not by its result.
 */
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from "@duckdb/node-api";
import type { Instant, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { callNative, connect } from "./DuckDBConnection.ts";
import { copyOut, type CopyFormat } from "./QueryCopy.ts";
import { fromQuery, type QueryError, queryError } from "./QueryError.ts";
import { admit, asTable } from "./QueryGate.ts";
import { openQuerySource } from "./QuerySource.ts";
import { fromDuckDBValue, type QueryValue } from "./QueryValue.ts";

export interface QueryColumn {
  /** As the query names it; a repeated name gets `_1`, `_2`, … */
  readonly name: string;
  /** DuckDB's name of the type, such as `BIGINT` or `DECIMAL(18,3)`. */
  readonly type: string;
}

export interface QueryResult {
  readonly columns: ReadonlyArray<QueryColumn>;
  /**
   * Rows in the query's order, values in the order of `columns`. Chunks of at most 2,048. Can be run once.
   * Fails, perhaps after rows, when the query does; a stream that ends has had every row.
   */
  readonly rows: Stream.Stream<ReadonlyArray<QueryValue>, QueryError>;
}

export interface Query {
  readonly source: "duckdb" | "parquet";
  /** Why the Parquet files are read although the DuckDB file might have been; a sentence. */
  readonly why?: string;
  /** Runs one SELECT (or FROM, WITH, VALUES, SHOW, DESCRIBE, SUMMARIZE). Memory: what the query itself takes, and a chunk. */
  readonly run: (sql: string) => Effect.Effect<QueryResult, QueryError>;
  /**
   * Writes the rows of one SELECT to a file, which is replaced whole or not at all. Returns the number of rows.
   * Parquet has 128-bit integers as DECIMAL(38,0); CSV has a header, and timestamps as ISO-8601.
   */
  readonly copyTo: (sql: string, path: string, format: CopyFormat) => Effect.Effect<number, QueryError>;
}

/**
 * Opens the data directory for queries; closed with the scope. `auto`: the DuckDB file where it is there and can be read, else
 * the Parquet files. A table that has no files yet is an empty table.
 *
 * `asOf`: the usage tables, and the views over them, have the figures as they were known at that instant, each version with its
 * own `observed_at`; before the first capture there are none. Revisions, names, ledger and runs are those of today, and the macros
 * take any instant. What the user added to the DuckDB file has to be called `segmeter.main.<name>` then.
 *
 * Errors: `Broken` when there is no such directory, or, with `asOf`, when an earlier segmeter that kept no history made it; for
 * `duckdb`, and for `auto` when there are no Parquet files either, what opening the file says, such as `Busy`.
 */
export const openQuery = Effect.fn("openQuery")(function* (options: {
  readonly dataDir: string;
  readonly from: "duckdb" | "parquet" | "auto";
  readonly asOf?: Instant.EpochMicros;
}): Effect.fn.Return<Query, SinkError, Scope.Scope> {
  const { instance, source, spool, why } = yield* openQuerySource(options);
  const scope = yield* Effect.scope;
  return {
    source,
    ...(why === undefined ? {} : { why }),
    run: (sql) => run(instance, scope, sql),
    copyTo: (sql, path, format) => copyOut(instance, spool, { sql, path, format }),
  };
});

const operation = "query";

const failed = (cause: unknown): QueryError => fromQuery(operation, cause);

/** Each run has a connection of its own: starting another query on one ends the rows that still stream from it. */
const run = Effect.fnUntraced(function* (instance: DuckDBInstance, parent: Scope.Scope, sql: string) {
  const scope = yield* Scope.fork(parent);
  const close = Scope.close(scope, Exit.void);
  return yield* Effect.gen(function* () {
    const connection = yield* connect(instance, failed).pipe(Scope.provide(scope));
    const result = yield* callNative(connection, () => start(connection, sql), failed);
    const [, ...types] = result.columnTypes();
    const [, ...names] = result.columnNames();
    const columns = names.map((name, index) => ({ name, type: String(types[index]) }));
    return { columns, rows: Stream.ensuring(streamRows(connection, result, sql), close) };
  }).pipe(Effect.onError(() => close));
});

/**
 * Starts the query with a mark in front of its columns, false in every row, and one more row at the end where it is true.
 *
 * The binding reports an error that comes after the first rows as the end of the rows. Without the mark, an answer that was cut
 * short would look like a whole one.
 */
const start = async (connection: DuckDBConnection, sql: string): Promise<DuckDBResult> => {
  const statement = await admit(connection, operation, sql);
  const nulls = ", NULL".repeat(statement.columnCount);
  statement.destroySync();
  return connection.stream(`SELECT false, * FROM ${asTable(sql)} UNION ALL SELECT true${nulls}`);
};

const streamRows = (connection: DuckDBConnection, result: DuckDBResult, sql: string) =>
  Stream.paginate(undefined, () =>
    callNative(connection, () => result.fetchChunk(), failed).pipe(
      Effect.flatMap((chunk) => {
        if (chunk === null || chunk.rowCount === 0) return failAgain(connection, sql);
        const rows = chunk.getRows();
        const ended = rows.at(-1)?.[0] === true;
        if (ended) rows.pop();
        const values = rows.map(([, ...row]) => row.map(fromDuckDBValue));
        return Effect.succeed([values, ended ? Option.none<undefined>() : Option.some(undefined)] as const);
      }),
    ),
  );

/** Fails with what ended a query before its mark: the message is had only by running it again, keeping no rows. */
const failAgain = (connection: DuckDBConnection, sql: string): Effect.Effect<never, QueryError> =>
  callNative(connection, () => connection.run(`EXPLAIN ANALYZE FROM ${asTable(sql)}`), failed).pipe(
    Effect.andThen(Effect.fail(queryError(operation, "Failed", "The query ended before its last row."))),
  );
