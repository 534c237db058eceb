/**
 * The matrix of faults that strike a run as a whole: what refuses the token, wherever it does; and every fault of the answer that
 * names the workspace, and of the list of its sources.
 */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { listingStages, usageStages } from "./Expectation.ts";
import { sinkChoices } from "./Setting.ts";
import { isLong, longest, ownRuns, variants } from "./Share.ts";
import { trials } from "./Trial.ts";

for (const [choice, sinks] of sinkChoices.entries()) {
  describe(`into ${sinks.join(" and ")}, a fault`, () => {
    it.live(
      "that refuses the token ends the run, and what was committed stays",
      () =>
        Effect.gen(function* () {
          const refusals = variants.filter(({ nature }) => nature === "refusal");
          const stages = [...listingStages, ...usageStages, "workspace"] as const;
          // Twice, so that the share of the suite has two stages of each.
          const chosen = ownRuns(choice, isLong ? refusals : [...refusals, ...refusals], stages);
          assert.isNotEmpty(chosen);
          assert.deepStrictEqual(yield* trials(sinks, chosen), []);
        }),
      longest,
    );

    it.live(
      "of the workspace ends the run, and one of the sources costs their names at most",
      () =>
        Effect.gen(function* () {
          const others = variants.filter(({ nature }) => nature !== "refusal");
          const chosen = ownRuns(choice, others, [...listingStages, "workspace"]);
          assert.isNotEmpty(chosen);
          assert.deepStrictEqual(yield* trials(sinks, chosen), []);
        }),
      longest,
    );
  });
}
