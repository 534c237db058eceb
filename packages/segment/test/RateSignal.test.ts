import { assert, describe, it } from "@effect/vitest";
import * as Headers from "effect/http/Headers";
import * as FastCheck from "fast-check";
import { parseDate, readRateSignal } from "../src/RateSignal.ts";

/** 2024-02-01T00:00:00Z */
const now = 1_706_745_600_000;
const date = (ms: number) => new Date(ms).toUTCString();
const read = (headers: Record<string, string>, msBeforeNext?: number, at = now) =>
  readRateSignal(Headers.fromInput(headers), msBeforeNext, at);
const waitOf = (headers: Record<string, string>, msBeforeNext?: number, at = now) =>
  read(headers, msBeforeNext, at).wait;

describe("the headers of a success", () => {
  it("tell what was spent, what is left, and when the window ends", () =>
    assert.deepStrictEqual(
      read({
        "X-RateLimit-Consumed": "3",
        "X-RateLimit-Remaining": "47",
        "X-RateLimit-Reset": "Thu, 01 Feb 2024 00:00:57 GMT",
        Date: date(now),
      }),
      { consumed: 3, remaining: 47, resetIn: 57_000, wait: { atLeast: 57_000, atMost: 58_000 } },
    ));

  it("may be missing, all or some", () => {
    const nothing = { consumed: undefined, remaining: undefined, resetIn: undefined };
    assert.deepStrictEqual(read({}), { ...nothing, wait: undefined });
    assert.deepStrictEqual(read({ "x-ratelimit-remaining": "0" }), {
      ...nothing,
      remaining: 0,
      wait: undefined,
    });
  });

  it.each(["", " ", "-1", "1.5", "1e3", "0x10", "many", "NaN", "Infinity", "1, 2", "9".repeat(16)])(
    "are passed over when a count is %j",
    (text) => {
      const signal = read({ "x-ratelimit-consumed": text, "x-ratelimit-remaining": text });
      assert.isUndefined(signal.consumed);
      assert.isUndefined(signal.remaining);
    },
  );

  it.each(["", "soon", "1706745657", "57", "Thu, 99 Feb 2024 00:00:00 GMT", "-1", "0"])(
    "are passed over when the date is %j",
    (text) => {
      const signal = read({ "x-ratelimit-reset": text });
      assert.isUndefined(signal.resetIn);
      assert.isUndefined(signal.wait);
    },
  );

  it("are passed over when the window would end in another year", () => {
    for (const off of [366, -366, 3_000_000]) {
      const signal = read({ "x-ratelimit-reset": date(now + off * 86_400_000) });
      assert.isUndefined(signal.resetIn, `${off} days off`);
      assert.isUndefined(signal.wait);
    }
    assert.strictEqual(read({ "x-ratelimit-reset": date(now + 3_600_000) }).resetIn, 3_600_000);
  });

  it("take every way to write the date", () => {
    const ways = [
      "Thu, 01 Feb 2024 00:00:57 GMT",
      "Thu, 01 Feb 2024 00:00:57 +0000",
      "Thu, 01 Feb 2024 01:00:57 +0100",
      "1 Feb 2024 00:00:57 GMT",
      "2024-02-01T00:00:57Z",
    ];
    for (const way of ways) assert.strictEqual(read({ "x-ratelimit-reset": way }).resetIn, 57_000);
    assert.isUndefined(parseDate(undefined));
    assert.isUndefined(parseDate("2024"), "a bare number is an epoch of some kind, no year");
  });
});

describe("clocks that differ", () => {
  const reset = { "x-ratelimit-reset": date(now + 57_000) };

  it("are set aside by the response's own date", () => {
    for (const skew of [-86_400_000, -3_600_000, -3_000, 3_000, 3_600_000, 86_400_000]) {
      const { resetIn } = read({ ...reset, date: date(now) }, undefined, now + skew);
      assert.strictEqual(resetIn, 57_000, `${skew} ms`);
    }
  });

  it("are taken for equal within the seconds that dates are rounded to", () => {
    for (const skew of [-1_999, -400, 0, 400, 1_999]) {
      const { resetIn } = read({ ...reset, date: date(now) }, undefined, now + skew);
      assert.strictEqual(resetIn, 57_000 - skew, `${skew} ms`);
    }
  });

  it("cannot be told apart without a date, or with one that is none", () => {
    assert.strictEqual(read(reset, undefined, now + 10_000).resetIn, 47_000);
    assert.strictEqual(read({ ...reset, date: "yesterday" }, undefined, now + 10_000).resetIn, 47_000);
  });

  it("do not touch waits that are given as a time span", () => {
    const headers = { "retry-after": "5", date: date(now) };
    for (const skew of [-3_600_000, 0, 3_600_000])
      assert.deepStrictEqual(waitOf(headers, undefined, now + skew), {
        atLeast: 4_000,
        atMost: 5_000,
      });
  });
});

