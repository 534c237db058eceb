/**
 * Calls of the native binding as Effects.
 *
 * Guarantees: an interrupted call is stopped inside DuckDB and waited for, so that nothing is closed under a running query;
 * what a call throws becomes a typed error.
 */
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
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

/** A connection, closed with the scope. Several may be open on one instance; each has its own transaction and temporary tables. */
export const connect = <E>(
  instance: DuckDBInstance,
  onError: (cause: unknown) => E,
): Effect.Effect<DuckDBConnection, E, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => instance.connect(), catch: onError }),
    (connection) => Effect.sync(() => connection.closeSync()),
  );

const ignore = (): void => {};
