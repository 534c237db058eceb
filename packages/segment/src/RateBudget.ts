/**
 * One rate budget for one token, shared by all fibers: requests pass it in the order in which they come, each when the window and
 * the user's ceiling allow it. A refusal holds them all back.
 */
import * as Clock from "effect/Clock";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import type { OrderedWait, RateSignal } from "./RateSignal.ts";
import { RateWindow, type Sent } from "./RateWindow.ts";

export interface RateBudget {
  /**
   * Waits for its turn; that much can be interrupted. Every request that was let through must be reported by one of the three calls
   * below, once: whoever passes sees to it that no interruption comes between.
   */
  readonly pass: Effect.Effect<Sent>;
  readonly succeeded: (sent: Sent, signal: RateSignal) => Effect.Effect<void>;
  /** `backOffMs` is the pause where the service named none. */
  readonly refused: (sent: Sent, wait: OrderedWait | undefined, backOffMs: number) => Effect.Effect<void>;
  readonly lost: (sent: Sent) => Effect.Effect<void>;
  /** Milliseconds so far in which a request was ready and had to wait for the limit. */
  readonly throttledMs: Effect.Effect<number>;
}

/** `requestsPerMinute`: the user's ceiling; requests then keep an even distance. */
export const makeRateBudget = (requestsPerMinute: number | undefined): Effect.Effect<RateBudget> =>
  Effect.gen(function* () {
    const window = new RateWindow();
    const turn = yield* Semaphore.make(1);
    const intervalMs = requestsPerMinute === undefined ? 0 : 60_000 / requestsPerMinute;
    let notBefore = 0;
    let throttledMs = 0;
    let answered = yield* Deferred.make<void>();

    const report = (change: (now: number) => void): Effect.Effect<void> =>
      Effect.gen(function* () {
        change(yield* Clock.currentTimeMillis);
        const woken = answered;
        answered = yield* Deferred.make<void>();
        yield* Deferred.succeed(woken, undefined);
      });

    /** When the next request may be sent; undefined for "when an answer has come". */
    const dueAt = (now: number): number | undefined => {
      const next = window.nextAt(now);
      return next === undefined ? undefined : Math.max(next, notBefore);
    };

    /** Ends when a request may be sent. */
    const wait = Effect.gen(function* () {
      const since = yield* Clock.currentTimeMillis;
      while (true) {
        const now = yield* Clock.currentTimeMillis;
        const at = dueAt(now);
        if (at !== undefined && at <= now) return void (throttledMs += now - since);
        const news = Deferred.await(answered);
        yield* at === undefined ? news : Effect.raceFirst(Effect.sleep(Math.ceil(at - now)), news);
      }
    });

    const pass = Effect.gen(function* () {
      while (true) {
        yield* Effect.interruptible(turn.withPermit(wait));
        const now = yield* Clock.currentTimeMillis;
        const at = dueAt(now);
        // The turn was given back before it was used, so that no interruption can lose it; another may have been quicker.
        if (at === undefined || at > now) continue;
        // An even distance is measured from when this one was due, or else the lateness of timers would add up.
        const isOnTime = now - notBefore <= Math.min(intervalMs / 10, 20);
        notBefore = (isOnTime ? notBefore : now) + intervalMs;
        return window.sent(now);
      }
    });

    return {
      pass,
      succeeded: (sent, signal) => report((now) => window.succeeded(sent, now, signal)),
      refused: (sent, ordered, backOffMs) => report((now) => window.refused(sent, now, ordered, backOffMs)),
      lost: (sent) => report(() => window.lost(sent)),
      throttledMs: Effect.sync(() => Math.round(throttledMs)),
    };
  });
