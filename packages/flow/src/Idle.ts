/**
 * Whether this thread has time for more. What is walked side by side is read in turn, so that more walks than it can keep up with
 * would all end late, and at once: memory would hold them all, and who writes them would wait, and then be late.
 */
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import { performance } from "node:perf_hooks";

/** Of the time since the last start, for another to start. */
const leastIdle = 0.25;
/** Milliseconds: shorter times say nothing. */
const shortest = 3;
/** Milliseconds: a thread that has not been idle for so long may never be, as on a machine that others use up. */
const longest = 1_000;
/** Milliseconds, by the machine's timer: a clock that is set stands still. */
const pause = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 2);
  return Effect.sync(() => clearTimeout(timer));
});

/** Lets one after the other pass, each as soon as the thread was idle for a part of the time since the one before it, or a second has passed. */
export const makeIdleGate = (): Effect.Effect<Effect.Effect<void>> =>
  Effect.map(Semaphore.make(1), (turn) => {
    let since: ReturnType<typeof performance.eventLoopUtilization> | undefined;
    const isIdle = (): boolean => {
      if (since === undefined) return true;
      const { active, idle, utilization } = performance.eventLoopUtilization(since);
      const elapsed = active + idle;
      return elapsed >= longest || (elapsed >= shortest && utilization <= 1 - leastIdle);
    };
    const passed = Effect.gen(function* () {
      while (!isIdle()) yield* pause;
      since = performance.eventLoopUtilization();
    });
    return turn.withPermits(1)(passed);
  });
