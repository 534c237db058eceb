/**
 * Many faults in one run, each in a partition of its own, so that every one of them is also an innocent neighbour of all others.
 *
 * A run before them holds half of the partitions; then every figure changes at the service, and the faults strike. What the model
 * says is held against what each sink holds; then the faults are gone, and the next run has to come to exactly the truth, with
 * what was held before among the revisions.
 */
import { datasets } from "@segmeter/simulator";
import type { FlowEvent } from "@segmeter/flow";
import type { SegmentConfig } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import { temporaryDirectory } from "../../pipelines/test/Command.ts";
import { received, secretIn, secretsBelow, strayed } from "./Canaries.ts";
import { expectation, type Expected, type Span, type Stage, strikes } from "./Expectation.ts";
import { difference, type Holding, holdings, keyOf, leftovers, truthAt } from "./Holding.ts";
import { type Place, type Ran, restate, run, service, type Sinks, verified } from "./Setting.ts";
import { nameOf, type Variant } from "./Variants.ts";

const { promise } = Effect;

export interface Cell {
  readonly variant: Variant;
  readonly stage: Stage;
  readonly span: Span;
  readonly place: Place;
}

const pages: Readonly<Partial<Record<Stage, number | "last">>> = {
  "first page": 0,
  "middle page": 1,
  "last page": "last",
};

const labelOf = ({ place, span, stage, variant }: Cell): string =>
  `${nameOf(variant)}, ${span}, ${stage} of ${keyOf(place)}`;

/** Returns what broke, by the cell that it broke in. */
export const campaign = Effect.fn("campaign")(function* (
  sinks: Sinks,
  cells: ReadonlyArray<Cell>,
  innocent: ReadonlyArray<Place>,
  client: Partial<SegmentConfig> = {},
) {
  const simulator = yield* service;
  const requests = yield* received;
  const dataDir = yield* temporaryDirectory;
  const places = [...cells.map(({ place }) => place), ...innocent];
  const at = { simulator, dataDir, sinks, client };
  const violations: Array<string> = [];

  const earlier = places.filter((_, index) => index % 2 === 0);
  const first = yield* run({ ...at, places: earlier, day: 0 });
  if (first.code !== 0) violations.push(`the run without faults ended with ${first.code}`);
  const before = new Map(earlier.map((place) => [keyOf(place), truthAt(simulator, place)]));
  for (const { month } of places) restate(simulator, month);

  for (const { place, span, stage, variant } of cells) {
    simulator.faults.add({
      ...variant.rule,
      path: datasets[place.dataset].path,
      month: place.month,
      page: pages[stage]!,
      times: span === "once" ? 1 : Infinity,
    });
  }
  const struck = yield* run({ ...at, places, day: 1 });
  const fired = simulator.faults.list().map((fault) => fault.fired);
  const held = yield* promise(() => holdings(dataDir, sinks));
  for (const [index, cell] of cells.entries()) {
    const { place, span, stage, variant } = cell;
    const due = !strikes(variant, stage) ? [0, 0] : [1, span === "once" ? 1 : Infinity];
    if (fired[index]! < due[0]! || fired[index]! > due[1]!)
      violations.push(`${labelOf(cell)}: struck ${fired[index]} times`);
    const expected = expectation(variant, stage, span);
    const found = judge(expected, place, struck, held, { before, truth: truthAt(simulator, place) });
    violations.push(...found.map((violation) => `${labelOf(cell)}: ${violation}`));
  }
  for (const place of innocent) {
    const found = judge({ outcome: "truth" }, place, struck, held, { before, truth: truthAt(simulator, place) });
    violations.push(...found.map((violation) => `${keyOf(place)}, which no fault struck: ${violation}`));
  }
  const isWhole = cells.every(({ span, stage, variant }) =>
    ["truth", "absent"].includes(expectation(variant, stage, span).outcome),
  );
  if (struck.code !== (isWhole ? 0 : 1)) violations.push(`the run with faults ended with ${struck.code}`);
  violations.push(...(yield* promise(() => leftovers(dataDir))), ...(yield* verified(dataDir)));

  simulator.faults.clear();
  const last = yield* run({ ...at, places, day: 2 });
  if (last.code !== 0) violations.push(`the next run ended with ${last.code}`);
  for (const holding of yield* promise(() => holdings(dataDir, sinks))) {
    for (const place of places) {
      const wrong = difference(holding.figures(place), truthAt(simulator, place));
      const lost = difference(holding.revisions(place), before.get(keyOf(place)) ?? []);
      if (wrong !== undefined) violations.push(`after the next run ${holding.sink} ${keyOf(place)} has ${wrong}`);
      if (lost !== undefined) violations.push(`the revisions in ${holding.sink} of ${keyOf(place)} are ${lost}`);
    }
  }
  violations.push(...(yield* promise(() => leftovers(dataDir))), ...(yield* verified(dataDir)));

  for (const { said } of [first, struck, last]) violations.push(...unfit(said));
  violations.push(...(yield* promise(() => secretsBelow(dataDir))), ...strayed(requests, [simulator]));
  return violations;
});

/** What no run may say. */
export const unfit = (said: string): ReadonlyArray<string> => {
  const form = secretIn(said);
  return form === undefined
    ? []
    : [`a run said ${form}: ${said.slice(Math.max(0, said.indexOf(form) - 200)).slice(0, 300)}`];
};

interface States {
  readonly before: ReadonlyMap<string, ReadonlyArray<string>>;
  readonly truth: ReadonlyArray<string>;
}

/** What a partition is after a run, against what it is expected to be. */
const judge = (
  expected: Expected,
  place: Place,
  { events }: Ran,
  held: ReadonlyArray<Holding>,
  { before, truth }: States,
): ReadonlyArray<string> => {
  const found: Array<string> = [];
  const told = toldOf(events, place);
  const outcome = expected.outcome === "truth" ? "captured" : expected.outcome;
  if (told?.outcome !== outcome) found.push(`it was told as ${told?.outcome}, not as ${outcome}: ${told?.message}`);
  if ("gate" in expected) {
    if (told?.gate !== expected.gate) found.push(`it failed by ${told?.gate}, not by ${expected.gate}`);
    if (told?.message?.includes(place.month) !== true) found.push(`no month is named in ${told?.message}`);
    if (/\n|undefined|\[object/.test(told?.message ?? "")) found.push(`not one sentence: ${told?.message}`);
  }
  const due = "gate" in expected ? (before.get(keyOf(place)) ?? []) : outcome === "captured" ? truth : [];
  for (const holding of held) {
    const wrong = difference(holding.figures(place), due);
    if (wrong !== undefined) found.push(`${holding.sink} has ${wrong}`);
    if (holding.outcome(place) !== outcome) found.push(`the ledger of ${holding.sink} says ${holding.outcome(place)}`);
  }
  return found;
};

const toldOf = (events: ReadonlyArray<FlowEvent>, place: Place) => {
  for (const event of events) {
    if (event._tag !== "PartitionCaptured" && event._tag !== "PartitionFailed") continue;
    const { outcome, partition, warnings } = event.capture;
    if (partition.dataset !== place.dataset || partition.month !== place.month) continue;
    return { outcome, gate: warnings[0]?.gate, message: "message" in event ? event.message : undefined };
  }
  return undefined;
};
