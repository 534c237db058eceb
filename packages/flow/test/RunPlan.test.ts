import { assert, describe, it } from "@effect/vitest";
import {
  type Capture,
  type DatasetName,
  type MemorySink,
  type SinkError,
  sinkError,
  type SinkReason,
} from "@segmeter/domain";
import { Forbidden, Unauthorized, Unavailable, type UsagePageRequest } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import {
  type Findings,
  type FlowConfig,
  type FlowEvent,
  makeFindings,
  makeProgress,
  partiesOf,
  plan,
  rangeTargets,
  runPlan,
  tellFindings,
} from "../src/index.ts";
import { makeIdleGate } from "../src/Idle.ts";
import {
  captureOf,
  config,
  gatesOf,
  heldIn,
  instant,
  memorySink,
  month,
  notFound,
  partition,
  refusal,
  replacing,
  type Script,
  scripted,
  settledNow,
  stage,
  wireCalls,
  wireMtu,
  workspaceId,
  workspaceMtu,
} from "./Setting.ts";

interface Setting {
  readonly months?: ReadonlyArray<string>;
  readonly datasets?: ReadonlyArray<DatasetName>;
  readonly sinks?: ReadonlyArray<MemorySink>;
  readonly config?: Partial<FlowConfig>;
  readonly now?: string;
  readonly script: Script;
  readonly booked?: Effect.Effect<void, SinkError>;
}

/** Plans over what the sinks hold, as a command does, and carries it out. */
const run = (setting: Setting) => {
  const { datasets = ["workspace-mtu"], months = ["2024-01"], script, sinks = [memorySink()] } = setting;
  const settings = { ...config, ...setting.config };
  const service = scripted(script);
  const { events, provide } = stage(service, setting.now);
  const progress = makeProgress();
  const findings = makeFindings();
  const result = Effect.gen(function* () {
    const holdings = yield* Effect.forEach(sinks, (sink) =>
      Effect.map(sink.held(workspaceId), (held) => ({ sink: sink.name, held })),
    );
    const planned = plan({
      workspaceId,
      targets: rangeTargets(months.map(month), datasets, settings.refresh),
      holdings,
      pageSize: 1_000,
    });
    const parties = yield* partiesOf(workspaceId, sinks);
    yield* runPlan({
      booked: setting.booked ?? Effect.void,
      plan: planned,
      runId: "run-1",
      config: settings,
      parties,
      progress,
      findings,
    });
  });
  return { service, events, findings, progress, sinks, result: provide(result) };
};

/** One row on the first of the month, with a source where the dataset has one. */
const rowOf = ({ dataset, month: period }: Pick<UsagePageRequest, "dataset" | "month">): Record<string, unknown> => {
  const source = dataset.startsWith("source") ? { sourceId: "s" } : {};
  const timestamp = `${period}-01T00:00:00Z`;
  const seconds = Date.parse(timestamp) / 1_000;
  return dataset.endsWith("mtu")
    ? wireMtu(1, { ...source, timestamp, periodStart: seconds, periodEnd: seconds + 86_400 })
    : wireCalls(1, { ...source, timestamp });
};

const oneRow: Script = (request) => Effect.succeed({ rows: [rowOf(request)], totalEntries: 1 });

const outcomes = (sink: MemorySink): Record<string, string> =>
  Object.fromEntries(
    [...sink.ledger.values()].map(({ outcome, partition: of }) => [`${of.dataset} ${of.month}`, outcome]),
  );

const year = Array.from({ length: 12 }, (_, index) => `2023-${String(index + 1).padStart(2, "0")}`);

