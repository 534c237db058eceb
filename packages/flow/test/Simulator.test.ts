/**
 * The flow over real HTTP, against a service of made-up data: whatever goes wrong on the way, what is kept is the truth, or the
 * partition says by name why there is nothing.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import { assert, describe, it } from "@effect/vitest";
import { type DatasetName, datasetNames, Instant, type MemorySink, type UsageRow } from "@segmeter/domain";
import { defaults, SegmentClient, type SegmentConfig } from "@segmeter/segment";
import { faultKinds, type FaultRule, type Simulator, type SimulatorOptions, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Redacted from "effect/Redacted";
import { type FlowConfig, makeFindings, makeProgress, partiesOf, plan, rangeTargets, runPlan } from "../src/index.ts";
import { rowsAt } from "../src/History.ts";
import { config, gatesOf, heldIn, memorySink, month, rejectsIn, stage } from "./Setting.ts";

const now = "2024-03-01T02:00:00Z";

interface Setting {
  readonly simulator: Simulator;
  readonly datasets?: ReadonlyArray<DatasetName>;
  readonly months?: ReadonlyArray<string>;
  readonly sink?: MemorySink;
  readonly client?: Partial<SegmentConfig>;
  readonly config?: Partial<FlowConfig>;
}

/** Runs a plan over what the sink holds against the simulator, with a client that backs off for a moment only. */
const run = Effect.fnUntraced(function* (setting: Setting) {
  const { datasets = ["source-mtu"], months = ["2024-01"], simulator, sink = memorySink() } = setting;
  const { id, token } = simulator.workspaces[0]!;
  const client = SegmentClient.layer({
    ...defaults,
    apiUrl: new URL(simulator.url),
    token: Redacted.make(token),
    userAgent: "segmeter-test",
    pageSize: 50,
    timeoutMs: 10_000,
    maxTries: 4,
    maxOrderedWaits: 4,
    backoffMs: 1,
    maxBackoffMs: 2,
    ...setting.client,
  }).pipe(Layer.provide(NodeHttpClient.layerUndici));
  const settings = { ...config, ...setting.config };
  const holdings = [{ sink: sink.name, held: yield* sink.held(id) }];
  const planned = plan({
    workspaceId: id,
    targets: rangeTargets(months.map(month), datasets, settings.refresh),
    holdings,
    pageSize: 50,
  });
  const { events, provide, rejects } = stage({ layer: client }, now);
  const progress = makeProgress();
  const parties = yield* partiesOf(id, [sink]);
  const findings = makeFindings();
  yield* provide(
    runPlan({ booked: Effect.void, plan: planned, runId: "run", config: settings, parties, progress, findings }),
  );
  return { events, progress, rejects, sink };
});

/** A service with three pages of the sources' MTU in January, which ends with the test. */
const service = (options: SimulatorOptions = {}) => startSimulator({ now, workspaces: [{ sources: 4 }], ...options });

const wireFields = [
  ["anonymous", "anonymous"],
  ["anonymous_identified", "anonymousIdentified"],
  ["identified", "identified"],
  ["never_identified", "neverIdentified"],
  ["api_calls", "apiCalls"],
] as const;

/** The row as the service sends it. */
const toWire = (row: UsageRow): Record<string, unknown> => ({
  ...("source_id" in row ? { sourceId: row.source_id } : {}),
  ...("period_start" in row
    ? { periodStart: row.period_start / 1_000_000, periodEnd: row.period_end / 1_000_000 }
    : {}),
  ...Object.fromEntries(
    wireFields.flatMap(([name, wire]) => (name in row ? [[wire, String(row[name as keyof UsageRow])]] : [])),
  ),
  timestamp: Instant.format(row.snapshot_at),
});

const byText = (rows: ReadonlyArray<object>): ReadonlyArray<string> =>
  rows.map((row) => JSON.stringify(Object.fromEntries(Object.entries(row).sort()))).sort();

const partitionOf = (simulator: Simulator, dataset: DatasetName, period: string) => ({
  workspaceId: simulator.workspaces[0]!.id,
  dataset,
  month: month(period),
});

