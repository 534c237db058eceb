/**
 * A query's rows as a file. DuckDB writes only to the spool, the one place that it may write to; from there the file is copied
 * beside its target and renamed, so that the target is the old file or the whole new one. It is readable by its owner alone.
 */
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import * as Effect from "effect/Effect";
import { randomUUID } from "node:crypto";
import { constants, copyFile, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { callNative, connect } from "./DuckDBConnection.ts";
import { messageOf } from "./DuckDBFailure.ts";
import { fromQuery, type QueryError, queryError } from "./QueryError.ts";
import { admit, asTable } from "./QueryGate.ts";
import { quoteName, quoteText } from "./Quote.ts";

export type CopyFormat = "parquet" | "csv";

const formats: Record<CopyFormat, string> = {
  parquet: "FORMAT parquet, COMPRESSION zstd",
  csv: "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'",
};

/** Runs the query into the file at `path`. Returns the number of rows. Memory: what the query itself takes. */
export const copyOut = Effect.fnUntraced(function* (
  instance: DuckDBInstance,
  spool: string,
  request: { readonly sql: string; readonly path: string; readonly format: CopyFormat },
): Effect.fn.Return<number, QueryError> {
  const { format, path, sql } = request;
  const operation = `query into ${path}`;
  const failed = (cause: unknown) => fromQuery(operation, cause);
  const spooled = join(spool, randomUUID());
  const written = Effect.gen(function* () {
    const connection = yield* connect(instance, failed);
    return yield* callNative(connection, () => spoolRows(connection, operation, sql, spooled, format), failed);
  }).pipe(Effect.scoped);
  yield* fromSystem(operation, () => mkdir(spool, { recursive: true, mode: 0o700 }));
  return yield* written.pipe(
    Effect.tap(() => publish(operation, spooled, path)),
    Effect.ensuring(Effect.ignore(Effect.tryPromise(() => rm(spooled, { force: true })))),
  );
});

const spoolRows = async (
  connection: DuckDBConnection,
  operation: string,
  sql: string,
  spooled: string,
  format: CopyFormat,
): Promise<number> => {
  (await admit(connection, operation, sql)).destroySync();
  const source = asTable(sql);
  const columns = format === "parquet" ? await exactColumns(connection, source) : "*";
  const copy = `COPY (SELECT ${columns} FROM ${source}) TO ${quoteText(spooled)} (${formats[format]}, USE_TMP_FILE false)`;
  const [[rows] = []] = await (await connection.run(copy)).getRowsJS();
  return Number(rows);
};

/** Parquet has no 128-bit integers, and DuckDB would round them to DOUBLE: those columns become DECIMAL, or an error. */
const exactColumns = async (connection: DuckDBConnection, source: string): Promise<string> => {
  const statement = await connection.prepare(`FROM ${source}`);
  const columns = Array.from({ length: statement.columnCount }, (_, index) => {
    const name = quoteName(statement.columnName(index));
    const type = String(statement.columnType(index));
    const exact = type.replaceAll(/\bU?HUGEINT\b(?!")/g, "DECIMAL(38,0)");
    return exact === type ? name : `CAST(${name} AS ${exact}) AS ${name}`;
  });
  statement.destroySync();
  return columns.join(", ");
};

/** The spool may be on another disk, from where a file cannot be renamed. */
const publish = (operation: string, spooled: string, path: string): Effect.Effect<void, QueryError> => {
  const beside = `${path}.${randomUUID()}.tmp`;
  return fromSystem(operation, async () => {
    await copyFile(spooled, beside, constants.COPYFILE_EXCL);
    await using file = await open(beside, "r+");
    await file.chmod(0o600);
    await file.sync();
    await rename(beside, path);
  }).pipe(Effect.onError(() => Effect.ignore(Effect.tryPromise(() => rm(beside, { force: true })))));
};

const fromSystem = (operation: string, call: () => Promise<unknown>): Effect.Effect<void, QueryError> =>
  Effect.asVoid(
    Effect.tryPromise({
      try: call,
      // Up to the comma the message says what; after it come the names of files that the user never heard of.
      catch: (cause) => queryError(operation, "Unwritable", `${messageOf(cause).split(",", 1)[0]}.`, { cause }),
    }),
  );