describe("runPlan", () => {
  it.effect("counts what became of every partition", () =>
    Effect.gen(function* () {
      const answers: Record<string, Script> = {
        "2023-01": oneRow,
        "2023-02": () => Effect.succeed({ rows: [], totalEntries: 0 }),
        "2023-03": () => Effect.fail(notFound),
        "2023-04": () => Effect.fail(refusal(new Forbidden())),
        "2023-05": () => Effect.fail(refusal(new Unavailable({ status: 500 }))),
        "2023-06": oneRow,
      };
      const { progress, result, sinks } = run({
        months: Object.keys(answers),
        script: (request) => answers[request.month]!(request),
      });
      yield* result;
      assert.deepStrictEqual(progress, {
        captured: 2,
        skipped: 0,
        empty: 1,
        absent: 1,
        failed: 2,
        rows: 2,
        revisions: 0,
      });
      assert.deepStrictEqual(outcomes(sinks[0]!), {
        "workspace-mtu 2023-01": "captured",
        "workspace-mtu 2023-02": "empty",
        "workspace-mtu 2023-03": "absent",
        "workspace-mtu 2023-04": "forbidden",
        "workspace-mtu 2023-05": "failed",
        "workspace-mtu 2023-06": "captured",
      });
    }),
  );

  it.effect("asks for nothing that is settled, and only for what failed, the second time", () =>
    Effect.gen(function* () {
      const sinks = [memorySink("parquet"), memorySink("duckdb")];
      yield* run({
        months: year,
        sinks,
        script: (request) => (request.month === "2023-07" ? Effect.fail(refusal(new Forbidden())) : oneRow(request)),
      }).result;
      const second = run({ months: year, sinks, script: oneRow });
      yield* second.result;
      assert.deepStrictEqual(
        second.service.requests.map((request) => request.month),
        ["2023-07"],
      );
      assert.deepStrictEqual(second.progress, {
        captured: 1,
        skipped: 11,
        empty: 0,
        absent: 0,
        failed: 0,
        rows: 1,
        revisions: 0,
      });
    }),
  );

  it.effect("counts the revisions of a refresh", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      yield* run({ sinks, script: oneRow }).result;
      const script: Script = (request) => Effect.succeed({ rows: [{ ...rowOf(request), identified: "6" }] });
      const { progress, result } = run({ sinks, script, config: { refresh: true } });
      yield* result;
      assert.strictEqual(progress.revisions, 1);
    }),
  );

  it.effect("keeps the pages of no more partitions than --concurrency says", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 3, 8]) {
        const inFlight = new Set<string>();
        let most = 0;
        // No answer comes before as many are asked for as may be: a service that answers at once keeps the reader busy with fewer.
        const full = yield* Deferred.make<void>();
        const anotherGate = yield* makeIdleGate();
        const script: Script = (request) =>
          Effect.gen(function* () {
            inFlight.add(`${request.dataset} ${request.month}`);
            most = Math.max(most, inFlight.size);
            // And not before one more would have had all the time that it needs to come, too.
            if (inFlight.size === concurrency && most === concurrency) {
              yield* Effect.forkChild(
                Effect.andThen(Effect.repeat(anotherGate, { times: 9 }), Deferred.succeed(full, undefined)),
              );
            }
            yield* Deferred.await(full);
            yield* Effect.yieldNow;
            return {
              rows: [rowOf(request)],
              next: request.cursor === undefined ? "page-2" : undefined,
              totalEntries: 1,
            };
          });
        const sink = memorySink();
        const finishing = replacing(sink, ({ capture }) =>
          Effect.sync(() => void inFlight.delete(`${capture.partition.dataset} ${capture.partition.month}`)),
        );
        yield* run({
          months: year,
          datasets: ["workspace-mtu", "source-mtu", "workspace-api-calls", "source-api-calls"],
          sinks: [finishing],
          config: { concurrency },
          script,
        }).result;
        assert.strictEqual(sink.partitions.size, 48);
        assert.strictEqual(most, concurrency);
      }
    }),
  );

  it.effect("asks the service while the run is being booked, and writes nothing before it is", () =>
    Effect.gen(function* () {
      const [asked, booked] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
      const { result, sinks } = run({
        booked: Deferred.await(booked),
        datasets: ["workspace-mtu", "source-mtu"],
        config: { concurrency: 2 },
        script: (request) =>
          request.dataset === "source-mtu"
            ? Effect.andThen(Deferred.succeed(asked, undefined), Effect.fail(refusal(new Unavailable({ status: 503 }))))
            : oneRow(request),
      });
      const running = yield* Effect.forkChild(result);
      yield* Deferred.await(asked);
      for (let turn = 0; turn < 20; turn++) yield* Effect.promise(() => new Promise<void>(setImmediate));
      assert.deepStrictEqual([sinks[0]!.partitions.size, sinks[0]!.ledger.size], [0, 0]);
      yield* Deferred.succeed(booked, undefined);
      yield* Fiber.join(running);
      assert.deepStrictEqual([sinks[0]!.partitions.size, sinks[0]!.ledger.size], [1, 2]);
    }),
  );

  it.effect("writes a partition to all sinks side by side, and where one fails the others end what they began", () =>
    Effect.gen(function* () {
      for (const fails of [false, true]) {
        const [one, other] = [memorySink("parquet"), memorySink("duckdb")];
        const [begun, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
        const slow = replacing(one, () =>
          Effect.asVoid(Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(ended))),
        );
        const quick = replacing(other, () =>
          Effect.andThen(
            Effect.andThen(Deferred.await(begun), Deferred.succeed(ended, undefined)),
            fails ? Effect.fail(sinkError("replace", "Broken", "It broke.")) : Effect.void,
          ),
        );
        const { progress, result } = run({ script: oneRow, sinks: [slow, quick] });
        yield* result;
        assert.deepStrictEqual([one.partitions.size, other.partitions.size], [1, fails ? 0 : 1]);
        assert.deepStrictEqual([progress.captured, progress.failed], fails ? [0, 1] : [1, 0]);
      }
    }),
  );

  it.effect("stamps captures and rows by the clock that is set, not by the one that paces", () =>
    Effect.gen(function* () {
      const { result, sinks } = run({ script: oneRow });
      yield* result;
      const held = heldIn(sinks[0]!, partition("workspace-mtu"))!;
      assert.strictEqual(held.capture.capturedAt, instant(settledNow));
      assert.deepStrictEqual(
        held.rows.map(({ observed_at }) => observed_at),
        [instant(settledNow)],
      );
    }),
  );
});