const captureIn = (simulator: Simulator, sink: MemorySink, dataset: DatasetName = "source-mtu", period = "2024-01") =>
  heldIn(sink, partitionOf(simulator, dataset, period));

const assertTruth = (
  simulator: Simulator,
  sink: MemorySink,
  dataset: DatasetName = "source-mtu",
  period = "2024-01",
) => {
  const truth = simulator.truth(simulator.workspaces[0]!.id, dataset, period);
  assert.isNotEmpty(truth);
  const { rows } = captureIn(simulator, sink, dataset, period)!;
  assert.deepStrictEqual(byText(rows.map(toWire)), byText(truth));
};

const lastEntry = (sink: MemorySink) => [...sink.ledger.values()].at(-1)!;

describe("a run over HTTP", () => {
  it.live("holds the truth of every dataset and month, and asks for nothing the second time", () =>
    Effect.gen(function* () {
      const simulator = yield* service({ workspaces: [{ sources: 9 }] });
      const months = ["2024-01", "2024-02"];
      const setting = { simulator, datasets: datasetNames, months, config: { concurrency: 4 } };
      const { progress, sink } = yield* run(setting);
      for (const dataset of datasetNames) {
        for (const period of months) {
          assertTruth(simulator, sink, dataset, period);
          const { capture } = captureIn(simulator, sink, dataset, period)!;
          assert.deepStrictEqual(gatesOf(capture.warnings), []);
          assert.strictEqual(capture.state, period === "2024-01" ? "settled" : "open");
        }
      }
      assert.strictEqual(progress.captured, 8);
      const requests = [...sink.ledger.values()].reduce((sum, entry) => sum + entry.requests, 0);
      assert.strictEqual(requests, simulator.stats().total);

      const again = yield* run({ ...setting, sink, months: ["2024-01"] });
      assert.strictEqual(again.progress.skipped, 4);
      assert.strictEqual(simulator.stats().total, requests);
    }),
  );

  it.live("keeps what was reported before as revisions, when figures are corrected and a source is withdrawn", () =>
    Effect.gen(function* () {
      const simulator = yield* service();
      const { sink } = yield* run({ simulator });
      const { capture: earlier, rows: before } = captureIn(simulator, sink)!;
      const workspace = simulator.workspaces[0]!.id;
      const [first, second] = simulator.sources(workspace);
      simulator.restate({ workspaceId: workspace, month: "2024-01", sourceId: first!.id, delta: 5n, fromDay: 30 });
      simulator.restate({ workspaceId: workspace, month: "2024-01", sourceId: second!.id, withdraw: true });
      const { progress } = yield* run({ simulator, sink, config: { refresh: true } });
      assertTruth(simulator, sink);
      const withdrawn = before.filter((row) => "source_id" in row && row.source_id === second!.id).length;
      assert.isAbove(withdrawn, 0);
      assert.strictEqual(progress.revisions, withdrawn + 2);
      const revisions = yield* sink.revisions(earlier.partition);
      assert.strictEqual(revisions.length, progress.revisions);
      const history = { ...captureIn(simulator, sink)!, revisions };
      assert.deepStrictEqual(rowsAt(history, earlier.capturedAt), before, "the first capture can be had back");
    }),
  );

  const services: Readonly<Record<string, readonly [SimulatorOptions, ReadonlyArray<string>]>> = {
    "has cursors of null": [{ nullCursors: true }, []],
    "sends counts as numbers, beyond 2^53": [{ countsAsNumbers: true, counts: "huge" }, []],
    "has figures up to 2^63 − 1": [{ counts: "huge" }, []],
    "names no totals": [{ totalEntries: false }, []],
    "bills by other months": [{ periodOffsetDays: 14 }, ["period"]],
    "allows 200 rows a page only": [{ maxPageSize: 200, workspaces: [{ sources: 12 }] }, []],
  };
  for (const [what, [options, gates]] of Object.entries(services)) {
    it.live(`holds the truth of a service that ${what}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service(options);
        const { sink } = yield* run({
          simulator,
          ...(options.maxPageSize === 200 ? { client: { pageSize: 1_000 } } : {}),
        });
        assertTruth(simulator, sink);
        assert.deepStrictEqual(gatesOf(captureIn(simulator, sink)!.capture.warnings), gates);
      }),
    );
  }

  const without: Readonly<Record<string, readonly [SimulatorOptions, string]>> = {
    "a plan that lacks the feature": [{ plan: "free" }, "forbidden"],
    "a month that the service no longer has": [{ retentionMonths: 1 }, "absent"],
    "a month that the service emptied": [{ retentionMonths: 1, beyondRetention: "empty" }, "empty"],
  };
  for (const [what, [options, outcome]] of Object.entries(without)) {
    it.live(`ends as ${outcome} for ${what}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service(options);
        const { sink } = yield* run({ simulator });
        assert.strictEqual(lastEntry(sink).outcome, outcome);
      }),
    );
  }

  it.live("ends at once for a token of the other region", () =>
    Effect.gen(function* () {
      const simulator = yield* service({ region: "eu" });
      const error = yield* Effect.flip(run({ simulator, months: ["2024-01", "2024-02"] }));
      assert.strictEqual(error._tag === "SegmentError" && error.reason._tag, "WrongRegion");
      assert.strictEqual(simulator.stats().total, 1);
    }),
  );
});

