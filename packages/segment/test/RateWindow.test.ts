/** What the pacing promises, held against services of every kind that the documentation leaves open. */
import { assert, describe, it } from "@effect/vitest";
import { RateWindow } from "../src/RateWindow.ts";
import { type Outcome, type Service, simulate } from "./RateService.ts";

const kinds = ["first-request", "aligned", "sliding"] as const;
const refusals = ["milliseconds", "seconds", "date", "nothing"] as const;
const concurrency = 8;

/** Limits and windows, in requests and milliseconds. */
const limits: ReadonlyArray<readonly [number, number]> = [
  [1, 10_000],
  [2, 10_000],
  [3, 10_000],
  [10, 10_000],
  [50, 10_000],
  [50, 60_000],
  [120, 60_000],
];

/** One way, in milliseconds: the least and the most. */
const latencies: ReadonlyArray<readonly [number, number]> = [
  [20, 20],
  [5, 60],
];

/** Numbers from 0 to 1, the same for the same seed. */
const random = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

interface Measured extends Outcome {
  readonly name: string;
  readonly startAt: number;
  readonly windowMs: number;
  /** Elapsed time over the least that limit and round trips allow. */
  readonly ratio: number;
  /** The most refusals in any stretch of a window's length; of windows on the clock, in any of them. */
  readonly inWindow: number;
  /** When the last refusal came, in windows since the start. */
  readonly lastRefusal: number;
}

const measure = (
  service: Service,
  [least, most]: readonly [number, number],
  seed: number,
  calls = Math.min(service.limit * 6 + 1, 500),
): Measured => {
  const { limit, windowMs } = service;
  const next = random(seed * 7_919 + limit);
  const trips: Array<number> = [];
  const latency = () => {
    const trip = Math.round(least + next() * (most - least));
    trips.push(trip);
    return trip;
  };
  const startAt = 1_706_745_600_000 + Math.floor(next() * windowMs * 3);
  const outcome = simulate({ service, calls, concurrency, startAt, latency });
  const meanRoundTrip = (2 * trips.reduce((sum, trip) => sum + trip, 0)) / trips.length;
  const ideal = Math.max(Math.floor((calls - 1) / limit) * windowMs, (calls * meanRoundTrip) / concurrency);
  const { refusedAt } = outcome;
  const from = (time: number) => {
    const begin = service.kind === "aligned" ? Math.floor(time / windowMs) * windowMs : time;
    return refusedAt.filter((at) => at >= begin && at < begin + windowMs).length;
  };
  return {
    ...outcome,
    name: `${JSON.stringify(service)} over ${least} to ${most} ms, seed ${seed}`,
    startAt,
    windowMs,
    ratio: outcome.elapsedMs / ideal,
    inWindow: Math.max(0, ...refusedAt.map(from)),
    lastRefusal: (Math.max(startAt, ...refusedAt) - startAt) / windowMs,
  };
};

type Given = Omit<Service, "limit" | "windowMs">;

const measureAll = (given: Given, over = { limits, latencies }, seeds = [1, 2, 3]): ReadonlyArray<Measured> =>
  over.limits.flatMap(([limit, windowMs]) =>
    over.latencies.flatMap((latency) => seeds.map((seed) => measure({ ...given, limit, windowMs }, latency, seed))),
  );

const everyService = kinds.flatMap((kind) => refusals.map((refusal) => ({ kind, refusal })));

