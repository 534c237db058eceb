/**
 * A rate limit, over real connections and with the real clock: it is kept to, and used.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { assertCode, finished, pointedAt, segmeter, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { assertTruth, monthsFrom } from "../../pipelines/test/Held.ts";

const now = "2025-04-10T06:00:00Z";
const months = monthsFrom("2023-08", "2025-04");
const limit = 20;

/** A backfill of 86 calls under the limit. Returns its time over the least that the limit allows. */
const limited = Effect.scoped(
  Effect.gen(function* () {
    const simulator = yield* startSimulator({
      now,
      // Windows that begin with the second, as the date that tells their end does.
      rateLimit: { limit, windowMs: 1000, style: "aligned" },
      workspaces: [{ sources: 3, from: "2023-08" }],
    });
    const dataDir = yield* temporaryDirectory;
    const args = ["backfill", "--from", "2023-08", "--sink", "parquet", "--data-dir", dataDir, "--json"];
    const ended = yield* segmeter(args, { env: pointedAt(simulator, now) });
    assertCode(ended, 0);

    const calls = simulator.requests.length;
    assert.isAtLeast(calls, 4 * months.length);
    const refused = simulator.requests.filter(({ status }) => status === 429);
    assert.isAtMost(refused.length, 1);
    assert.include(finished(ended), { requests: calls, retries: refused.length });
    assert.isAbove(Number(finished(ended)["throttledMs"]), 0);
    yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, readers: ["Parquet through hyparquet"] }));

    const elapsed = simulator.requests.at(-1)!.at - simulator.requests[0]!.at;
    return elapsed / ((Math.ceil(calls / limit) - 1) * 1000);
  }),
);

describe("20 requests a second", () => {
  it.live("are not overrun, and hardly one is left unused", () =>
    Effect.gen(function* () {
      const first = yield* limited;
      // A machine that is busy with something else may be late once.
      const ratio = first <= 1.25 ? first : Math.min(first, yield* limited);
      assert.isAtMost(ratio, 1.25);
    }),
  );
});
