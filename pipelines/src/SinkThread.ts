/**
 * The sinks of a run, on a thread of their own: while a month is encoded, checked, made durable and put into the database there, the
 * next is read and reconciled here. They are opened as `openSinks` opens them.
 */
import { type Sink, type SinkError, sinkError, type SinkName } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { Worker } from "node:worker_threads";
import { type Answer, type Call, errorOf, type Failure, remoteSink } from "./SinkCalls.ts";
import type { OpenedSinks, SinkRequest } from "./Sinks.ts";
import { takeWorker } from "./SinkWorker.ts";

/** What a thread is to open. */
export interface Opening {
  readonly request: SinkRequest;
  readonly command: string;
}

/** What a thread says once it was asked to open; after it come answers, and a last word when all is closed. */
export type Opened =
  | { readonly _tag: "Opened"; readonly names: ReadonlyArray<SinkName>; readonly notes: ReadonlyArray<string> }
  | { readonly _tag: "Refused"; readonly failure: Failure };

export type Said = Opened | Answer;

export type Asked = Call | ({ readonly _tag: "Open" } & Opening) | { readonly _tag: "Close" };

/**
 * Has a thread open the sinks, at once; what it returns waits for that. When the scope closes, so do the sinks, and the thread ends;
 * calls that are not answered by then are carried out first. Memory: a partition by column, while it is handed over.
 * Errors: those of opening; afterwards of each call its own, and `Broken` for every call if the thread should die.
 */
export const openSinkThread = Effect.fn("openSinkThread")(function* (
  request: SinkRequest,
  command: string,
  program?: URL,
): Effect.fn.Return<Effect.Effect<OpenedSinks, SinkError>, never, Scope.Scope> {
  const opened = Deferred.makeUnsafe<Extract<Opened, { _tag: "Opened" }>, SinkError>();
  const waiting = new Map<number, Deferred.Deferred<unknown, SinkError>>();
  let end: SinkError | undefined;
  const lost = (cause: unknown): void => {
    end = sinkError(
      "write",
      "Broken",
      cause === undefined ? "The thread that writes has ended." : `The thread that writes ended: ${String(cause)}.`,
    );
    Deferred.doneUnsafe(opened, Effect.fail(end));
    for (const call of waiting.values()) Deferred.doneUnsafe(call, Effect.fail(end));
    waiting.clear();
  };
  const settle = (answer: Answer): void => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (call !== undefined) Deferred.doneUnsafe(call, outcomeOf(answer));
  };

  const { ask, gone } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const taken = takeWorker(program);
      taken.worker.on("message", (said: Said) => {
        if (said._tag === "Opened") Deferred.doneUnsafe(opened, Effect.succeed(said));
        else if (said._tag === "Refused") Deferred.doneUnsafe(opened, Effect.fail(errorOf(said.failure)));
        else settle(said);
      });
      taken.worker.postMessage([{ _tag: "Open", request, command }] satisfies ReadonlyArray<Asked>);
      return { ask: inTurns(taken.worker), gone: taken.gone };
    }),
    (taken) =>
      Effect.promise(() => {
        taken.ask({ _tag: "Close" });
        return taken.gone;
      }),
  );
  void gone.then(lost);

  let calls = 0;
  const sinkOf = (sink: SinkName): Sink =>
    remoteSink(sink, (method, ...args) =>
      Effect.suspend(() => {
        // Nobody is there to answer.
        if (end !== undefined) return end;
        const done = Deferred.makeUnsafe<unknown, SinkError>();
        const id = calls++;
        waiting.set(id, done);
        ask({ id, sink, method, args });
        return Deferred.await(done) as Effect.Effect<never, SinkError>;
      }),
    );
  return Effect.map(Deferred.await(opened), ({ names, notes }) => ({ sinks: names.map(sinkOf), notes }));
});

/** What is asked in one turn goes as one message, so that a partition which every sink takes is copied once. */
const inTurns = (worker: Worker): ((asked: Asked) => void) => {
  let turn: Array<Asked> = [];
  return (asked) => {
    if (turn.push(asked) > 1) return;
    setImmediate(() => {
      const message = turn;
      turn = [];
      worker.postMessage(message);
    });
  };
};

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
