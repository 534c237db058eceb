/**
 * The sinks of a run, each on a thread of its own: while one month is encoded, checked and made durable there, it is put into the
 * database, too, and the next is read and reconciled here. They are opened as `openSinks` opens them, in the same order.
 */
import { type Sink, type SinkError, sinkError, type SinkName } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { Worker } from "node:worker_threads";
import { type Answer, type Call, errorOf, type Failure, remoteSink } from "./SinkCalls.ts";
import type { OpenedSinks, SinkRequest } from "./Sinks.ts";

/** What a thread is started with. */
export interface Opening {
  readonly request: SinkRequest;
  readonly command: string;
  /** What it opens: the directory with the files in it, or the database. */
  readonly part: "directory" | "database";
}

/** What a thread says once it was asked to open; after it come answers, and a last word when all is closed. */
export type Opened =
  | { readonly _tag: "Opened"; readonly names: ReadonlyArray<SinkName>; readonly notes: ReadonlyArray<string> }
  | { readonly _tag: "Refused"; readonly failure: Failure };

export type Said = Opened | Answer;

export type Asked = Call | { readonly _tag: "Open" | "Close" } | { readonly _tag: "Sweep"; readonly id: number };

/**
 * Columns and pages are outside of V8's heap; what is short-lived within it is little. With V8's own bound, of 48 MiB, a thread
 * keeps twice to four times the memory, and takes no less time.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 6 };

/** Beside this module, as a source or built. */
const threadProgram = new URL(
  import.meta.url.endsWith(".ts") ? "./SinkThreadMain.ts" : "./sinkThread.js",
  import.meta.url,
);

/**
 * Starts the threads, which read their programs; what it returns opens the sinks, once, as `openSinks`. When the scope closes, so
 * do the sinks, and the threads end; calls that are not answered by then are carried out first. Memory: a partition by column,
 * while it is handed over.
 * Errors: those of opening; afterwards of each call its own, and `Broken` for every call if the thread should die.
 */
export const startSinkThreads = Effect.fn("startSinkThreads")(function* (
  request: SinkRequest,
  command: string,
  program: URL = threadProgram,
): Effect.fn.Return<Effect.Effect<OpenedSinks, SinkError>, never, Scope.Scope> {
  const directory = yield* startThread(program, { request, command, part: "directory" });
  const database = request.names.includes("duckdb")
    ? yield* startThread(program, { request, command, part: "database" })
    : undefined;
  return Effect.gen(function* () {
    const { notes, sinks } = yield* directory.open;
    // Once the directory is this run's.
    const databases = database === undefined ? [] : (yield* database.open).sinks;
    yield* directory.sweep;
    return { sinks: [...sinks, ...databases], notes };
  });
});

interface Thread {
  readonly open: Effect.Effect<OpenedSinks, SinkError>;
  readonly sweep: Effect.Effect<void, SinkError>;
}

const startThread = Effect.fnUntraced(function* (
  program: URL,
  workerData: Opening,
): Effect.fn.Return<Thread, never, Scope.Scope> {
  const opened = Deferred.makeUnsafe<Extract<Opened, { _tag: "Opened" }>, SinkError>();
  const gone = Deferred.makeUnsafe<void>();
  const waiting = new Map<number, Deferred.Deferred<unknown, SinkError>>();
  let end: SinkError | undefined;
  const lost = (detail: string): void => {
    const error = (end ??= sinkError("write", "Broken", detail));
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
      const started = new Worker(program, { workerData, resourceLimits });
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
  const ask = (asked: Asked): void => worker.postMessage(asked);

  let calls = 0;
  const answered = <A>(asked: (id: number) => Asked): Effect.Effect<A, SinkError> =>
    Effect.suspend(() => {
      // Nobody is there to answer.
      if (end !== undefined) return end;
      const done = Deferred.makeUnsafe<unknown, SinkError>();
      const id = calls++;
      waiting.set(id, done);
      ask(asked(id));
      return Deferred.await(done) as Effect.Effect<A, SinkError>;
    });
  const sinkOf = (sink: SinkName): Sink =>
    remoteSink(sink, (method, ...args) => answered((id) => ({ id, sink, method, args })));
  return {
    open: Effect.suspend(() => {
      ask({ _tag: "Open" });
      return Effect.map(Deferred.await(opened), ({ names, notes }) => ({ sinks: names.map(sinkOf), notes }));
    }),
    sweep: answered((id) => ({ _tag: "Sweep", id })),
  };
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
