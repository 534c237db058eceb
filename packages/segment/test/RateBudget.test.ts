import { assert, describe, it } from "@effect/vitest";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Random from "effect/Random";
import { TestClock } from "effect/testing";
import { makeRateBudget, type RateBudget } from "../src/RateBudget.ts";
import type { RateSignal } from "../src/RateSignal.ts";
import type { Sent } from "../src/RateWindow.ts";

const silent: RateSignal = {
  consumed: undefined,
  remaining: undefined,
  resetIn: undefined,
  wait: undefined,
};
const plenty: RateSignal = { ...silent, consumed: 100, remaining: 900 };
const exactly = (ms: number) => ({ atLeast: ms, atMost: ms });

/** Somewhere in 2024, and not at the start of a second. */
const startMs = 1_706_745_600_123;

/** Lets the time pass, in steps so small that nothing is jumped over. */
const pass = (ms: number, step = 5) =>
  Effect.gen(function* () {
    for (let gone = 0; gone < ms; gone += step) yield* TestClock.adjust(Math.min(step, ms - gone));
  });

interface Passed {
  readonly name: number;
  readonly at: number;
  readonly sent: Sent;
}

/** Callers that ask for their turn, one after another, and note when they had it. */
const makeCallers = (budget: RateBudget) => {
  const passed: Array<Passed> = [];
  let name = 0;
  return {
    passed,
    names: () => passed.map((one) => one.name),
    times: () => passed.map(({ at }) => at - startMs),
    call: Effect.gen(function* () {
      const mine = name++;
      const fiber = yield* Effect.forkChild(
        Effect.gen(function* () {
          const sent = yield* budget.pass;
          passed.push({ name: mine, at: yield* Clock.currentTimeMillis, sent });
        }),
      );
      yield* TestClock.adjust(0);
      return fiber;
    }),
  };
};

const setUp = (requestsPerMinute?: number) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(startMs);
    const budget = yield* makeRateBudget(requestsPerMinute);
    return { budget, ...makeCallers(budget) };
  });

