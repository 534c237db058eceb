/**
 * Several faults at once, at random places and for random times, from a seed. Whatever comes together, what is held of a partition
 * is the truth or what was held before, as the run told; and when the faults are gone, the next run comes to the truth.
 *
 * A case that fails is printed with its seed: `FAULTS_SEED=… FAULTS_CASES=…` runs the same cases again.
 */
import { assert, it } from "@effect/vitest";
import { datasetNames } from "@segmeter/domain";
import { datasets, type FaultRule } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import { temporaryDirectory } from "../../pipelines/test/Command.ts";
import { received, secretsBelow, strayed } from "./Canaries.ts";
import { unfit } from "./Campaign.ts";
import { difference, holdings, keyOf, leftovers, truthAt } from "./Holding.ts";
import { months, type Place, restate, run, service, sinkChoices, verified } from "./Setting.ts";
import { cases, longest } from "./Share.ts";
import { type Variant, variantsFor } from "./Variants.ts";

const seed = Number(process.env["FAULTS_SEED"] ?? (cases >= 100 ? Date.now() % 1_000_000 : 1));

const places = months.slice(0, 2).flatMap((month) => datasetNames.map((dataset): Place => ({ dataset, month })));
const all = variantsFor("http://127.0.0.1:9").filter(({ only, needs }) => only === undefined && needs !== "time");
/** Two lies about one walk can agree with each other, and then nobody can tell: of these a partition has one at most. */
const lies: ReadonlySet<Variant["nature"]> = new Set(["doubt", "shift", "loop", "contradiction"]);

const times = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(Infinity));
const page = fc.constantFrom(0, 1, 2, "last" as const);
const strike = (variant: fc.Arbitrary<Variant>, path: fc.Arbitrary<Pick<FaultRule, "path" | "month">>) =>
  fc.record({ variant, path, page, times });
const onUsage = fc.constantFrom(...places.map(({ dataset, month }) => ({ path: datasets[dataset].path, month })));
const onRun = fc.constantFrom({ path: "/" }, { path: "/sources" });
const honest = fc.constantFrom(...all.filter(({ nature }) => !lies.has(nature) && nature !== "refusal"));
const lying = fc.constantFrom(...all.filter(({ nature }) => lies.has(nature)));
const refusing = fc.constantFrom(...all.filter(({ nature }) => nature === "refusal"));

const anyCase = fc.record({
  sinks: fc.constantFrom(...sinkChoices),
  concurrency: fc.integer({ min: 1, max: 8 }),
  strikes: fc
    .tuple(
      fc.array(strike(honest, onUsage), { minLength: 1, maxLength: 6 }),
      fc.uniqueArray(strike(lying, onUsage), { maxLength: 4, selector: ({ path }) => `${path.path} ${path.month}` }),
      fc.array(strike(honest, onRun), { maxLength: 2 }),
      fc.array(strike(refusing, fc.oneof(onUsage, onRun)), { maxLength: 1 }),
    )
    .map((parts) => parts.flat()),
});
type Case = typeof anyCase extends fc.Arbitrary<infer C> ? C : never;

const endure = Effect.fnUntraced(function* ({ concurrency, sinks, strikes }: Case) {
  const simulator = yield* service;
  const requests = yield* received;
  const dataDir = yield* temporaryDirectory;
  const at = { simulator, dataDir, sinks, places, config: { concurrency }, client: { maxOrderedWaits: 2 } };
  const violations: Array<string> = [];
  const earlier = places.slice(0, 5);
  yield* run({ ...at, places: earlier, day: 0 });
  const before = new Map(earlier.map((place) => [keyOf(place), truthAt(simulator, place)]));
  for (const { month } of places) restate(simulator, month);
  for (const { page, path, times, variant } of strikes) {
    simulator.faults.add({ ...variant.rule, ...path, ...(path.path === "/" ? {} : { page }), times } as FaultRule);
  }
  const struck = yield* run({ ...at, day: 1 });
  const isEnded = struck.code === 3 || !struck.events.some(({ _tag }) => _tag === "RunPlanned");
  const told = new Map(
    struck.events.flatMap((event) =>
      event._tag === "PartitionCaptured" || event._tag === "PartitionFailed"
        ? [[keyOf(event.capture.partition), event.capture.outcome] as const]
        : [],
    ),
  );
  for (const holding of yield* Effect.promise(() => holdings(dataDir, sinks))) {
    for (const place of places) {
      const key = keyOf(place);
      const outcome = told.get(key);
      if (outcome === undefined && !isEnded) violations.push(`nothing was told of ${key}`);
      const due = { captured: truthAt(simulator, place), absent: [] }[String(outcome)] ?? before.get(key) ?? [];
      const wrong = difference(holding.figures(place), due);
      if (wrong !== undefined) violations.push(`${holding.sink} has of ${key}, told as ${outcome}, ${wrong}`);
    }
  }
  const isWhole = [...told.values()].every((outcome) => outcome === "captured" || outcome === "absent");
  const due = isEnded ? [1, 3] : [isWhole ? 0 : 1];
  if (!due.includes(struck.code)) violations.push(`the run ended with ${struck.code}`);
  if (isEnded && strikes.every(({ path, variant }) => path.path !== "/" && variant.nature !== "refusal")) {
    violations.push(`the run was ended by ${struck.said}`);
  }
  violations.push(...(yield* Effect.promise(() => leftovers(dataDir))), ...(yield* verified(dataDir)));

  simulator.faults.clear();
  const next = yield* run({ ...at, day: 2 });
  if (next.code !== 0) violations.push(`the next run ended with ${next.code}`);
  for (const holding of yield* Effect.promise(() => holdings(dataDir, sinks))) {
    for (const place of places) {
      const wrong = difference(holding.figures(place), truthAt(simulator, place));
      const lost = difference(holding.revisions(place), before.get(keyOf(place)) ?? []);
      if (wrong !== undefined) violations.push(`after the next run ${holding.sink} has of ${keyOf(place)} ${wrong}`);
      if (lost !== undefined) violations.push(`the revisions in ${holding.sink} of ${keyOf(place)} are ${lost}`);
    }
  }
  violations.push(...(yield* Effect.promise(() => leftovers(dataDir))), ...(yield* verified(dataDir)));
  violations.push(...unfit(struck.said), ...unfit(next.said), ...strayed(requests, [simulator]));
  violations.push(...(yield* Effect.promise(() => secretsBelow(dataDir))));
  return violations;
});

it(
  `${cases} times faults at random, seed ${seed}, lose and alter nothing`,
  () =>
    fc.assert(
      fc.asyncProperty(anyCase, async (one) => {
        assert.deepStrictEqual(await Effect.runPromise(Effect.scoped(endure(one))), []);
      }),
      // A case takes seconds; the seed and the path bring it back.
      { seed, numRuns: cases, endOnFailure: true },
    ),
  longest,
);