describe("with the headers of the documentation", () => {
  it.each(everyService)("$kind windows, a refusal that says $refusal: at full speed", (style) => {
    const slow = { limits: limits.slice(-2), latencies: [[100, 300]] as const };
    const all = [...measureAll({ ...style, headers: true }), ...measureAll({ ...style, headers: true }, slow)];
    for (const { inWindow, lastRefusal, name, ratio } of all) {
      assert.isAtMost(ratio, 1.1, name);
      // A refusal without a word, which the service's documentation does not know, may come twice.
      assert.isAtMost(inWindow, style.refusal === "nothing" ? 2 : 1, name);
      // Windows on the clock look shorter than they are while the first of them begin midway.
      assert.isAtMost(lastRefusal, style.kind === "aligned" ? 6.1 : 3.1, name);
    }
  });

  it.each(everyService)("$kind, $refusal: dates rounded up are as good", (style) => {
    for (const { inWindow, name, ratio } of measureAll({
      ...style,
      headers: true,
      dates: "up",
    })) {
      // The first window's end is not known better than to a second, and a limit of one or two makes few windows of it.
      assert.isAtMost(ratio, 1.13, name);
      assert.isAtMost(inWindow, style.refusal === "nothing" ? 2 : 1, name);
    }
  });

  it.each(everyService)("$kind, $refusal: windows of odd lengths cost no burst", (style) => {
    const odd = {
      limits: [
        [10, 2_500],
        [50, 7_300],
        [120, 30_500],
      ],
      latencies,
    } as const;
    for (const { inWindow, name, ratio, windowMs } of measureAll({ ...style, headers: true }, odd)) {
      assert.isAtMost(ratio, 1.1 + 1_000 / windowMs, name);
      assert.isAtMost(inWindow, 2, name);
    }
  });

  it.each(everyService)("$kind, $refusal: answers as slow as the window cost no burst", (style) => {
    const rough = {
      limits: [
        [1, 1_000],
        [3, 1_000],
        [10, 2_000],
      ],
      latencies: [
        [1, 400],
        [100, 300],
      ],
    } as const;
    for (const { inWindow, name, ratio } of measureAll({ ...style, headers: true }, rough)) {
      assert.isAtMost(ratio, 2, name);
      assert.isAtMost(inWindow, 2, name);
    }
  });
});

describe("without headers", () => {
  const ordering = everyService.filter(({ refusal }) => refusal !== "nothing");
  const silent = everyService.filter(({ refusal }) => refusal === "nothing");

  it.each(ordering)("$kind, $refusal: the limit is learned from a burst or two", (style) => {
    // A first window that was begun midway tells a limit that is too high, and so a second burst is needed.
    const bursts = style.kind === "aligned" ? 2 : 1;
    const slow = { limits: [[30, 60_000] as const, ...limits.slice(-2)], latencies: [[100, 300]] as const };
    const given = { ...style, headers: false };
    for (const one of [...measureAll(given), ...measureAll(given, slow, [1, 2, 3, 4, 5, 6, 7, 8, 9])]) {
      const { inWindow, name, ratio, refusedAt, startAt, windowMs } = one;
      assert.isAtMost(ratio, 1.1, name);
      assert.isAtMost(inWindow, bursts * concurrency + 2, name);
      const early = refusedAt.filter((at) => at < startAt + 2.2 * windowMs).length;
      assert.isAtMost(refusedAt.length - early, 2 * concurrency, name);
    }
  });

  it.each(silent)("$kind: a service that says nothing at all is asked ever less often", (style) => {
    for (const { inWindow, name, ratio } of measureAll({ ...style, headers: false })) {
      assert.isAtMost(ratio, 1.35, name);
      assert.isAtMost(inWindow, 3 * concurrency, name);
    }
  });
});

describe("a limit that others spend, too", () => {
  const rates = [0.3, 0.6, 0.9];

  it.each(everyService)("$kind, $refusal: everything gets done, and nobody is stormed", (style) => {
    for (const headers of [true, false]) {
      for (const share of rates) {
        for (const [limit, windowMs] of [
          [10, 10_000],
          [60, 60_000],
        ] as const) {
          const next = random(limit);
          const others = Array.from({ length: Math.floor(limit * share) * 100 }, () => next() * 100 * windowMs).sort(
            (a, b) => a - b,
          );
          const service = { ...style, headers, limit, windowMs, others };
          const { elapsedMs, name, refusedAt } = measure(service, [5, 60], 1, limit * 3);
          // Alone it would take two windows. The others take their share of each, and their bursts more.
          assert.isAtMost(elapsedMs, (windowMs * 14) / (1 - share), name);
          assert.isAtMost(refusedAt.length, (2 * concurrency * elapsedMs) / windowMs + 40, name);
        }
      }
    }
  });

  it("is found again when the others are gone", () => {
    for (const kind of kinds) {
      const others = Array.from({ length: 45 }, (_, index) => index * 200);
      const service: Service = {
        kind,
        others,
        headers: false,
        refusal: "milliseconds",
        limit: 50,
        windowMs: 10_000,
      };
      const { name, ratio, refusedAt } = measure(service, [20, 20], 1, 3_000);
      assert.isAtMost(ratio, 1.1, name);
      assert.isAtMost(refusedAt.length, 6 * concurrency, name);
    }
  });
});

