/**
 * Calls of the native binding as Effects.
 *
 * Guarantees: an interrupted call is stopped inside DuckDB and waited for, so that nothing is closed under a running query;
 * what a call throws becomes a typed error.
 */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";

/** Runs `call` on a connection. On interruption the query is cancelled in DuckDB and its end awaited. */
export const callNative = <A, E>(
  connection: DuckDBConnection,
  call: () => Promise<A>,
  onError: (cause: unknown) => E,
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const running = call();
    running.then(
      (value) => resume(Effect.succeed(value)),
      (cause: unknown) => resume(Effect.fail(onError(cause))),
    );
    return Effect.promise(() => {
      connection.interrupt();
      return running.then(ignore, ignore);
    });
  });

/** Settings of every instance, in memory or not. */
export const instanceSettings: Readonly<Record<string, string>> = {
  // On, it serves stale metadata of a Parquet file that was replaced at the same size within a second.
  enable_external_file_cache: "false",
  // On, merely opening a file that looks like SQLite's fetches an extension from the network.
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
};

/** An instance in memory, closed with the scope. It has no place to spill to until one is set. */
export const openInMemory = <E>(onError: (cause: unknown) => E): Effect.Effect<DuckDBInstance, E, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      // Else it would spill into the working directory.
      try: () => DuckDBInstance.create(":memory:", { ...instanceSettings, temp_directory: "" }),
      catch: onError,
    }),
    (opened) => Effect.sync(() => opened.closeSync()),
  );

/** A connection, closed with the scope. Several may be open on one instance; each has its own transaction and temporary tables. */
export const connect = <E>(
  instance: DuckDBInstance,
  onError: (cause: unknown) => E,
): Effect.Effect<DuckDBConnection, E, Scope.Scope> =>
  Effect.acquireRelease(Effect.tryPromise({ try: () => instance.connect(), catch: onError }), (connection) =>
    Effect.sync(() => connection.closeSync()),
  );

const ignore = (): void => {};