type Pages = ReadonlyArray<0 | 1 | "last">;
const anyPage: Pages = [0, 1, "last"];

interface Recoverable {
  readonly rule: FaultRule;
  readonly pages?: Pages;
  /** What the capture says about it. */
  readonly gates?: ReadonlyArray<string>;
  /** HTTP requests that were tries after a failure. */
  readonly retries: number;
  readonly client?: Partial<SegmentConfig>;
}

const recoverable: ReadonlyArray<Recoverable> = [
  { rule: { kind: "status" }, retries: 1 },
  { rule: { kind: "status", status: 503, body: "html" }, retries: 1 },
  { rule: { kind: "status", status: 408 }, retries: 1 },
  { rule: { kind: "status", status: 425 }, retries: 1 },
  { rule: { kind: "status", status: 429 }, retries: 1 },
  { rule: { kind: "status", times: 3 }, retries: 3 },
  { rule: { kind: "rate-limit-storm", waitMs: 1 }, retries: 1 },
  { rule: { kind: "rate-limit-storm", waitMs: 1, times: 4 }, retries: 4 },
  { rule: { kind: "html-502" }, retries: 1 },
  { rule: { kind: "reset" }, retries: 1 },
  { rule: { kind: "reset-midway" }, retries: 1 },
  { rule: { kind: "truncated-body" }, retries: 1 },
  { rule: { kind: "not-json" }, retries: 1 },
  { rule: { kind: "hang" }, retries: 1, client: { timeoutMs: 300 } },
  { rule: { kind: "slow-body", chunkBytes: 4_096, everyMs: 1 }, retries: 0 },
  { rule: { kind: "oversized-body", mebibytes: 1 }, retries: 0 },
  { rule: { kind: "deep-body" }, retries: 1 },
  { rule: { kind: "deep-body", levels: 20 }, gates: ["unknown-field"], retries: 0 },
  { rule: { kind: "empty-body" }, retries: 1 },
  { rule: { kind: "wrong-envelope" }, retries: 1 },
  { rule: { kind: "errors-with-200" }, retries: 1 },
  // A cursor that leads back to the first page once; from the pages after it, the way back is a repeated cursor.
  { rule: { kind: "repeated-cursor" }, pages: [0], gates: ["repeated-row"], retries: 0 },
  { rule: { kind: "shifted-page" }, pages: [1, "last"], gates: ["repeated-row"], retries: 0 },
  { rule: { kind: "shifted-page", rows: 7 }, pages: [1, "last"], gates: ["repeated-row"], retries: 0 },
  { rule: { kind: "dropped-rows" }, gates: ["walked-again"], retries: 0 },
  { rule: { kind: "dropped-rows", rows: 50 }, gates: ["walked-again"], retries: 0 },
  { rule: { kind: "wrong-total" }, gates: ["walked-again"], retries: 0 },
  { rule: { kind: "wrong-total", by: -1 }, gates: ["walked-again"], retries: 0 },
  { rule: { kind: "second-snapshot" }, gates: ["walked-again"], retries: 0 },
  { rule: { kind: "second-snapshot", counted: "yes" }, gates: ["walked-again"], retries: 0 },
  { rule: { kind: "unknown-field" }, gates: ["unknown-field"], retries: 0 },
];

