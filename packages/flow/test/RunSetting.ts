/** What the tests of a run stand on: a plan over what sinks hold, carried out against a scripted service. */
import {
  type Capture,
  type DatasetName,
  type MemorySink,
  type SinkError,
  sinkError,
  type SinkReason,
} from "@segmeter/domain";
import type { UsagePageRequest } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import {
  type FlowConfig,
  type FlowEvent,
  makeFindings,
  makeProgress,
  partiesOf,
  plan,
  rangeTargets,
  runPlan,
} from "../src/index.ts";
import { config, memorySink, month, type Script, scripted, stage, wireCalls, wireMtu, workspaceId } from "./Setting.ts";

export interface RunSetting {
  readonly months?: ReadonlyArray<string>;
  readonly datasets?: ReadonlyArray<DatasetName>;
  readonly sinks?: ReadonlyArray<MemorySink>;
  readonly config?: Partial<FlowConfig>;
  readonly now?: string;
  readonly script: Script;
  readonly booked?: Effect.Effect<void, SinkError>;
}

/** Plans over what the sinks hold, as a command does, and carries it out. */
export const run = (setting: RunSetting) => {
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
export const rowOf = ({
  dataset,
  month: period,
}: Pick<UsagePageRequest, "dataset" | "month">): Record<string, unknown> => {
  const source = dataset.startsWith("source") ? { sourceId: "s" } : {};
  const timestamp = `${period}-01T00:00:00Z`;
  const seconds = Date.parse(timestamp) / 1_000;
  return dataset.endsWith("mtu")
    ? wireMtu(1, { ...source, timestamp, periodStart: seconds, periodEnd: seconds + 86_400 })
    : wireCalls(1, { ...source, timestamp });
};

export const oneRow: Script = (request) => Effect.succeed({ rows: [rowOf(request)], totalEntries: 1 });

export const outcomes = (sink: MemorySink): Record<string, string> =>
  Object.fromEntries(
    [...sink.ledger.values()].map(({ outcome, partition: of }) => [`${of.dataset} ${of.month}`, outcome]),
  );

export const year = Array.from({ length: 12 }, (_, index) => `2023-${String(index + 1).padStart(2, "0")}`);

export const captured = (events: ReadonlyArray<FlowEvent>): ReadonlyArray<string> =>
  events.flatMap((event) =>
    event._tag === "PartitionCaptured" ? [`${event.capture.partition.dataset} ${event.capture.partition.month}`] : [],
  );

export const failingIn = (period: string, reason: SinkReason) => (version: Capture.Handed) =>
  version.capture.partition.month === period
    ? Effect.fail(sinkError("replace", reason, "The store said no."))
    : Effect.void;
