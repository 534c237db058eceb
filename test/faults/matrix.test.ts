/**
 * The matrix of faults that strike while figures are walked: every fault of the simulator, on the first, a middle and the last page.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames } from "@segmeter/domain";
import type { SegmentConfig } from "@segmeter/segment";
import { faultKinds } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { campaign, type Cell } from "./Campaign.ts";
import { strikes, usageStages } from "./Expectation.ts";
import { months, type Place, sinkChoices } from "./Setting.ts";
import { type Chosen, isLong, longest, sharedRuns, variants } from "./Share.ts";
import type { Variant } from "./Variants.ts";

const fits = ({ only }: Variant, { dataset }: Place): boolean =>
  only === undefined || (only === "mtu" ? dataset.endsWith("mtu") : dataset.startsWith("source"));

/** What a run needs, and how many faults it takes at once, so that it ends within its bound: ordered waits hold all of it up. */
interface Group {
  readonly needs: Variant["needs"];
  readonly client: Partial<SegmentConfig>;
  readonly most: number;
}

/** Each in a partition of its own, datasets in turn; and some partitions that nothing strikes. */
const apart = (chosen: ReadonlyArray<Chosen>) => {
  const places = months.flatMap((month) => datasetNames.map((dataset): Place => ({ dataset, month })));
  const cells = chosen.map((one): Cell => {
    const at = places.findIndex((place) => fits(one.variant, place));
    return { ...one, place: places.splice(at, 1)[0]! };
  });
  return { cells, innocent: places.slice(0, 3) };
};

const groups: Readonly<Record<string, Group>> = {
  "is survived, or fails its own partition by name": { needs: undefined, client: {}, most: 60 },
  "is, if it takes time": { needs: "time", client: { timeoutMs: 400 }, most: 60 },
  "is, if it is of the rate limit": { needs: "limit", client: { maxOrderedWaits: 1 }, most: isLong ? 4 : 9 },
};

for (const [choice, sinks] of sinkChoices.entries()) {
  describe(`into ${sinks.join(" and ")}, a fault on a page of figures`, () => {
    for (const [what, { client, most, needs }] of Object.entries(groups)) {
      // What waits does so into both sinks at once, or the suite would take too long.
      const isWaiting = needs !== undefined && !isLong;
      if (isWaiting && sinks.length === 1) continue;
      const choices = isWaiting ? sinkChoices.map((_, index) => index) : [choice];
      it.live(
        what,
        () =>
          Effect.gen(function* () {
            const ofGroup = variants.filter((variant) => variant.nature !== "refusal" && variant.needs === needs);
            const chosen = choices.flatMap((index) => sharedRuns(index, ofGroup, usageStages));
            assert.isNotEmpty(chosen);
            for (let from = 0; from < chosen.length; from += most) {
              const { cells, innocent } = apart(chosen.slice(from, from + most));
              assert.deepStrictEqual(yield* Effect.scoped(campaign(sinks, cells, innocent, client)), []);
            }
          }),
        longest,
      );
    }
  });
}

it("every fault that the simulator knows is in the matrix, and strikes on some page", () => {
  const tried = variants.filter((variant) => usageStages.some((stage) => strikes(variant, stage)));
  assert.sameMembers(
    [...new Set(tried.map(({ rule }) => rule.kind))],
    faultKinds.map(({ kind }) => kind),
  );
});
