/**
 * Crashes: kill -9 at every durable step and at random moments. The suite has a share of them; `pnpm chaos` has 1,000.
 */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { leaveRow } from "../SummaryReporter.ts";
import { chaos, type Coverage, parseChain } from "./Chaos.ts";
import { scenarios } from "./Scenario.ts";
import { random } from "../system/Random.ts";

/** Of one violation, to bring it back; goes with `CHAOS_ONLY`. */
const chain = process.env["CHAOS_CHAIN"] === undefined ? undefined : parseChain(process.env["CHAOS_CHAIN"]);
const kills = chain?.length ?? Number(process.env["CHAOS_KILLS"] ?? 50);
// The share of the suite is the same every time, as far as fibers meet alike; the long version is another every time.
const seed = Number(process.env["CHAOS_SEED"] ?? (kills > 50 ? Date.now() % 1_000_000 : 1));
const only = process.env["CHAOS_ONLY"];
const chosen = scenarios.filter(({ name }) => only === undefined || name === only);

const coverage: Coverage = { known: new Set(), hit: new Set() };

describe(`kill -9, ${kills} times, seed ${seed}`, () => {
  for (const [index, scenario] of chosen.entries()) {
    const share = Math.floor((kills * (index + 1)) / chosen.length) - Math.floor((kills * index) / chosen.length);
    it.live(
      `${scenario.name}: ${share} kills lose, repeat and alter nothing`,
      ({ task }) =>
        Effect.gen(function* () {
          const report = yield* Effect.scoped(chaos(scenario, share, random(seed + index), coverage, chain));
          const { points, scenario: name, unreached, violations } = report;
          if (kills > 50) {
            leaveRow(task, "chaos", {
              scenario: name,
              kills: report.kills,
              "kinds of steps, before and after": points,
              "of all scenarios so far": `${coverage.hit.size} of ${coverage.known.size}`,
              "not reached": unreached,
              violations: violations.length,
            });
          }
          assert.deepStrictEqual(report.violations, []);
          assert.strictEqual(report.kills, share);
        }),
      7_200_000,
    );
  }
});
