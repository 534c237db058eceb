/**
 * Opens a DuckDB database file, at most once per process: a second instance of one file in one process loses commits, so
 * openings to write share an instance through DuckDB's cache, and nothing opens to read what the process has open.
 *
 * Guarantees: only a file that is a DuckDB database of ours (or none yet) is opened, and nothing else is written to; a new
 * file is readable by its owner alone; after the scope ends there is no `.wal` beside the file, unless the disk was full;
 * nothing is ever downloaded.
 */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { fromSystemError, type SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { randomBytes } from "node:crypto";
import { existsSync, renameSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { connect, instanceSettings } from "./DuckDBConnection.ts";
import { fromDuckDB } from "./DuckDBFailure.ts";
import { type Access, countOpening, lookAt } from "./DuckDBOpenings.ts";
import { listColumns, lostTable, schemaStatements, strangeness } from "./DuckDBSchema.ts";
import { readVersion } from "./DuckDBVersion.ts";
import { quoteName, quoteText } from "./Quote.ts";

/**
 * The database at `path`. Read-write creates it, and its directory, where there is none, and brings tables, views and macros up
 * to date, all or none. Memory: DuckDB's own, at most its `memory_limit` (80 % of the machine's).
 *
 * Errors: `Busy` (held by another process, which the detail names; can be retried), `Foreign` (no DuckDB database, one that
 * holds something else, or one of a newer segmeter), `Damaged`, `Unwritable`, `Full`; reading a file that is not there is
 * `Broken`.
 */
export const openDuckDBFile = Effect.fn("openDuckDBFile")(function* (options: {
  readonly path: string;
  readonly access: Access;
}): Effect.fn.Return<DuckDBInstance, SinkError, Scope.Scope> {
  const { access, path } = options;
  const operation = `open ${path}`;
  const isNew = yield* lookAt(operation, path, access);
  const failed = (cause: unknown) => fromDuckDB(operation, path, cause);
  const settings = { ...instanceSettings, access_mode: access === "read-only" ? "READ_ONLY" : "READ_WRITE" };
  if (isNew) yield* makeEmpty(operation, path);
  const instance = yield* Effect.acquireRelease(
    Effect.tryPromise({
      // The cache waits, and busily, for an instance that was closed until the last of its results is collected. What only
      // reads has no commits to lose, and needs no cache.
      try: () =>
        access === "read-only" ? DuckDBInstance.create(path, settings) : DuckDBInstance.fromCache(path, settings),
      catch: failed,
    }).pipe(Effect.tap(() => Effect.sync(() => countOpening(path, access, 1)))),
    (opened) =>
      Effect.sync(() => {
        // The last closing moves the log into the file. Should the disk be full, the next opening does.
        opened.closeSync();
        countOpening(path, access, -1);
      }),
  );
  yield* Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* connect(instance, failed);
      const version = yield* fromNative(() => recognise(connection, operation, path), failed);
      if (access === "read-only") return;
      // All or none: a transaction that fails ends with its connection.
      const statements = ["BEGIN", ...schemaStatements(version), "COMMIT"];
      yield* fromNative(() => connection.run(statements.join(";\n")), failed);
    }),
  );
  return instance;
});

/**
 * Puts an empty database at `path`, whole or not at all: one whose first pages found no room would be in everybody's way. It is
 * for this user alone.
 */
const makeEmpty = Effect.fnUntraced(function* (operation: string, path: string): Effect.fn.Return<void, SinkError> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  yield* fromNative(
    async () => {
      (await DuckDBInstance.create(temporary, { ...instanceSettings })).closeSync();
    },
    (cause) => fromDuckDB(operation, path, cause),
  ).pipe(
    Effect.andThen(
      fromNative(
        async () => {
          await chmod(temporary, 0o600);
          // At one go, for another opening in this process may have made it meanwhile.
          if (!existsSync(path)) renameSync(temporary, path);
        },
        (cause) => fromSystemError(operation, cause),
      ),
    ),
    Effect.ensuring(Effect.promise(() => rm(temporary, { force: true }).catch(ignore))),
    Effect.uninterruptible,
  );
});

/**
 * Adds the database at `path`, read-only, to an instance that has others, under the name `catalog`; it is taken out with the
 * scope. Returns its version. Errors: as {@link openDuckDBFile} read-only.
 */
export const attachDuckDBFile = Effect.fn("attachDuckDBFile")(function* (
  instance: DuckDBInstance,
  options: { readonly path: string; readonly catalog: string },
): Effect.fn.Return<number, SinkError, Scope.Scope> {
  const { catalog, path } = options;
  const operation = `open ${path}`;
  const failed = (cause: unknown) => fromDuckDB(operation, path, cause);
  yield* lookAt(operation, path, "read-only");
  const connection = yield* connect(instance, failed);
  const name = quoteName(catalog);
  const attach = `ATTACH ${quoteText(path)} AS ${name} (TYPE duckdb, READ_ONLY)`;
  yield* Effect.acquireRelease(
    fromNative(() => connection.run(attach), failed).pipe(
      Effect.tap(() => Effect.sync(() => countOpening(path, "read-only", 1))),
    ),
    () =>
      Effect.promise(async () => {
        await connection.run("USE memory").then(ignore, ignore);
        await connection.run(`DETACH ${name}`).then(ignore, ignore);
        countOpening(path, "read-only", -1);
      }),
  );
  return yield* fromNative(async () => {
    await connection.run(`USE ${name}`);
    return recognise(connection, operation, path);
  }, failed);
});

/** The version of the connection's current database. Throws a `SinkError` when it is none of ours. */
const recognise = async (connection: DuckDBConnection, operation: string, path: string): Promise<number> => {
  const version = await readVersion(connection, operation, path);
  const found = await (await connection.run(listColumns)).getRowsJS();
  const columnsOf = new Map(found.map(([name, columns]) => [String(name), String(columns)]));
  const strange = strangeness(columnsOf);
  if (strange !== undefined) throw sinkError(operation, "Foreign", `${path} was not made by segmeter: ${strange}.`);
  const lost = lostTable(new Set(columnsOf.keys()), version);
  if (lost !== undefined) throw sinkError(operation, "Damaged", `${path} lacks its table ${lost}.`);
  return version;
};

const fromNative = <A>(call: () => Promise<A>, failed: (cause: unknown) => SinkError): Effect.Effect<A, SinkError> =>
  Effect.tryPromise({ try: call, catch: failed });

const ignore = (): void => {};