describe("sources and their workspace", () => {
  const datasets = ["workspace-mtu", "source-mtu"] as const;
  const source = partition("source-mtu");

  /** The source counts more people than the workspace does. */
  const aboveWorkspace: Script = ({ dataset }) =>
    Effect.succeed({ rows: [dataset === "source-mtu" ? wireMtu(1, { sourceId: "s", identified: "50" }) : wireMtu(1)] });

  it.effect("are compared within one run, the workspace's figures first", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2]) {
        const { result, sinks } = run({ datasets, config: { concurrency }, script: aboveWorkspace });
        yield* result;
        assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
      }
    }),
  );

  it.effect("are compared with the figures just captured, not with those held before", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      const held = [workspaceMtu(1, { identified: 1_000n })];
      yield* sinks[0]!.replace({ capture: captureOf(partition("workspace-mtu")), rows: held });
      const { result } = run({ datasets, sinks, config: { refresh: true, concurrency: 2 }, script: aboveWorkspace });
      yield* result;
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
    }),
  );

  it.effect("are compared with what is held when the workspace's figures are not captured", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      yield* sinks[0]!.replace({ capture: captureOf(partition("workspace-mtu")), rows: [workspaceMtu(1)] });
      const { result, service } = run({ datasets, sinks, script: aboveWorkspace });
      yield* result;
      assert.deepStrictEqual(
        service.requests.map(({ dataset }) => dataset),
        ["source-mtu"],
      );
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
    }),
  );

  it.effect("are compared with what is held when the workspace's capture fails", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      yield* sinks[0]!.replace({ capture: captureOf(partition("workspace-mtu")), rows: [workspaceMtu(1)] });
      const { result } = run({
        datasets,
        sinks,
        config: { refresh: true, concurrency: 2 },
        script: (request) =>
          request.dataset === "workspace-mtu"
            ? Effect.fail(refusal(new Unavailable({ status: 500 })))
            : aboveWorkspace(request),
      });
      yield* result;
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
    }),
  );

  it.effect("are not compared where there is nothing to compare with", () =>
    Effect.gen(function* () {
      const { result, sinks } = run({ datasets: ["source-mtu"], script: aboveWorkspace });
      yield* result;
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), []);
    }),
  );

  it.effect("wait for the workspace's figures though their own have come", () =>
    Effect.gen(function* () {
      const sourcesCame = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const { events, result, sinks } = run({
        datasets,
        config: { concurrency: 2 },
        script: (request) =>
          request.dataset === "workspace-mtu"
            ? Effect.andThen(Deferred.await(released), aboveWorkspace(request))
            : Effect.andThen(Deferred.succeed(sourcesCame, undefined), aboveWorkspace(request)),
      });
      const fiber = yield* Effect.forkChild(result);
      yield* Deferred.await(sourcesCame);
      for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow;
      assert.strictEqual(sinks[0]!.partitions.size, 0);
      yield* Deferred.succeed(released, undefined);
      yield* Fiber.join(fiber);
      assert.deepStrictEqual(captured(events), ["workspace-mtu 2024-01", "source-mtu 2024-01"]);
    }),
  );

  it.effect("are captured though the workspace's own fail, whatever the concurrency", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2, 8]) {
        const { result, sinks } = run({
          datasets: ["workspace-mtu", "source-mtu", "workspace-api-calls", "source-api-calls"],
          months: ["2023-12", "2024-01"],
          config: { concurrency },
          script: (request) =>
            request.dataset.startsWith("workspace")
              ? Effect.fail(refusal(new Unavailable({ status: 500 })))
              : oneRow(request),
        });
        yield* result;
        assert.deepStrictEqual(outcomes(sinks[0]!), {
          "workspace-mtu 2023-12": "failed",
          "workspace-api-calls 2023-12": "failed",
          "source-mtu 2023-12": "captured",
          "source-api-calls 2023-12": "captured",
          "workspace-mtu 2024-01": "failed",
          "workspace-api-calls 2024-01": "failed",
          "source-mtu 2024-01": "captured",
          "source-api-calls 2024-01": "captured",
        });
      }
    }),
  );
});

