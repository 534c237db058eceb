/**
 * What the thread of `SinkThread` does: opens the sinks when it is told to, carries out what it is asked, side by side as it comes,
 * and closes them at the end.
 */
import type { SinkError, SinkName } from "@segmeter/domain";
import * as Cause from "effect/Cause";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as FiberSet from "effect/FiberSet";
import * as Result from "effect/Result";
import * as Semaphore from "effect/Semaphore";
import type { MessagePort } from "node:worker_threads";
import { answer, type Answer, type Call, failureOf } from "./SinkCalls.ts";
import { type OpenedSinks, openSinks } from "./Sinks.ts";
import type { Asked, Opening, Said } from "./SinkThread.ts";

/** Ends when it was told to close, or opening failed, which it says; a defect is thrown, and so ends the thread. */
export const serveSinks = async (port: MessagePort): Promise<void> => {
  const say = (said: Said): void => port.postMessage(said);
  const exit = await Effect.runPromiseExit(Effect.scoped(serve(port, say)));
  if (Exit.isFailure(exit)) {
    const failed = Cause.findError(exit.cause);
    if (Result.isFailure(failed)) throw Cause.squash(exit.cause);
    say({ _tag: "Refused", failure: failureOf(failed.success) });
  }
  port.close();
};

const serve = Effect.fnUntraced(function* (port: MessagePort, say: (said: Said) => void) {
  const [opening, closing] = [Deferred.makeUnsafe<Opening>(), Deferred.makeUnsafe<void>()];
  const calls = yield* FiberSet.make();
  const start = yield* FiberSet.runtime(calls)();
  let carryOut: ((call: Call) => Effect.Effect<unknown, SinkError>) | undefined;
  port.on("message", (message: ReadonlyArray<Asked>) => {
    for (const asked of message) {
      if (!("_tag" in asked)) start(Effect.map(Effect.exit(carryOut!(asked)), (exit) => say(answerOf(asked.id, exit))));
      else if (asked._tag === "Open") Deferred.doneUnsafe(opening, Effect.succeed(asked));
      else Deferred.doneUnsafe(closing, Effect.void);
    }
  });
  const given = yield* Effect.raceFirst(Deferred.await(opening), Effect.as(Deferred.await(closing), undefined));
  if (given === undefined) return;
  const { notes, sinks } = yield* openSinks(given.request, given.command);
  carryOut = yield* makeCarryOut(sinks);
  say({ _tag: "Opened", names: sinks.map(({ name }): SinkName => name), notes });
  yield* Deferred.await(closing);
  yield* FiberSet.awaitEmpty(calls);
});

/** One thread does one thing at a time: of more replacements than these at once, all would end late, and be kept in memory until then. */
const replacedAtOnce = 4;

const makeCarryOut = Effect.fnUntraced(function* (sinks: OpenedSinks["sinks"]) {
  const served = new Map(
    yield* Effect.forEach(sinks, (sink) =>
      Effect.map(Semaphore.make(replacedAtOnce), (replacing) => [sink.name, { sink, replacing }] as const),
    ),
  );
  return (call: Call): Effect.Effect<unknown, SinkError> => {
    const { replacing, sink } = served.get(call.sink)!;
    const answered = answer(sink, call);
    return call.method === "replace" ? replacing.withPermits(1)(answered) : answered;
  };
});

const answerOf = (id: number, exit: Exit.Exit<unknown, Parameters<typeof failureOf>[0]>): Answer => {
  if (Exit.isSuccess(exit)) return { id, _tag: "Done", value: exit.value };
  const failed = Cause.findError(exit.cause);
  return Result.isSuccess(failed)
    ? { id, _tag: "Failed", failure: failureOf(failed.success) }
    : { id, _tag: "Died", message: String(Cause.squash(exit.cause)) };
};
