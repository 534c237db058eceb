/**
 * Calls of Node's file system as effects whose only failure is a `SinkError`.
 */
import { fromSystemError, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** Runs a promise; a `SinkError` that it throws is kept, anything else becomes one by its system code. */
export const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, SinkError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => (cause instanceof SinkError ? cause : fromSystemError(operation, cause)),
  });

/** For a promise's `catch`: what is not there is undefined, and anything else is thrown on. */
export const absent = (cause: NodeJS.ErrnoException): undefined => {
  if (cause.code !== "ENOENT") throw cause;
};
