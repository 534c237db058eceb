/**
 * The law of history, over whole runs: whichever sinks are asked for, whatever the clock shows and wherever a run breaks off, the
 * next run with all sinks brings them to one history, in which every capture of every ledger can be had back as it was.
 */
import { assert, describe, it } from "@effect/vitest";
import {
  Capture,
  historyFaults,
  type MemorySink,
  Partition,
  type Sink,
  sinkError,
  type SinkName,
  type UsageRow,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import {
  isLevelIn,
  levelBooks,
  makeFindings,
  makeProgress,
  partiesOf,
  plan,
  rangeTargets,
  runPlan,
  verify,
} from "../src/index.ts";
import { rowsAt } from "../src/History.ts";
import { contentOf } from "./Captures.ts";
import {
  config,
  memorySink,
  month,
  notFound,
  partition,
  plainRows,
  scripted,
  stage,
  wireCalls,
  workspaceCalls,
  workspaceId,
} from "./Setting.ts";

const periods = ["2023-12", "2024-01"] as const;
const dataset = "workspace-api-calls";

/** Figures by day; none: 404. */
type Figures = ReadonlyArray<readonly [day: number, figure: number]>;

interface Step {
  /** Sinks of the run. */
  readonly sinks: ReadonlyArray<SinkName>;
  /** What the service says from now on, of some months. */
  readonly says: Partial<Record<(typeof periods)[number], Figures>>;
  /** In this order. */
  readonly months: ReadonlyArray<(typeof periods)[number]>;
  readonly refresh: boolean;
  /** Hours by which the clock moves; it may stand still, or go back. */
  readonly hours: number;
  /** The replacement, counted over all sinks of the run, that fails, and how. */
  readonly breaks: { readonly at: number; readonly reason: "Full" | "Mismatch" } | undefined;
}

const figuresArbitrary: fc.Arbitrary<Figures> = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })), { selector: ([day]) => day })
  .map((figures) => figures.toSorted(([a], [b]) => a - b));

const stepArbitrary = (names: ReadonlyArray<SinkName>): fc.Arbitrary<Step> =>
  fc.record({
    sinks: fc.subarray([...names], { minLength: 1 }),
    says: fc.record({ "2023-12": figuresArbitrary, "2024-01": figuresArbitrary }, { requiredKeys: [] }),
    months: fc.shuffledSubarray([...periods], { minLength: 1 }),
    refresh: fc.boolean(),
    hours: fc.integer({ min: -2, max: 24 * 5 }),
    breaks: fc.option(
      fc.record({ at: fc.integer({ min: 1, max: 5 }), reason: fc.constantFrom("Full" as const, "Mismatch" as const) }),
      { nil: undefined, freq: 2 },
    ),
  });

/** A memory sink whose calls of `replace` are told first, and may be refused. */
const told = (sink: MemorySink, before: (captured: Capture.Handed) => ReturnType<Sink["replace"]>): Sink => ({
  ...sink,
  replace: (captured, superseded) => Effect.andThen(before(captured), sink.replace(captured, superseded)),
});

const world = (names: ReadonlyArray<SinkName>) => {
  const stores = new Map(names.map((name) => [name, memorySink(name)]));
  const says = new Map<string, Figures>(periods.map((period) => [period, []]));
  /** The model: what the service said when a capture was made. */
  const snapshots = new Map<string, ReadonlyArray<UsageRow>>();
  let present = Date.UTC(2024, 0, 20);

  const service = scripted(({ month: period }) => {
    const figures = says.get(period)!;
    return figures.length === 0 ? Effect.fail(notFound) : Effect.succeed({ rows: figures.map(toWire(period)) });
  });

  const step = ({ breaks, hours, months, refresh, says: changes, sinks: asked }: Step) =>
    Effect.gen(function* () {
      present += hours * 3_600_000;
      for (const [period, figures] of Object.entries(changes)) says.set(period, figures);
      let replacements = 0;
      const sinks = asked.map((name) =>
        told(stores.get(name)!, ({ capture: { captureId, partition: of } }) =>
          Effect.suspend(() => {
            replacements++;
            if (replacements === breaks?.at) return Effect.fail(sinkError("replace", breaks.reason, "It broke."));
            if (!snapshots.has(captureId)) snapshots.set(captureId, says.get(of.month)!.map(toRow(of.month)));
            return Effect.void;
          }),
        ),
      );
      const ledgers = yield* Effect.forEach(sinks, (sink) => sink.held(workspaceId));
      const parties = yield* partiesOf(workspaceId, sinks);
      const planned = plan({
        workspaceId,
        targets: months.flatMap((period) => rangeTargets([month(period)], [dataset], refresh)),
        holdings: sinks.map((sink, index) => ({ sink: sink.name, held: ledgers[index]! })),
        pageSize: 100,
      });
      yield* levelBooks(workspaceId, parties, isLevelIn(ledgers));
      const run = {
        plan: planned,
        runId: `run ${present}`,
        config,
        progress: makeProgress(),
        findings: makeFindings(),
      };
      yield* stage(service, new Date(present).toISOString())
        .provide(runPlan({ booked: Effect.void, ...run, parties }))
        .pipe(Effect.ignore);
    });
  return { stores: [...stores.values()], snapshots, step };
};

