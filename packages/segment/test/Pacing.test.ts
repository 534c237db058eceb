/** How a client spends its time: on a clock of its own, with a service that answers after a while. */
import { assert, describe, it } from "@effect/vitest";
import * as Clock from "effect/Clock";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import * as References from "effect/References";
import { TestClock } from "effect/testing";
import * as HttpClient from "effect/http/HttpClient";
import * as HttpClientResponse from "effect/http/HttpClientResponse";
import { SegmentClient } from "../src/index.ts";
import type { SegmentConfig } from "../src/SegmentConfig.ts";
import { configFor, workspaceBody } from "./Setting.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A client of a service that answers by a rule; `sentAt` is when the requests came, `now` milliseconds. */
const clientOf = (answer: (now: number, turn: number) => Answer, more: Partial<SegmentConfig> = {}, latencyMs = 20) =>
  Effect.gen(function* () {
    const startMs = 1_706_745_600_000;
    yield* TestClock.setTime(startMs);
    const sentAt: Array<number> = [];
    const service = HttpClient.make((request) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis;
        const { body = workspaceBody, headers = {}, status } = answer(now, sentAt.length);
        sentAt.push(now - startMs);
        if (latencyMs > 0) yield* Effect.sleep(latencyMs);
        return HttpClientResponse.fromWeb(request, new Response(body, { status, headers }));
      }),
    );
    const context = yield* SegmentClient.layer(configFor("http://127.0.0.1:9", { backoffMs: 250, ...more })).pipe(
      Layer.provide(Layer.succeed(HttpClient.HttpClient, service)),
      Layer.build,
    );
    return { client: Context.get(context, SegmentClient), sentAt };
  });

/** Runs an effect to its end while the time passes. */
const elapse = <A, E, R>(effect: Effect.Effect<A, E, R>, step = 10) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect);
    yield* TestClock.adjust(0);
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(step);
    return yield* Fiber.join(fiber);
  });

describe("the back-off", () => {
  it.effect("doubles up to its bound, within a fifth of it", () =>
    Effect.gen(function* () {
      const { client, sentAt } = yield* clientOf(() => ({ status: 500 }), { maxBackoffMs: 3_000 });
      yield* elapse(Effect.flip(client.workspace), 5);
      const gaps = sentAt.slice(1).map((at, index) => at - sentAt[index]! - 20);
      assert.strictEqual(gaps.length, 7);
      for (const [index, gap] of gaps.entries()) {
        const nominal = Math.min(250 * 2 ** index, 3_000);
        assert.isAtLeast(gap, nominal * 0.8 - 5, `gap ${index}`);
        assert.isAtMost(gap, nominal * 1.2 + 10, `gap ${index}`);
      }
      assert.notDeepEqual(gaps.slice(-3), [3_000, 3_000, 3_000], "no jitter");
    }),
  );

  it.effect("of one request does not hold the others back", () =>
    Effect.gen(function* () {
      const { client, sentAt } = yield* clientOf((_, turn) => ({ status: turn === 0 ? 500 : 200 }), {
        backoffMs: 5_000,
        maxBackoffMs: 5_000,
      });
      const failing = yield* Effect.forkChild(client.workspace);
      yield* TestClock.adjust(10);
      yield* elapse(Effect.forEach([1, 2, 3], () => client.workspace));
      assert.strictEqual(sentAt.length, 4);
      assert.isBelow(sentAt[3]!, 200);
      yield* Fiber.interrupt(failing);
    }),
  );

  it.effect("leaves the time to one try, body included", () =>
    Effect.gen(function* () {
      const { client, sentAt } = yield* clientOf(() => ({ status: 200 }), { timeoutMs: 1_000, maxTries: 2 }, 5_000);
      const error = yield* elapse(Effect.flip(client.workspace));
      assert.deepInclude(error.reason, { _tag: "TimedOut", afterMs: 1_000 });
      assert.strictEqual(error.detail, "No whole answer came in 1 s.");
      assert.isAtLeast(sentAt[1]!, 1_200);
      assert.isAtMost(sentAt[1]!, 1_320);
    }),
  );
});

/** A limit of so many requests in windows that start with a request, told in the headers. */
const limited = (limit: number, windowMs: number) => {
  const state = { start: Number.NEGATIVE_INFINITY, count: 0, refused: 0 };
  const answer = (now: number): Answer => {
    if (now >= state.start + windowMs) Object.assign(state, { start: now, count: 0 });
    const reset = new Date(state.start + windowMs).toUTCString();
    if (state.count >= limit) {
      state.refused++;
      const msBeforeNext = state.start + windowMs - now;
      return { status: 429, body: JSON.stringify({ errors: [{ data: { msBeforeNext } }] }) };
    }
    state.count++;
    return {
      status: 200,
      headers: {
        "X-RateLimit-Consumed": String(state.count),
        "X-RateLimit-Remaining": String(limit - state.count),
        "X-RateLimit-Reset": reset,
      },
    };
  };
  return { state, answer };
};

describe("a limit told in the headers", () => {
  it.effect("is spent, window by window, and hardly overstepped", () =>
    Effect.gen(function* () {
      const { answer, state } = limited(10, 10_000);
      const { client, sentAt } = yield* clientOf(answer);
      const calls = Array.from({ length: 45 });
      yield* elapse(
        Effect.forEach(calls, () => client.workspace, { concurrency: 8 }),
        20,
      );
      assert.isAtMost(state.refused, 1);
      assert.isAtMost(sentAt.at(-1)!, 4 * 10_000 * 1.05);
      assert.isAtLeast(yield* client.throttledMs, 4 * 9_000);
    }),
  );

  it.effect("holds back a caller alone, too", () =>
    Effect.gen(function* () {
      const { answer, state } = limited(2, 5_000);
      const { client, sentAt } = yield* clientOf(answer);
      yield* elapse(
        Effect.forEach(Array.from({ length: 9 }), () => client.workspace),
        20,
      );
      assert.isAtMost(state.refused, 1);
      assert.isAtMost(sentAt.at(-1)!, 4 * 5_000 * 1.1);
    }),
  );
});

describe("a request that is interrupted at any of its steps", () => {
  it.effect("stops no other", () =>
    Effect.gen(function* () {
      const reached = new Set<string>();
      // How often a fiber yields decides where it can be met.
      for (const operations of [2, 3, 4, 5]) {
        for (let steps = 0; steps < 120; steps++) {
          const { client, sentAt } = yield* clientOf(() => ({ status: 200 }), {}, 0);
          const fiber = yield* Effect.forkChild(
            Effect.provideService(client.workspace, References.MaxOpsBeforeYield, operations),
          );
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow;
          reached.add(fiber.pollUnsafe() !== undefined ? "done" : sentAt.length > 0 ? "sent" : "on its way");
          yield* Fiber.interrupt(fiber);
          const next = yield* Effect.forkChild(client.workspace);
          for (let turn = 0; turn < 20 && next.pollUnsafe() === undefined; turn++) yield* TestClock.adjust(1);
          assert.isDefined(next.pollUnsafe(), `after ${steps} steps of ${operations} operations`);
        }
      }
      assert.sameMembers([...reached], ["on its way", "sent", "done"]);
    }),
  );
});
