/**
 * The sinks of a run on a thread of their own: while one month is encoded, checked and made durable there, the next is read and
 * reconciled here. What opens them, the lock on the directory included, is `openSinks`, and happens there too.
 */
import { type Sink, type SinkError, sinkError, type SinkName } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { Worker } from "node:worker_threads";
import { type Answer, type Call, errorOf, type Failure, remoteSink } from "./SinkCalls.ts";
import type { OpenedSinks, SinkRequest } from "./Sinks.ts";

/** What the thread is started with. */
export interface Opening {
  readonly request: SinkRequest;
  readonly command: string;
}

/** What the thread says first; after it come answers, and a last word when all is closed. */
export type Opened =
  | { readonly _tag: "Opened"; readonly names: ReadonlyArray<SinkName>; readonly notes: ReadonlyArray<string> }
  | { readonly _tag: "Refused"; readonly failure: Failure };

export type Said = Opened | Answer;

export type Asked = Call | { readonly _tag: "Close" };

/**
 * As `openSinks`. When the scope closes, so do the sinks, and the thread ends; calls that are not answered by then are carried
 * out first. Memory: a partition by column, while it is handed over.
 * Errors: those of opening; afterwards of each call its own, and `Broken` for every call if the thread should die.
 */
export const openSinksInThread = Effect.fn("openSinksInThread")(function* (
  request: SinkRequest,
  command: string,
): Effect.fn.Return<OpenedSinks, SinkError, Scope.Scope> {
  const opened = Deferred.makeUnsafe<Extract<Opened, { _tag: "Opened" }>, SinkError>();
  const gone = Deferred.makeUnsafe<void>();
  const waiting = new Map<number, Deferred.Deferred<unknown, SinkError>>();
  const lost = (detail: string): void => {
    const error = sinkError("write", "Broken", detail);
    Deferred.doneUnsafe(opened, Effect.fail(error));
    for (const call of waiting.values()) Deferred.doneUnsafe(call, Effect.fail(error));
    waiting.clear();
  };
  const settle = (answer: Answer): void => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (call !== undefined) Deferred.doneUnsafe(call, outcomeOf(answer));
  };

  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const workerData: Opening = { request, command };
      const started = new Worker(entry, { workerData });
      started.on("message", (said: Said) => {
        if (said._tag === "Opened") Deferred.doneUnsafe(opened, Effect.succeed(said));
        else if (said._tag === "Refused") Deferred.doneUnsafe(opened, Effect.fail(errorOf(said.failure)));
        else settle(said);
      });
      started.on("error", (cause) => lost(`The thread that writes ended: ${String(cause)}.`));
      started.on("exit", () => {
        lost("The thread that writes has ended.");
        Deferred.doneUnsafe(gone, Effect.void);
      });
      return started;
    }),
    (started) =>
      Effect.suspend(() => {
        started.postMessage({ _tag: "Close" } satisfies Asked);
        return Deferred.await(gone);
      }),
  );

  let calls = 0;
  const sinkOf = (sink: SinkName): Sink =>
    remoteSink(sink, (method, ...args) =>
      Effect.suspend(() => {
        const done = Deferred.makeUnsafe<unknown, SinkError>();
        const id = calls++;
        waiting.set(id, done);
        worker.postMessage({ id, sink, method, args } satisfies Asked);
        return Deferred.await(done) as Effect.Effect<never, SinkError>;
      }),
    );
  const { names, notes } = yield* Deferred.await(opened);
  return { sinks: names.map(sinkOf), notes };
});

const outcomeOf = (answer: Answer): Effect.Effect<unknown, SinkError> => {
  switch (answer._tag) {
    case "Done":
      return Effect.succeed(answer.value);
    case "Failed":
      return Effect.fail(errorOf(answer.failure));
    case "Died":
      return Effect.die(new Error(answer.message));
  }
};

/** Beside this module, as a source or built. */
const entry = new URL(import.meta.url.endsWith(".ts") ? "./SinkThreadMain.ts" : "./sinkThread.js", import.meta.url);
