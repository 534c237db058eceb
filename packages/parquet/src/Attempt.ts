/**
 * Promises of Node and of the Parquet libraries as effects whose only failure is a `SinkError`.
 */
import { fromSystemError, SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** Runs a promise; a `SinkError` that it throws is kept, anything else becomes one by its system code. */
export const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, SinkError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => (cause instanceof SinkError ? cause : fromSystemError(operation, cause)),
  });

/** The same failure, told as part of a larger operation. */
export const during = (operation: string) =>
  Effect.mapError(({ cause, detail, hint, reason }: SinkError) =>
    sinkError(operation, reason, detail, { hint, cause }),
  );

/** Whether the operation failed because the file is not there. */
const isMissing = ({ cause }: SinkError): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ENOENT";

/** What is not there yet is nothing to fail over. */
export const orMissing = <A, B>(self: Effect.Effect<A, SinkError>, otherwise: B): Effect.Effect<A | B, SinkError> =>
  Effect.catch(self, (error): Effect.Effect<B, SinkError> =>
    isMissing(error) ? Effect.succeed(otherwise) : Effect.fail(error),
  );

/** What is damaged, or not ours, is left to those who need it. */
export const orUnreadable = <A, B>(self: Effect.Effect<A, SinkError>, otherwise: B): Effect.Effect<A | B, SinkError> =>
  Effect.catch(self, (error): Effect.Effect<B, SinkError> =>
    error.reason === "Damaged" || error.reason === "Foreign" ? Effect.succeed(otherwise) : Effect.fail(error),
  );
