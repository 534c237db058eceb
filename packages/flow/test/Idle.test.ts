import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { makeIdleGate } from "../src/Idle.ts";

/** Keeps the thread busy, but for moments in which others have their turn. */
const keepBusy = async (milliseconds: number): Promise<void> => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    for (const until = performance.now() + 3; performance.now() < until;);
    await new Promise<void>(setImmediate);
  }
};

describe("the gate of a thread", () => {
  it.live("lets the first pass at once, the next not while it is busy, and all once it is idle", () =>
    Effect.gen(function* () {
      const gate = yield* makeIdleGate();
      yield* gate;
      const passed: Array<number> = [];
      const waiting = [1, 2, 3].map((one) =>
        Effect.andThen(
          gate,
          Effect.sync(() => void passed.push(one)),
        ),
      );
      const fibers = yield* Effect.forEach(waiting, (one) => Effect.forkChild(one));
      yield* Effect.promise(() => keepBusy(60));
      assert.deepStrictEqual(passed, []);
      yield* Effect.forEach(fibers, Fiber.join);
      assert.deepStrictEqual(passed, [1, 2, 3]);
    }),
  );

  it.live("lets one pass in the end though the thread is never idle", () =>
    Effect.gen(function* () {
      const gate = yield* makeIdleGate();
      yield* gate;
      let isPassed = false;
      yield* Effect.forkChild(
        Effect.andThen(
          gate,
          Effect.sync(() => void (isPassed = true)),
        ),
      );
      yield* Effect.promise(() => keepBusy(1_500));
      assert.isTrue(isPassed);
    }),
  );

  it.live("forgets who no longer waits", () =>
    Effect.gen(function* () {
      const gate = yield* makeIdleGate();
      yield* gate;
      const gone = yield* Effect.forkChild(gate);
      yield* Effect.promise(() => keepBusy(10));
      yield* Fiber.interrupt(gone);
      yield* gate;
    }),
  );
});
