/**
 * Time zones: what is captured does not depend on where the machine is, at either end of the day.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { assertCode, jsonLines, pointedAt, segmeter, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { assertTruth, ask, databaseOf, stamp } from "../../pipelines/test/Held.ts";

describe.concurrent("the same backfill", () => {
  // It is April there in UTC, and still March in Los Angeles; and March in UTC, but April already on Kiritimati.
  for (const [zone, now, months] of [
    ["America/Los_Angeles", "2024-04-01T00:30:00Z", ["2024-02", "2024-03", "2024-04"]],
    ["Pacific/Kiritimati", "2024-03-31T23:30:00Z", ["2024-02", "2024-03"]],
  ] as const) {
    it.live(`in ${zone}, at an hour when the month is another there, is the truth`, () =>
      Effect.gen(function* () {
        const simulator = yield* startSimulator({ now, workspaces: [{ sources: 3, from: "2024-01" }] });
        const dataDir = yield* temporaryDirectory;
        const env = { ...pointedAt(simulator, now), TZ: zone };
        assertCode(yield* segmeter(["backfill", "--from", "2024-02", "--data-dir", dataDir], { env }), 0);
        yield* Effect.promise(() => assertTruth(dataDir, simulator, { months }));
        const observed = yield* Effect.promise(() =>
          ask("SELECT DISTINCT observed_at FROM source_mtu_daily", databaseOf(dataDir)),
        );
        assert.deepStrictEqual(observed, [{ observed_at: stamp(now) }]);
        const status = yield* segmeter(["status", "--json", "--data-dir", dataDir], { env });
        const held = jsonLines(status.stdout).filter(({ capturedAt }) => capturedAt !== null);
        assert.strictEqual(held.length, months.length * 4);
        for (const line of held) assert.strictEqual(line["capturedAt"], now);
        const next = yield* segmeter(["backfill", "--from", "2024-05", "--data-dir", dataDir], { env });
        assertCode(next, 2);
        assert.include(next.stderr, `The current month is ${months.at(-1)}, in UTC.`);
      }),
    );
  }
});