const captured = (events: ReadonlyArray<FlowEvent>): ReadonlyArray<string> =>
  events.flatMap((event) =>
    event._tag === "PartitionCaptured" ? [`${event.capture.partition.dataset} ${event.capture.partition.month}`] : [],
  );

const failingIn = (period: string, reason: SinkReason) => (version: Capture.Handed) =>
  version.capture.partition.month === period
    ? Effect.fail(sinkError("replace", reason, "The store said no."))
    : Effect.void;

describe("a sink that fails", () => {
  it.effect("for one partition's sake leaves the others be", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 4]) {
        const sinks = [memorySink("parquet"), replacing(memorySink("duckdb"), failingIn("2023-02", "Unrepresentable"))];
        const { progress, result } = run({ months: year, sinks, config: { concurrency }, script: oneRow });
        yield* result;
        assert.deepStrictEqual(progress, {
          captured: 11,
          skipped: 0,
          empty: 0,
          absent: 0,
          failed: 1,
          rows: 11,
          revisions: 0,
        });
        assert.strictEqual(sinks[1]!.partitions.size, 11);
      }
    }),
  );

  it.effect("because it is full ends the run, and what was committed stays", () =>
    Effect.gen(function* () {
      const sinks = [memorySink("parquet"), replacing(memorySink("duckdb"), failingIn("2023-03", "Full"))];
      const { progress, result, service } = run({ months: year, sinks, script: oneRow });
      const error = yield* Effect.flip(result);
      assert.strictEqual(error._tag === "SinkError" && error.reason, "Full");
      // One month more may be walked while another is written.
      const asked = service.requests.map((request) => request.month);
      assert.deepStrictEqual(asked.slice(0, 3), ["2023-01", "2023-02", "2023-03"]);
      assert.isAtMost(asked.length, 4);
      assert.strictEqual(sinks[1]!.partitions.size, 2);
      assert.strictEqual(progress.captured, 2);
    }),
  );

  it.effect("behind another is brought up from it by the next run, without a request", () =>
    Effect.gen(function* () {
      const parquet = memorySink("parquet");
      const duckdb = memorySink("duckdb");
      yield* Effect.flip(
        run({ months: year, sinks: [parquet, replacing(duckdb, failingIn("2023-03", "Full"))], script: oneRow }).result,
      );
      const { events, progress, result, service } = run({
        months: year.slice(0, 3),
        sinks: [parquet, duckdb],
        script: oneRow,
      });
      yield* result;
      assert.deepStrictEqual(service.requests, []);
      assert.deepStrictEqual(events, [
        { _tag: "PartitionCaughtUp", partition: partition("workspace-mtu", "2023-03"), from: "parquet", to: "duckdb" },
      ]);
      assert.strictEqual(progress.skipped, 3);
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
      assert.deepStrictEqual(duckdb.ledger, parquet.ledger);
    }),
  );
});