describe("a service that always refuses", () => {
  it.each([
    ["with no wait", { atLeast: 0, atMost: 0 }, 100],
    ["without a word", undefined, 30],
  ] as const)("%s is asked ever less often", (_, wait, most) => {
    const window = new RateWindow();
    const pauses: Array<number> = [];
    let now = 0;
    while (now < 60_000) {
      const at = window.nextAt(now);
      if (at === undefined) return assert.fail("nobody would ask again");
      now = Math.max(now, at);
      const sent = window.sent(now);
      assert.isUndefined(window.nextAt(now), "one request at a time");
      now += 5;
      pauses.push(window.refused(sent, now, wait, 1_000));
    }
    assert.isBelow(pauses.length, most);
    assert.deepStrictEqual(
      pauses,
      pauses.toSorted((a, b) => a - b),
    );
    assert.isAtLeast(pauses.at(-1)!, 1_000);
    assert.isAtMost(pauses.at(-1)!, 10_000);
  });

  it("is asked as before once it has relented", () => {
    const window = new RateWindow();
    let now = 0;
    for (let count = 0; count < 10; count++) {
      now = Math.max(now, window.nextAt(now)!);
      window.refused(window.sent(now), now, { atLeast: 0, atMost: 0 }, 1_000);
    }
    now = window.nextAt(now)!;
    window.succeeded(window.sent(now), now);
    assert.strictEqual(window.refused(window.sent(now), now, { atLeast: 0, atMost: 0 }, 1_000), 1);
  });
});

describe("a request that is lost", () => {
  it("lets the next go ahead, and leaves nothing on its way", () => {
    const window = new RateWindow();
    for (let count = 0; count < 20; count++) {
      assert.strictEqual(window.nextAt(count), count);
      const sent = window.sent(count);
      assert.isUndefined(window.nextAt(count));
      window.lost(sent);
    }
    const left = { consumed: 20, remaining: 2, resetIn: undefined, wait: undefined };
    window.succeeded(window.sent(20), 20, left);
    window.sent(21);
    assert.strictEqual(window.nextAt(21), 21);
    window.sent(21);
    assert.isUndefined(window.nextAt(21), "two were left");
  });
});

describe("headers that contradict themselves", () => {
  it("never stop the requests for good", () => {
    const next = random(7);
    const numbers = [undefined, 0, 1, 2, 50, 999_999];
    const ends = [undefined, -86_400_000, -1_000, 0, 500, 60_000];
    const pick = <A>(list: ReadonlyArray<A>): A => list[Math.floor(next() * list.length)]!;
    const window = new RateWindow();
    let now = 1_000_000;
    for (let count = 0; count < 3_000; count++) {
      const at = window.nextAt(now);
      if (at === undefined) return assert.fail("a single caller waits for nobody");
      assert.isBelow(at - now, 120_000);
      now = Math.max(now, at);
      const sent = window.sent(now);
      now += Math.floor(next() * 50);
      const luck = next();
      if (luck < 0.1) window.lost(sent);
      else if (luck < 0.2) window.refused(sent, now, pick([undefined, { atLeast: 0, atMost: 900 }]), 5);
      else {
        const consumed = pick(numbers);
        const remaining = pick(numbers);
        window.succeeded(sent, now, { consumed, remaining, resetIn: pick(ends), wait: undefined });
      }
    }
  });
});