const named = (rule: FaultRule): string => JSON.stringify(rule).replaceAll('"', "");

describe("a fault that can be recovered from", () => {
  for (const { client, gates = [], pages = anyPage, retries, rule } of recoverable) {
    it.live(`ends with the truth: ${named(rule)}`, () =>
      Effect.gen(function* () {
        for (const page of pages) {
          const simulator = yield* service();
          simulator.faults.add({ ...rule, page });
          const { sink } = yield* run({ simulator, ...(client === undefined ? {} : { client }) });
          assert.strictEqual(simulator.faults.list()[0]!.fired, rule.times ?? 1, "the fault happened");
          const { capture } = captureIn(simulator, sink) ?? assert.fail(lastEntry(sink).warnings[0]?.message);
          assertTruth(simulator, sink);
          assert.deepStrictEqual(gatesOf(capture.warnings), gates);
          assert.strictEqual(capture.retries, retries);
          assert.strictEqual(capture.requests, simulator.stats().total);
        }
      }),
    );
  }

  for (const rule of [
    { kind: "shifted-page", page: 1 },
    { kind: "dropped-rows", page: 0 },
    { kind: "dropped-rows", page: 1 },
  ] as const satisfies ReadonlyArray<FaultRule>) {
    it.live(`ends with the truth without totals too: ${named(rule)}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service({ totalEntries: false });
        simulator.faults.add(rule);
        const { sink } = yield* run({ simulator });
        assertTruth(simulator, sink);
        assert.deepStrictEqual(gatesOf(captureIn(simulator, sink)!.capture.warnings), ["walked-again"]);
      }),
    );
  }
});

interface Unrecoverable {
  readonly rule: FaultRule;
  readonly gate: string;
  readonly outcome?: "failed" | "forbidden";
  readonly client?: Partial<SegmentConfig>;
}

const always = Number.POSITIVE_INFINITY;
const badRows = [
  "decimal",
  "text",
  "negative",
  "null",
  "missing",
  "overflow",
  "bad-timestamp",
  "empty-source-id",
  "not-an-object",
] as const;

const unrecoverable: ReadonlyArray<Unrecoverable> = [
  { rule: { kind: "status", times: always }, gate: "Unavailable" },
  { rule: { kind: "status", status: 400 }, gate: "UnexpectedStatus" },
  { rule: { kind: "status", status: 403 }, gate: "Forbidden", outcome: "forbidden" },
  { rule: { kind: "status", status: 403, page: 1 }, gate: "Forbidden", outcome: "forbidden" },
  { rule: { kind: "status", status: 404, page: 1 }, gate: "Vanished" },
  { rule: { kind: "status", status: 404, page: "last" }, gate: "Vanished" },
  { rule: { kind: "status", status: 409 }, gate: "UnexpectedStatus" },
  { rule: { kind: "status", status: 413 }, gate: "TooLarge" },
  { rule: { kind: "status", status: 422 }, gate: "InvalidRequest" },
  { rule: { kind: "rate-limit-storm", waitMs: 1, times: always }, gate: "RateLimited" },
  { rule: { kind: "html-502", page: "last", times: always }, gate: "Unavailable" },
  { rule: { kind: "reset", times: always }, gate: "Unreachable" },
  { rule: { kind: "reset-midway", page: 1, times: always }, gate: "BrokenBody" },
  { rule: { kind: "truncated-body", times: always }, gate: "BrokenBody" },
  { rule: { kind: "not-json", times: always }, gate: "BrokenBody" },
  { rule: { kind: "empty-body", times: always }, gate: "BrokenBody" },
  { rule: { kind: "hang", page: 1, times: always }, gate: "TimedOut", client: { timeoutMs: 300, maxTries: 2 } },
  {
    rule: { kind: "slow-body", chunkBytes: 1, times: always },
    gate: "TimedOut",
    client: { timeoutMs: 300, maxTries: 2 },
  },
  { rule: { kind: "oversized-body" }, gate: "TooLarge" },
  { rule: { kind: "deep-body", times: always }, gate: "UnexpectedBody" },
  { rule: { kind: "wrong-envelope", times: always }, gate: "UnexpectedBody" },
  { rule: { kind: "errors-with-200", times: always }, gate: "UnexpectedBody" },
  { rule: { kind: "redirect", to: "https://example.invalid/" }, gate: "UnexpectedStatus" },
  { rule: { kind: "repeated-cursor", times: always }, gate: "RepeatedCursor" },
  { rule: { kind: "repeated-cursor", page: 1 }, gate: "RepeatedCursor" },
  { rule: { kind: "repeated-cursor", page: "last", to: "first", times: always }, gate: "RepeatedCursor" },
  { rule: { kind: "dropped-rows", page: 1, times: always }, gate: "TotalMismatch" },
  { rule: { kind: "wrong-total", times: always }, gate: "TotalMismatch" },
  { rule: { kind: "wrong-total", by: -1, page: "last", times: always }, gate: "TotalMismatch" },
  { rule: { kind: "second-snapshot", times: always }, gate: "TotalMismatch" },
  { rule: { kind: "conflicting-row", page: "last", row: 3 }, gate: "ConflictingRows" },
  { rule: { kind: "outside-period", page: 1, row: 2 }, gate: "OutsidePeriod" },
  ...badRows.map((variant) => ({ rule: { kind: "bad-row", variant, page: "last", row: 1 }, gate: "BadRow" }) as const),
];

describe("a fault that cannot be recovered from", () => {
  for (const { client, gate, outcome = "failed", rule } of unrecoverable) {
    it.live(`ends by name, and with nothing kept: ${named(rule)}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service();
        simulator.faults.add(rule);
        const { progress, sink } = yield* run({ simulator, ...(client === undefined ? {} : { client }) });
        const entry = lastEntry(sink);
        assert.deepStrictEqual([entry.outcome, ...gatesOf(entry.warnings)], [outcome, gate]);
        assert.strictEqual(sink.partitions.size, 0);
        assert.strictEqual(progress.failed, 1);
        assert.strictEqual(entry.requests, simulator.stats().total);
      }),
    );
  }

  it.live("ends the run when the token is revoked midway, and keeps what was committed", () =>
    Effect.gen(function* () {
      const simulator = yield* service();
      simulator.faults.add({ kind: "revoked-token", month: "2024-02", page: 1 });
      const sink = memorySink();
      const months = ["2024-01", "2024-02", "2024-03"];
      const error = yield* Effect.flip(run({ simulator, months, sink }));
      assert.strictEqual(error._tag === "SegmentError" && error.reason._tag, "Unauthorized");
      assertTruth(simulator, sink);
      assert.strictEqual(sink.ledger.size, 1);
    }),
  );

  it.live("fails its own partition only", () =>
    Effect.gen(function* () {
      const simulator = yield* service({ workspaces: [{ sources: 4, from: "2023-10" }] });
      simulator.faults.add({ kind: "html-502", month: "2023-11", times: always });
      const months = ["2023-10", "2023-11", "2023-12", "2024-01"];
      const { progress, sink } = yield* run({ simulator, months, config: { concurrency: 4 } });
      assert.deepStrictEqual([progress.captured, progress.failed], [3, 1]);
      for (const period of ["2023-10", "2023-12", "2024-01"]) assertTruth(simulator, sink, "source-mtu", period);
    }),
  );
});