describe("the rate budget", () => {
  it.effect("sends one request ahead, and the others in their order once it is answered", () =>
    Effect.gen(function* () {
      const { budget, call, names, passed } = yield* setUp();
      for (let count = 0; count < 6; count++) yield* call;
      yield* pass(1_000);
      assert.deepStrictEqual(names(), [0]);
      yield* budget.succeeded(passed[0]!.sent, silent);
      yield* pass(10);
      assert.deepStrictEqual(names(), [0, 1, 2, 3, 4, 5]);
    }),
  );

  it.effect("holds every fiber back at a refusal, and then sends one ahead", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp();
      yield* call;
      yield* budget.succeeded(passed[0]!.sent, plenty);
      for (let count = 0; count < 3; count++) yield* call;
      assert.deepStrictEqual(times(), [0, 0, 0, 0]);
      yield* pass(100);
      yield* budget.refused(passed[1]!.sent, exactly(5_000), 1);
      yield* budget.succeeded(passed[2]!.sent, plenty);
      for (let count = 0; count < 5; count++) yield* call;
      yield* pass(4_995);
      assert.strictEqual(passed.length, 4);
      yield* pass(5);
      assert.deepStrictEqual(times().slice(4), [5_100]);
      yield* pass(1_000);
      assert.strictEqual(passed.length, 5);
      yield* budget.succeeded(passed[4]!.sent, plenty);
      yield* pass(5);
      assert.strictEqual(passed.length, 9);
    }),
  );

  it.effect("lengthens the pause for a longer one, and never shortens it", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp();
      yield* call;
      yield* budget.succeeded(passed[0]!.sent, silent);
      for (let count = 0; count < 3; count++) yield* call;
      yield* budget.refused(passed[1]!.sent, exactly(1_000), 1);
      yield* call;
      yield* budget.refused(passed[2]!.sent, exactly(3_000), 1);
      yield* budget.refused(passed[3]!.sent, exactly(0), 1);
      yield* pass(4_000);
      assert.deepStrictEqual(times().slice(4), [3_000]);
    }),
  );

  it.effect("backs off by itself when no wait is named", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp();
      yield* call;
      yield* budget.refused(passed[0]!.sent, undefined, 750);
      yield* call;
      yield* pass(2_000);
      assert.deepStrictEqual(times(), [0, 750]);
    }),
  );

  it.effect("keeps within what the headers say is left", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp();
      yield* call;
      const signal = { ...silent, consumed: 8, remaining: 2, resetIn: 4_000 };
      yield* budget.succeeded(passed[0]!.sent, signal);
      for (let count = 0; count < 5; count++) yield* call;
      yield* pass(3_995);
      assert.deepStrictEqual(times(), [0, 0, 0]);
      yield* pass(2_000);
      assert.isAtLeast(times()[3]!, 4_000);
      assert.isAtMost(times()[3]!, 5_000);
      assert.strictEqual(passed.length, 4, "one goes ahead into the new window");
    }),
  );

  it.effect("wakes who waits for a time when an answer says that there is more", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp();
      yield* call;
      yield* budget.succeeded(passed[0]!.sent, { ...silent, consumed: 8, remaining: 2, resetIn: 4_000 });
      for (let count = 0; count < 4; count++) yield* call;
      yield* pass(1_000);
      assert.strictEqual(passed.length, 3);
      yield* budget.succeeded(passed[1]!.sent, { ...silent, consumed: 9, remaining: 20 });
      yield* TestClock.adjust(0);
      assert.deepStrictEqual(times().slice(3), [1_000, 1_000]);
    }),
  );

  it.effect("takes a lost request for one that the service may have counted", () =>
    Effect.gen(function* () {
      const { budget, call, passed } = yield* setUp();
      yield* call;
      yield* call;
      assert.strictEqual(passed.length, 1);
      yield* budget.lost(passed[0]!.sent);
      yield* pass(10);
      assert.strictEqual(passed.length, 2, "another goes ahead in its place");
    }),
  );
});

describe("the user's ceiling", () => {
  it.effect("keeps an even distance, from the first request on", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp(60);
      yield* call;
      yield* budget.succeeded(passed[0]!.sent, silent);
      for (let count = 0; count < 4; count++) yield* call;
      yield* pass(5_000, 50);
      assert.deepStrictEqual(times(), [0, 1_000, 2_000, 3_000, 4_000]);
    }),
  );

  it.effect("is not caught up on after a pause", () =>
    Effect.gen(function* () {
      const { budget, call, passed, times } = yield* setUp(60);
      yield* call;
      yield* budget.succeeded(passed[0]!.sent, silent);
      yield* pass(30_500, 500);
      for (let count = 0; count < 3; count++) yield* call;
      yield* pass(2_500);
      assert.deepStrictEqual(times(), [0, 30_500, 31_500, 32_500]);
    }),
  );

  it.effect.each([1, 7, 90, 1_000])("of %d lets no more through in any minute", (perMinute) =>
    Effect.gen(function* () {
      const { budget, call, passed } = yield* setUp(perMinute);
      const calls = Math.min(perMinute + 2, 40);
      const interval = 60_000 / perMinute;
      for (let count = 0; count < calls; count++) yield* call;
      yield* budget.succeeded(passed[0]!.sent, silent);
      while (passed.length < calls) yield* pass(interval / 7, interval / 7);
      const times = passed.map(({ at }) => at);
      for (const [at, time] of times.slice(1).entries()) assert.isAtLeast(time - times[at]!, interval - 20 - 1);
      // Nor is it slower than asked for, but for the steps of the clock.
      assert.isAtMost(times.at(-1)! - times[0]!, (calls - 1) * (interval + 1) + interval / 7);
    }),
  );
});

