/**
 * The thread of `SinkThread`: opens the sinks, carries out what it is asked, side by side as it comes, and closes them at the end.
 */
import type { SinkName } from "@segmeter/domain";
import * as Cause from "effect/Cause";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as FiberSet from "effect/FiberSet";
import * as Result from "effect/Result";
import { parentPort, workerData } from "node:worker_threads";
import { answer, type Answer, type Call, failureOf } from "./SinkCalls.ts";
import { openSinks } from "./Sinks.ts";
import type { Asked, Opening, Said } from "./SinkThread.ts";

const port = parentPort!;
const { command, request } = workerData as Opening;
const say = (said: Said): void => port.postMessage(said);

const serve = Effect.gen(function* () {
  const { notes, sinks } = yield* openSinks(request, command);
  const byName = new Map(sinks.map((sink) => [sink.name, sink]));
  const closing = Deferred.makeUnsafe<void>();
  const calls = yield* FiberSet.make();
  const start = yield* FiberSet.runtime(calls)();
  port.on("message", (asked: Asked) => {
    if ("method" in asked) start(Effect.map(Effect.exit(answer(byName.get(asked.sink)!, asked)), tell(asked)));
    else Deferred.doneUnsafe(closing, Effect.void);
  });
  say({ _tag: "Opened", names: sinks.map(({ name }): SinkName => name), notes });
  yield* Deferred.await(closing);
  yield* FiberSet.awaitEmpty(calls);
});

const tell =
  ({ id }: Call) =>
  (exit: Exit.Exit<unknown, Parameters<typeof failureOf>[0]>): void => {
    say(answerOf(id, exit));
  };

const answerOf = (id: number, exit: Exit.Exit<unknown, Parameters<typeof failureOf>[0]>): Answer => {
  if (Exit.isSuccess(exit)) return { id, _tag: "Done", value: exit.value };
  const failed = Cause.findError(exit.cause);
  return Result.isSuccess(failed)
    ? { id, _tag: "Failed", failure: failureOf(failed.success) }
    : { id, _tag: "Died", message: String(Cause.squash(exit.cause)) };
};

const exit = await Effect.runPromiseExit(Effect.scoped(serve));
if (Exit.isFailure(exit)) {
  const failed = Cause.findError(exit.cause);
  if (Result.isFailure(failed)) throw Cause.squash(exit.cause);
  say({ _tag: "Refused", failure: failureOf(failed.success) });
}
port.close();