it("every fault that the simulator knows is tried", () => {
  const tried = new Set<string>(["revoked-token", ...[...recoverable, ...unrecoverable].map(({ rule }) => rule.kind)]);
  assert.deepStrictEqual(
    faultKinds.map(({ kind }) => kind).filter((kind) => !tried.has(kind)),
    [],
  );
});

describe("a fault that --bad-rows or --gates lets pass", () => {
  for (const variant of badRows) {
    it.live(`sets a bad row aside and keeps the rest: ${variant}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service();
        simulator.faults.add({ kind: "bad-row", variant, page: 1, row: 4 });
        const { rejects, sink } = yield* run({ simulator, config: { badRows: "quarantine" } });
        const truth = simulator.truth(simulator.workspaces[0]!.id, "source-mtu", "2024-01");
        const { capture, rows } = captureIn(simulator, sink)!;
        assert.deepStrictEqual(byText(rows.map(toWire)), byText(truth.toSpliced(54, 1)));
        assert.include(gatesOf(capture.warnings), "bad-row");
        assert.deepStrictEqual(
          rejectsIn(rejects).map(({ page, position }) => [page, position]),
          [[2, 5]],
        );
      }),
    );
  }

  it.live("keeps the later of two snapshots that the total counts", () =>
    Effect.gen(function* () {
      const simulator = yield* service();
      simulator.faults.add({ kind: "second-snapshot", counted: "yes", times: always });
      const { sink } = yield* run({ simulator, client: { pageSize: 1_000 } });
      const [first, ...rest] = simulator.truth(simulator.workspaces[0]!.id, "source-mtu", "2024-01");
      const { capture, rows } = captureIn(simulator, sink)!;
      const later = {
        ...first!,
        anonymous: String(BigInt(first!.anonymous) + 1n),
        identified: String(BigInt(first!.identified) + 1n),
        neverIdentified: String(BigInt(first!.neverIdentified) + 1n),
        timestamp: "2024-01-01T06:00:00Z",
      };
      assert.deepStrictEqual(byText(rows.map(toWire)), byText([later, ...rest]));
      assert.include(gatesOf(capture.warnings), "second-snapshot");
    }),
  );

  it.live("records a total that stays wrong, and a row outside its period, with --gates warn", () =>
    Effect.gen(function* () {
      const simulator = yield* service();
      simulator.faults.add({ kind: "wrong-total", times: always });
      const { sink } = yield* run({ simulator, config: { gates: "warn" } });
      assertTruth(simulator, sink);
      assert.deepStrictEqual(gatesOf(captureIn(simulator, sink)!.capture.warnings), ["total-entries", "walked-again"]);

      const other = yield* service();
      other.faults.add({ kind: "outside-period", page: 0 });
      const outside = yield* run({ simulator: other, config: { gates: "warn" } });
      assert.include(gatesOf(captureIn(other, outside.sink)!.capture.warnings), "outside-period");
    }),
  );
});

describe("many faults at once", () => {
  it.live("never change a figure: a partition is the truth, or it failed by name", () =>
    Effect.gen(function* () {
      const months = Array.from({ length: 12 }, (_, index) => `2023-${String(index + 1).padStart(2, "0")}`);
      const simulator = yield* service({ workspaces: [{ sources: 6, from: "2023-01" }] });
      const often = { times: always, probability: 0.08 };
      for (const rule of [
        { kind: "html-502", ...often },
        { kind: "reset", ...often },
        { kind: "truncated-body", ...often },
        { kind: "shifted-page", rows: 3, ...often },
        { kind: "dropped-rows", ...often },
        { kind: "wrong-total", ...often },
      ] as const satisfies ReadonlyArray<FaultRule>) {
        simulator.faults.add(rule);
      }
      const { progress, sink } = yield* run({
        simulator,
        months,
        datasets: datasetNames,
        config: { concurrency: 6 },
        client: { maxTries: 8 },
      });
      assert.strictEqual(progress.captured + progress.failed, 48);
      assert.isAbove(progress.captured, 24);
      for (const { capture } of sink.partitions.values()) {
        assertTruth(simulator, sink, capture.partition.dataset, capture.partition.month);
      }
    }),
  );
});
