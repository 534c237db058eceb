/**
 * What a thread of `SinkThread` does: opens its sinks when it is told to, carries out what it is asked, side by side as it comes,
 * and closes them at the end.
 */
import type { SinkError, SinkName } from "@segmeter/domain";
import * as Cause from "effect/Cause";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as FiberSet from "effect/FiberSet";
import * as Result from "effect/Result";
import type * as Scope from "effect/Scope";
import * as Semaphore from "effect/Semaphore";
import type { MessagePort } from "node:worker_threads";
import { answer, type Answer, failureOf } from "./SinkCalls.ts";
import { loadAdapter, openDatabase, openDirectory, type OpenedDirectory } from "./Sinks.ts";
import type { Asked, Opening, Said } from "./SinkThread.ts";

/** Ends when it was told to close, or opening failed, which it says; a defect is thrown, and so ends the thread. */
export const serveSinks = async (port: MessagePort, opening: Opening): Promise<void> => {
  const say = (said: Said): void => port.postMessage(said);
  const exit = await Effect.runPromiseExit(Effect.scoped(serve(port, opening, say)));
  if (Exit.isFailure(exit)) {
    const failed = Cause.findError(exit.cause);
    if (Result.isFailure(failed)) throw Cause.squash(exit.cause);
    say({ _tag: "Refused", failure: failureOf(failed.success) });
  }
  port.close();
};

const open = ({ command, part, request }: Opening): Effect.Effect<OpenedDirectory, SinkError, Scope.Scope> =>
  part === "directory"
    ? openDirectory(request, command)
    : Effect.map(openDatabase(request), (sinks) => ({ sinks, notes: [], sweep: Effect.void }));

const serve = Effect.fnUntraced(function* (port: MessagePort, given: Opening, say: (said: Said) => void) {
  const [opening, closing] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()];
  const calls = yield* FiberSet.make();
  const start = yield* FiberSet.runtime(calls)();
  // One thread does one thing at a time: of more than these at once, all would end late, and be kept in memory until then.
  const replacing = yield* Semaphore.make(4);
  let opened: OpenedDirectory | undefined;
  yield* loadAdapter(given.part);
  const carryOut = (asked: Exclude<Asked, { _tag: "Open" | "Close" }>) => {
    if (!("method" in asked)) return opened!.sweep;
    const sink = opened!.sinks.find(({ name }) => name === asked.sink)!;
    const answered = answer(sink, asked);
    return asked.method === "replace" ? replacing.withPermits(1)(answered) : answered;
  };
  port.on("message", (asked: Asked) => {
    if ("id" in asked) start(Effect.map(Effect.exit(carryOut(asked)), (exit) => say(answerOf(asked.id, exit))));
    else Deferred.doneUnsafe(asked._tag === "Open" ? opening : closing, Effect.void);
  });
  yield* Effect.raceFirst(Deferred.await(opening), Deferred.await(closing));
  if (Deferred.isDoneUnsafe(closing)) return;
  opened = yield* open(given);
  say({ _tag: "Opened", names: opened.sinks.map(({ name }): SinkName => name), notes: opened.notes });
  yield* Deferred.await(closing);
  yield* FiberSet.awaitEmpty(calls);
});

const answerOf = (id: number, exit: Exit.Exit<unknown, Parameters<typeof failureOf>[0]>): Answer => {
  if (Exit.isSuccess(exit)) return { id, _tag: "Done", value: exit.value };
  const failed = Cause.findError(exit.cause);
  return Result.isSuccess(failed)
    ? { id, _tag: "Failed", failure: failureOf(failed.success) }
    : { id, _tag: "Died", message: String(Cause.squash(exit.cause)) };
};
