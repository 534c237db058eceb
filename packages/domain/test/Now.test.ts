import { assert, describe, it } from "@effect/vitest";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { TestClock } from "effect/testing";
import { Now, now } from "../src/index.ts";

describe("now", () => {
  it.effect("is Effect's clock in microseconds", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_706_745_600_123);
      assert.strictEqual(yield* now, 1_706_745_600_123_000);
    }),
  );

  it.effect("can be set without touching the clock that paces", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000);
      const fixed = Effect.provideService(now, Now, Effect.succeed(7));
      assert.strictEqual(yield* fixed, 7);
      assert.strictEqual(yield* Clock.currentTimeMillis, 1_000);
    }),
  );
});