describe("the wait that a refusal orders", () => {
  const resetHeader = { "x-ratelimit-reset": date(now + 9_000) };

  it.each<[string, Record<string, string>, number | undefined, unknown]>([
    ["nothing", {}, undefined, undefined],
    ["milliseconds", {}, 57_647, { atLeast: 57_647, atMost: 57_647 }],
    ["no milliseconds", {}, 0, { atLeast: 0, atMost: 0 }],
    ["seconds", { "retry-after": "58" }, undefined, { atLeast: 57_000, atMost: 58_000 }],
    ["no seconds", { "retry-after": "0" }, undefined, { atLeast: 0, atMost: 0 }],
    ["part of a second", { "retry-after": "0.5" }, undefined, { atLeast: 0, atMost: 500 }],
    ["a date", { "retry-after": date(now + 58_000) }, undefined, { atLeast: 58_000, atMost: 59_000 }],
    ["the present", { "retry-after": date(now) }, undefined, { atLeast: 0, atMost: 1_000 }],
    ["the past", { "retry-after": date(now - 5_000) }, undefined, undefined],
    ["the window's end", resetHeader, undefined, { atLeast: 9_000, atMost: 10_000 }],
  ])("is read from %s", (_, headers, ms, expected) => assert.deepStrictEqual(waitOf(headers, ms), expected as never));

  it("is taken to the millisecond where both say the same", () => {
    assert.deepStrictEqual(waitOf({ "retry-after": "58" }, 57_647), {
      atLeast: 57_647,
      atMost: 57_647,
    });
    assert.deepStrictEqual(waitOf({ "retry-after": date(now + 57_000) }, 57_647), {
      atLeast: 57_647,
      atMost: 57_647,
    });
  });

  it("is the header's where they contradict each other", () => {
    assert.deepStrictEqual(waitOf({ "retry-after": "58" }, 3_000), {
      atLeast: 57_000,
      atMost: 58_000,
    });
    assert.deepStrictEqual(waitOf({ "retry-after": "1" }, 600_000), { atLeast: 0, atMost: 1_000 });
  });

  it("is the order's before the window's end", () => {
    assert.deepStrictEqual(waitOf({ ...resetHeader, "retry-after": "2" }), {
      atLeast: 1_000,
      atMost: 2_000,
    });
    assert.deepStrictEqual(waitOf(resetHeader, 2_000), { atLeast: 2_000, atMost: 2_000 });
  });

  it.each(["", "soon", "-5", "5s", "1e9", "5, 6", "0x5"])(
    "falls back on the window's end when Retry-After is %j",
    (text) =>
      assert.deepStrictEqual(waitOf({ ...resetHeader, "retry-after": text }), {
        atLeast: 9_000,
        atMost: 10_000,
      }),
  );
});

describe("any headers", () => {
  const text = FastCheck.oneof(
    FastCheck.string(),
    FastCheck.integer().map(String),
    FastCheck.date({ noInvalidDate: true }).map((at) => at.toUTCString()),
  );
  const headers = FastCheck.dictionary(
    FastCheck.constantFrom("date", "retry-after", "x-ratelimit-reset", "x-ratelimit-consumed", "x-ratelimit-remaining"),
    text,
    { noNullPrototype: true },
  );

  it("give whole bounds or none", () =>
    FastCheck.assert(
      FastCheck.property(headers, FastCheck.option(FastCheck.nat()), (given, ms) => {
        const { consumed, remaining, resetIn, wait } = read(given, ms ?? undefined);
        for (const count of [consumed, remaining])
          assert.isTrue(count === undefined || (Number.isSafeInteger(count) && count >= 0));
        assert.isTrue(resetIn === undefined || Number.isFinite(resetIn));
        if (wait === undefined) return;
        assert.isTrue(Number.isFinite(wait.atMost));
        assert.isAtLeast(wait.atLeast, 0);
        assert.isAtLeast(wait.atMost, wait.atLeast);
      }),
      { numRuns: 500 },
    ));
});