describe("sinks that were asked for by turns", () => {
  it.effect("are brought to one history without a request, once nothing is open", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      const saying =
        (identified: string): Script =>
        (request) =>
          Effect.succeed({ rows: [{ ...rowOf(request), identified }] });
      yield* run({ sinks: [parquet], script: saying("1") }).result;
      yield* run({ sinks: [parquet], script: saying("2"), config: { refresh: true } }).result;
      yield* run({ sinks: [duckdb], script: saying("3"), now: "2024-03-02T02:00:00Z" }).result;
      const { result, service } = run({ sinks: [parquet, duckdb], script: saying("4") });
      yield* result;
      assert.deepStrictEqual(service.requests, []);
      for (const sink of [parquet, duckdb]) {
        const versions = [
          ...(yield* sink.revisions(partition("workspace-mtu"))),
          ...heldIn(sink, partition("workspace-mtu"))!.rows,
        ];
        assert.deepStrictEqual(
          versions.map((row) => "identified" in row && row.identified),
          [1n, 2n, 3n],
        );
        assert.strictEqual(sink.ledger.size, 3);
      }
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
    }),
  );
});

describe("a partition that cannot be brought up", () => {
  it.effect("fails by name, and the others go on", () =>
    Effect.gen(function* () {
      const parquet = memorySink("parquet");
      yield* run({ months: ["2023-03", "2023-04"], sinks: [parquet], script: oneRow }).result;
      const duckdb = memorySink("duckdb");
      const refusing = replacing(duckdb, failingIn("2023-03", "Unrepresentable"));
      const { events, progress, result, service } = run({
        months: ["2023-03", "2023-04", "2023-05"],
        sinks: [parquet, refusing],
        script: oneRow,
      });
      yield* result;
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Partition")),
        ["PartitionFailed", "PartitionCaughtUp", "PartitionCaptured"],
      );
      assert.deepStrictEqual(
        service.requests.map((request) => request.month),
        [month("2023-05")],
      );
      assert.include(progress, { failed: 1, skipped: 1, captured: 1 });
      assert.strictEqual(outcomes(duckdb)["workspace-mtu 2023-03"], "failed");
      assert.isDefined(heldIn(parquet, partition("workspace-mtu", "2023-03")));
      assert.isUndefined(heldIn(duckdb, partition("workspace-mtu", "2023-03")));
    }),
  );
});

