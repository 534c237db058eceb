/** The rate limiter: its windows by a clock of our own, its headers and refusals over HTTP. */
import { assert, describe, it } from "@effect/vitest";
import { RateLimiter } from "../src/RateLimit.ts";
import type { RateLimitOptions } from "../src/SimulatorConfig.ts";
import { get, withSimulator } from "./Probe.ts";

const limiter = (style: RateLimitOptions["style"]) =>
  new RateLimiter({ limit: 3, windowMs: 1000, style, headers: true, refusal: "all" });

/** Which of the requests at these instants are let through, as a word of y and n. */
const word = (style: RateLimitOptions["style"], instants: ReadonlyArray<number>) => {
  const one = limiter(style);
  return instants.map((at) => (one.take("token", at).isAllowed ? "y" : "n")).join("");
};

describe("windows", () => {
  it("begin at the first request", () => {
    assert.strictEqual(word("first-request", [700, 800, 900, 1000, 1699, 1700, 1701, 1702, 1703]), "yyynnyyyn");
  });

  it("begin at whole multiples of their length", () => {
    assert.strictEqual(word("aligned", [700, 800, 900, 999, 1000, 1001, 1002, 1999]), "yyynyyyn");
  });

  it("slide, and refused requests do not count", () => {
    assert.strictEqual(word("sliding", [0, 500, 900, 950, 999, 1000, 1400, 1500, 1899, 1900]), "yyynnynyny");
  });

  it("belong to one token each", () => {
    const one = limiter("first-request");
    for (const at of [0, 1, 2]) one.take("a", at);
    assert.isFalse(one.take("a", 3).isAllowed);
    assert.deepStrictEqual(one.take("b", 3), {
      isAllowed: true,
      consumed: 1,
      remaining: 2,
      resetAtMs: 1003,
    });
  });
});

describe("headers", () => {
  const rateLimit = { limit: 2, windowMs: 3_600_000 };

  it("of a success tell what is left, and when it comes back", () =>
    withSimulator({ rateLimit }, async (simulator) => {
      const before = Date.now();
      const { headers } = await get(simulator, "/");
      assert.strictEqual(headers["x-ratelimit-consumed"], "1");
      assert.strictEqual(headers["x-ratelimit-remaining"], "1");
      const reset = headers["x-ratelimit-reset"] as string;
      assert.match(reset, /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
      assert.isAtLeast(Date.parse(reset), before + 3_600_000);
    }));

  it("of a success can be left out", () =>
    withSimulator({ rateLimit: { ...rateLimit, headers: false } }, async (simulator) => {
      assert.notMatch(JSON.stringify((await get(simulator, "/")).headers), /ratelimit/);
    }));

  it("are not sent without a limit", () =>
    withSimulator({}, async (simulator) => {
      assert.notMatch(JSON.stringify((await get(simulator, "/")).headers), /ratelimit/);
    }));

  const told = {
    "retry-after-seconds": ["seconds"],
    "retry-after-date": ["date"],
    "ms-before-next": ["ms"],
    "reset-header": ["reset"],
    all: ["seconds", "ms", "reset"],
  } as const;
  for (const refusal of Object.keys(told) as ReadonlyArray<keyof typeof told>) {
    it(`of a refusal tell the wait by ${refusal}`, () =>
      withSimulator({ rateLimit: { ...rateLimit, refusal } }, async (simulator) => {
        await get(simulator, "/");
        await get(simulator, "/");
        const { status, headers, text } = await get(simulator, "/");
        assert.strictEqual(status, 429);
        const error = (
          JSON.parse(text) as {
            errors: ReadonlyArray<{ type: string; data: Record<string, number> }>;
          }
        ).errors[0]!;
        assert.strictEqual(error.type, "RequestError");
        assert.strictEqual(error.data["consumedPoints"], 3);
        assert.strictEqual(error.data["remainingPoints"], 0);
        const retryAfter = headers["retry-after"] ?? "";
        const seen = [
          ...(/^\d+$/.test(retryAfter) ? ["seconds"] : []),
          ...(retryAfter.endsWith("GMT") ? ["date"] : []),
          ...("msBeforeNext" in error.data ? ["ms"] : []),
          ...("x-ratelimit-reset" in headers ? ["reset"] : []),
        ];
        assert.deepStrictEqual(seen, [...told[refusal]]);
        if (seen.includes("seconds")) assert.closeTo(Number(retryAfter), 3600, 5);
        if (seen.includes("date")) assert.closeTo(Date.parse(retryAfter), Date.now() + 3_600_000, 5000);
        if (seen.includes("ms")) assert.closeTo(error.data["msBeforeNext"] as number, 3_600_000, 5000);
      }));
  }

  it("count each token alone, also two of one workspace", () =>
    withSimulator({ rateLimit, workspaces: [{ moreTokens: ["other"] }] }, async (simulator) => {
      for (const status of [200, 200, 429]) assert.strictEqual((await get(simulator, "/")).status, status);
      assert.strictEqual((await get(simulator, "/", { authorization: "Bearer other" })).status, 200);
      assert.deepStrictEqual(simulator.stats().byStatus, { "200": 3, "429": 1 });
    }));
});
