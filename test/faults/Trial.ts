/**
 * One fault in a run of its own, for those that strike what a run has only once: the token, the workspace, the list of sources.
 *
 * Trials follow each other in one data directory, each after every figure changed at the service. What the model says is held
 * against what each sink holds: figures, and the names of sources by when they were last seen.
 */
import { datasets } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { temporaryDirectory } from "../../pipelines/test/Command.ts";
import { stamp } from "../../pipelines/test/Held.ts";
import { received, secretsBelow, strayed } from "./Canaries.ts";
import { type Expected, expectation, isUsage, type Span, type Stage, strikes } from "./Expectation.ts";
import { difference, type Holding, holdings, leftovers, truthAt } from "./Holding.ts";
import { unfit } from "./Campaign.ts";
import {
  daysInMonth,
  instantOf,
  months,
  type Place,
  type Ran,
  restate,
  run,
  service,
  type Sinks,
  verified,
  workspaceOf,
} from "./Setting.ts";
import { nameOf, type Variant } from "./Variants.ts";

const { promise } = Effect;

export interface Trial {
  readonly variant: Variant;
  readonly stage: Stage;
  readonly span: Span;
}

const month = months[0]!;
const struckPlace: Place = { dataset: "workspace-api-calls", month };
/** Committed before the other is asked for. */
const earlierPlace: Place = { dataset: "workspace-mtu", month };

const targetOf = (stage: Stage) => {
  const page = stage.startsWith("first") ? 0 : stage.startsWith("last") ? "last" : 1;
  if (stage === "workspace") return { path: "/" };
  return stage.endsWith("sources")
    ? { path: "/sources", page }
    : { path: datasets[struckPlace.dataset].path, month, page };
};

/** Returns what broke, by the trial that it broke in. */
export const trials = Effect.fn("trials")(function* (sinks: Sinks, list: ReadonlyArray<Trial>) {
  const simulator = yield* service;
  const requests = yield* received;
  const dataDir = yield* temporaryDirectory;
  const violations: Array<string> = [];
  const places = list.some(({ stage }) => isUsage(stage)) ? [earlierPlace, struckPlace] : [struckPlace];
  let day = 0;
  const again = (timeoutMs: number) =>
    run({ simulator, dataDir, sinks, places, day: ++day, client: { timeoutMs }, config: { concurrency: 1 } });
  const look = promise(() => holdings(dataDir, sinks));

  yield* again(10_000);
  let before = yield* look;
  for (const { span, stage, variant } of list) {
    const label = `${nameOf(variant)}, ${span}, ${stage}`;
    // The last day alone, or else what was superseded would be most of what is held.
    restate(simulator, month, daysInMonth);
    const truth = new Map(places.map((place) => [place, truthAt(simulator, place)]));
    simulator.faults.add({ ...variant.rule, ...targetOf(stage), times: span === "once" ? 1 : Infinity } as never);
    const struck = yield* again(variant.needs === "time" ? 300 : 10_000);
    const fired = simulator.faults.list()[0]!.fired;
    simulator.faults.clear();
    const after = yield* look;
    const expected = expectation(variant, stage, span);
    const found = judge(expected, stage, struck, { before, after, truth, seen: stamp(instantOf(day)) });
    if (fired > 0 !== strikes(variant, stage)) found.push(`it struck ${fired} times`);
    found.push(...unfit(struck.said));
    before = after;
    if (found.length > 0 || (expected.outcome === "ended" && stage !== "workspace")) {
      const next = yield* again(10_000);
      before = yield* look;
      const names = { outcome: "truth" } as const;
      const whole = judge(names, stage, next, {
        before: after,
        after: before,
        truth,

        seen: stamp(instantOf(day)),
      });
      found.push(...whole.map((violation) => `the next run: ${violation}`));
    }
    violations.push(...found.map((violation) => `${label}: ${violation}`));
  }
  const ids = simulator.sources(workspaceOf(simulator)).map(({ id, slug }) => `${id} ${slug}`);
  for (const { sink, sources } of before) {
    const named = sources.map(({ id, slug }) => `${String(id)} ${String(slug)}`);
    const wrong = difference(named, ids.toSorted());
    if (wrong !== undefined) violations.push(`the sources in ${sink} are ${wrong}`);
  }
  violations.push(...(yield* promise(() => leftovers(dataDir))), ...(yield* verified(dataDir)));
  violations.push(...(yield* promise(() => secretsBelow(dataDir))), ...strayed(requests, [simulator]));
  return violations;
});

interface States {
  readonly before: ReadonlyArray<Holding>;
  readonly after: ReadonlyArray<Holding>;
  readonly truth: ReadonlyMap<Place, ReadonlyArray<string>>;
  /** When the run saw what it saw. */
  readonly seen: string;
}

const judge = (expected: Expected, stage: Stage, { code, events }: Ran, states: States): Array<string> => {
  const { after, before, seen, truth } = states;
  const found: Array<string> = [];
  const due = expected.outcome === "ended" ? expected.code : 0;
  if (code !== due) found.push(`the run ended with ${code}, not with ${due}`);
  const isUnread = events.some(({ _tag }) => _tag === "NamesUnread");
  if (isUnread !== (expected.outcome === "nameless")) found.push(`names were ${isUnread ? "" : "not "}told as unread`);
  const isEnded = expected.outcome === "ended";
  for (const [index, { all, figures, sink, sources }] of after.entries()) {
    const earlier = before[index]!;
    if (isEnded && stage === "workspace" && all !== earlier.all) found.push(`${sink} was changed`);
    for (const [place, rows] of truth) {
      const isKept = isEnded && !(isUsage(stage) && place === earlierPlace);
      const wrong = difference(figures(place), isKept ? earlier.figures(place) : rows);
      if (wrong !== undefined) found.push(`${sink} has of ${place.dataset} ${wrong}`);
    }
    const isOld = expected.outcome === "nameless" || (isEnded && !isUsage(stage));
    const isNew = sources.every((row) => row["last_seen"] === seen);
    const isSome = sources.some((row) => row["last_seen"] === seen);
    const isRight =
      expected.outcome === "incomplete names"
        ? isSome && sources.length === earlier.sources.length
        : isOld
          ? JSON.stringify(sources) === JSON.stringify(earlier.sources)
          : isNew;
    if (!isRight) found.push(`the names in ${sink} are not those that the run was to leave`);
  }
  return found;
};