describe("what a run found", () => {
  const told = (findings: Findings) =>
    Effect.gen(function* () {
      const { events, provide } = stage(scripted(oneRow));
      yield* provide(tellFindings(findings));
      return events;
    });

  it.effect("is told at its end: unknown fields once for all partitions, then restatements by month", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      const months = ["2023-12", "2024-01"];
      const datasets = ["workspace-mtu", "workspace-api-calls"] as const;
      yield* run({ months, datasets, sinks, script: oneRow }).result;
      const { events, findings, result } = run({
        months: [...months, "2023-11"],
        datasets,
        sinks,
        config: { refresh: true, concurrency: 4 },
        script: (request) =>
          Effect.succeed({
            rows: [
              {
                ...rowOf(request),
                ...(request.dataset === "workspace-mtu" ? { identified: "6", zone: 1 } : { apiCalls: "7" }),
                cost: 1,
              },
            ],
          }),
      });
      yield* result;
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "FiguresRestated",
        "not while it goes on",
      );
      assert.deepStrictEqual(
        (yield* told(findings)).map((event) =>
          event._tag === "FiguresRestated"
            ? `${event.restatement.partition.month} ${event.restatement.partition.dataset}`
            : event,
        ),
        [
          {
            _tag: "UnknownFieldsSeen",
            fields: [
              { name: "cost", datasets: ["workspace-api-calls", "workspace-mtu"] },
              { name: "zone", datasets: ["workspace-mtu"] },
            ],
          },
          "2023-12 workspace-api-calls",
          "2023-12 workspace-mtu",
          "2024-01 workspace-api-calls",
          "2024-01 workspace-mtu",
        ],
      );
    }),
  );

  it.effect("is nothing where figures only came", () =>
    Effect.gen(function* () {
      const { findings, result } = run({ months: year, script: oneRow });
      yield* result;
      assert.deepStrictEqual(yield* told(findings), []);
      assert.deepStrictEqual(yield* told(makeFindings()), []);
    }),
  );
});

describe("a token that is refused midway", () => {
  it.effect("ends the run, and what was committed stays", () =>
    Effect.gen(function* () {
      const { progress, result, service, sinks } = run({
        months: year,
        script: (request) => (request.month === "2023-03" ? Effect.fail(refusal(new Unauthorized())) : oneRow(request)),
      });
      const error = yield* Effect.flip(result);
      assert.strictEqual(error._tag === "SegmentError" && error.reason._tag, "Unauthorized");
      assert.deepStrictEqual(outcomes(sinks[0]!), {
        "workspace-mtu 2023-01": "captured",
        "workspace-mtu 2023-02": "captured",
      });
      assert.deepStrictEqual(
        service.requests.map((request) => request.month),
        ["2023-01", "2023-02", "2023-03"],
      );
      assert.strictEqual(progress.captured, 2);
    }),
  );

  it.effect("leaves nobody waiting for the workspace's figures", () =>
    Effect.gen(function* () {
      const sourcesCame = yield* Deferred.make<void>();
      const { result, sinks } = run({
        datasets: ["workspace-mtu", "source-mtu"],
        config: { concurrency: 2 },
        script: (request) =>
          request.dataset === "workspace-mtu"
            ? Effect.andThen(Deferred.await(sourcesCame), Effect.fail(refusal(new Unauthorized())))
            : Effect.andThen(Deferred.succeed(sourcesCame, undefined), oneRow(request)),
      });
      const error = yield* Effect.flip(result);
      assert.strictEqual(error._tag === "SegmentError" && error.reason._tag, "Unauthorized");
      assert.isUndefined(heldIn(sinks[0]!, partition("workspace-mtu")));
    }),
  );
});

describe("an interrupted run", () => {
  it.effect("keeps what was committed, in all sinks or in none", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const parquet = memorySink("parquet");
      const duckdb = memorySink("duckdb");
      const slow = replacing(duckdb, ({ capture }) =>
        capture.partition.month === "2023-04"
          ? Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(released))
          : Effect.void,
      );
      const { progress, result } = run({
        months: year,
        sinks: [parquet, slow],
        config: { concurrency: 2 },
        script: (request) => (request.month > "2023-04" ? Effect.never : oneRow(request)),
      });
      const fiber = yield* Effect.forkChild(result);
      yield* Deferred.await(begun);
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true });
      yield* Deferred.succeed(released, undefined);
      yield* Fiber.join(interruption);
      const months = ["2023-01", "2023-02", "2023-03", "2023-04"].map((period) => `workspace-mtu ${period}`);
      assert.deepStrictEqual(Object.keys(outcomes(parquet)), months);
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
      assert.deepStrictEqual(duckdb.ledger, parquet.ledger);
      assert.isAtLeast(progress.captured, 3);

      const again = run({ months: year, sinks: [parquet, duckdb], script: oneRow });
      yield* again.result;
      assert.deepStrictEqual(
        again.service.requests.map((request) => request.month),
        year.slice(4),
      );
      assert.strictEqual(again.progress.skipped, 4);
    }),
  );
});
