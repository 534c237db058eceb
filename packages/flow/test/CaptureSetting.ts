/** What the tests of one partition stand on: a capture over what sinks hold, against a scripted service. */
import { type Capture, type MemorySink, type Partition, sinkError, type SinkReason } from "@segmeter/domain";
import type { ServiceClock } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import { type CaptureContext, capturePartition, type FlowConfig, partiesOf, type Party } from "../src/index.ts";
import type { CaptureTask } from "../src/Plan.ts";
import {
  type Answer,
  config,
  heldIn,
  paged,
  partition,
  type RejectStore,
  scripted,
  settledNow,
  stage,
  walks,
  wireDays,
  workspaceId,
} from "./Setting.ts";

export const of: Partition.Partition = partition("workspace-mtu");

export interface CaptureSetting {
  readonly walks: ReadonlyArray<ReadonlyArray<Answer>>;
  readonly sinks: ReadonlyArray<MemorySink>;
  readonly config?: FlowConfig;
  readonly now?: string;
  readonly rejects?: RejectStore;
  readonly isUneven?: boolean;
  readonly serviceClock?: ServiceClock;
}

/** Captures over what the sinks hold; where they are uneven the newest is the last one's. */
export const capture = (setting: CaptureSetting) => {
  const { config: settings = config, now = settledNow, sinks } = setting;
  const { events, provide, rejects } = stage(
    scripted(walks(...setting.walks), setting.serviceClock),
    now,
    setting.rejects,
  );
  const context = (parties: ReadonlyArray<Party>): CaptureContext => ({
    runId: "run-1",
    config: settings,
    sinks,
    parties,
    walking: (effect) => effect,
    companionRows: () => Effect.succeed(undefined),
    booked: Effect.void,
  });
  const first = setting.isUneven === true ? sinks.at(-1) : sinks[0];
  const held = first === undefined ? undefined : heldIn(first, of);
  const task: CaptureTask = {
    _tag: "Capture",
    partition: of,
    held: held === undefined ? undefined : { sink: first!.name, capture: held.capture },
    isUneven: setting.isUneven === true,
  };
  const result = Effect.flatMap(partiesOf(workspaceId, sinks), (parties) => capturePartition(task, context(parties)));
  const stamped = Effect.map(result, (captured) => ({
    ...captured,
    rows: captured.rows.map((row) =>
      row.observed_at === 0 ? { ...row, observed_at: captured.capture.capturedAt } : row,
    ),
  }));
  return { events, rejects, result: provide(stamped) };
};

export const ledgerOf = (sink: MemorySink): ReadonlyArray<Capture.Capture> => [...sink.ledger.values()];

export const january3 = [paged(wireDays(3), 1_000, 3)];

export const failing = (reason: SinkReason) => () => Effect.fail(sinkError("replace", reason, "The store said no."));