const toWire =
  (period: string) =>
  ([day, figure]: Figures[number]) =>
    wireCalls(day, { apiCalls: String(figure), timestamp: `${period}-0${day}T00:00:00Z` });

const toRow =
  (period: string) =>
  ([day, figure]: Figures[number]): UsageRow => {
    const at = Date.parse(`${period}-0${day}T00:00:00Z`) * 1_000;
    return workspaceCalls(day, { day: at / 86_400_000_000, api_calls: BigInt(figure), snapshot_at: at });
  };

const quietly: Step = { sinks: [], says: {}, months: periods, refresh: true, hours: 1, breaks: undefined };

const law = (names: ReadonlyArray<SinkName>, steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const { snapshots, step, stores } = world(names);
    for (const one of steps) yield* step(one);
    // Books are brought to one at the beginning of a run, partitions during it: the second run finds all of them level.
    for (const refresh of [true, false]) yield* step({ ...quietly, sinks: names, refresh });

    const [first, ...others] = stores;
    for (const other of others) assert.deepStrictEqual(contentOf(other), contentOf(first!));
    for (const sink of stores) {
      const entered = [...sink.ledger.values()].filter(Capture.isHeld);
      for (const captureId of snapshots.keys()) {
        assert.include(
          entered.map((one) => one.captureId),
          captureId,
          "no capture is lost",
        );
      }
      for (const { captureId, capturedAt, partition: of } of entered) {
        const { capture, rows } = sink.partitions.get(Partition.label(of))!;
        const history = { capture, rows, revisions: yield* sink.revisions(of) };
        assert.deepStrictEqual(plainRows(rowsAt(history, capturedAt)), plainRows(snapshots.get(captureId)!), captureId);
        assert.deepStrictEqual(historyFaults(history, entered), []);
      }
      for (const period of periods) {
        const made = entered.filter((one) => Partition.equals(one.partition, partition(dataset, period)));
        assert.strictEqual(new Set(made.map(({ capturedAt }) => capturedAt)).size, made.length, "instants differ");
      }
    }
    assert.deepStrictEqual((yield* verify(stores)).problems, []);
  });

describe("any runs into two sinks", () => {
  it("end in one history that has every capture", () =>
    fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary(["parquet", "duckdb"]), { maxLength: 7 }), (steps) =>
        Effect.runPromise(law(["parquet", "duckdb"], steps)),
      ),
      { numRuns: 100 },
    ));
});

const three = ["parquet", "duckdb", "memory"] as const;

describe("any runs into three sinks at once", () => {
  it("end in one history that has every capture", () =>
    fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary(three), { maxLength: 7 }), (steps) =>
        Effect.runPromise(
          law(
            three,
            steps.map((step) => ({ ...step, sinks: three })),
          ),
        ),
      ),
      { numRuns: 50 },
    ));
});

describe("runs into three sinks, two at a time", () => {
  // Known to fail: sinks that hold one capture pass for level, though their ledgers show that one of them has seen fewer.
  it.fails("end in one history that has every capture", () => {
    const step = (...sinks: ReadonlyArray<SinkName>): Step => ({
      ...quietly,
      sinks,
      says: { "2023-12": [[1, 1]] },
      months: ["2023-12"],
      refresh: false,
    });
    const steps = [step("duckdb"), step("memory"), step("parquet", "memory"), step("duckdb", "memory")];
    return Effect.runPromise(law(three, steps));
  });
});