describe("the time in which requests were held back", () => {
  it.effect("is counted once for all that wait", () =>
    Effect.gen(function* () {
      const { budget, call, passed } = yield* setUp();
      yield* call;
      assert.strictEqual(yield* budget.throttledMs, 0);
      yield* budget.refused(passed[0]!.sent, exactly(2_000), 1);
      for (let count = 0; count < 4; count++) yield* call;
      yield* pass(2_000);
      assert.strictEqual(yield* budget.throttledMs, 2_000);
      yield* pass(300);
      yield* budget.succeeded(passed[1]!.sent, silent);
      yield* pass(500);
      assert.strictEqual(passed.length, 5);
      assert.strictEqual(yield* budget.throttledMs, 2_300);
    }),
  );
});

describe("a fiber that is interrupted", () => {
  it.effect("while it waits, leaves the turn to the next", () =>
    Effect.gen(function* () {
      const { budget, call, names, passed } = yield* setUp();
      yield* call;
      yield* budget.refused(passed[0]!.sent, exactly(1_000), 1);
      const first = yield* call;
      const second = yield* call;
      yield* call;
      yield* pass(500);
      yield* Fiber.interrupt(first);
      yield* Fiber.interrupt(second);
      yield* pass(495);
      assert.deepStrictEqual(names(), [0]);
      yield* pass(5);
      assert.deepStrictEqual(names(), [0, 3]);
    }),
  );

  it.effect("counts as nothing that is on its way", () =>
    Effect.gen(function* () {
      const { budget, call, passed } = yield* setUp();
      yield* call;
      const left = { ...silent, consumed: 8, remaining: 2, resetIn: undefined };
      yield* budget.succeeded(passed[0]!.sent, left);
      yield* call;
      yield* call;
      assert.strictEqual(passed.length, 3);
      // Two are left, and two on their way: this one waits for an answer.
      const waiting = yield* call;
      yield* pass(100);
      yield* Fiber.interrupt(waiting);
      yield* budget.succeeded(passed[1]!.sent, { ...left, consumed: 9, remaining: 5 });
      yield* budget.succeeded(passed[2]!.sent, { ...left, consumed: 10, remaining: 5 });
      for (let count = 0; count < 9; count++) yield* call;
      yield* pass(10);
      assert.strictEqual(passed.length, 3 + 5, "as many as are left, no less for the interrupted");
    }),
  );
});

describe("many fibers at once", () => {
  it.effect("all have their turn, whatever becomes of the others", () =>
    Effect.gen(function* () {
      const { budget } = yield* setUp();
      let done = 0;
      const turn = Effect.gen(function* () {
        const sent = yield* budget.pass;
        return yield* Effect.gen(function* () {
          yield* Effect.sleep(yield* Random.nextIntBetween(1, 40));
          const luck = yield* Random.nextIntBetween(0, 10);
          if (luck === 0) yield* budget.refused(sent, exactly(20), 1);
          else if (luck === 1) yield* budget.lost(sent);
          else yield* Effect.as(budget.succeeded(sent, silent), void done++);
          return luck > 1;
        }).pipe(Effect.onInterrupt(() => budget.lost(sent)));
      });
      const fibers = yield* Effect.forEach(Array.from({ length: 60 }), () =>
        Effect.forkChild(Effect.repeat(turn, { until: (isDone) => isDone })),
      );
      // Every seventh is interrupted on its way.
      yield* pass(30);
      const gone = fibers.filter((_, index) => index % 7 === 3);
      yield* Effect.forEach(gone, Fiber.interrupt);
      for (let count = 0; count < 100 && fibers.some((one) => one.pollUnsafe() === undefined); count++)
        yield* pass(100, 10);
      for (const fiber of fibers) assert.isDefined(fiber.pollUnsafe());
      assert.isAtLeast(done, fibers.length - gone.length);
    }).pipe(Random.withSeed("turns")),
  );
});
