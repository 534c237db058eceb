/**
 * What the tests of the flow stand on: rows of January 2024 as typed and as sent, a service that follows a script, and a run
 * into sinks in memory.
 */
import {
  type Capture,
  type DatasetName,
  Instant,
  makeMemorySink,
  type MemorySink,
  Now,
  Partition,
  type Sink,
  type SinkName,
  type SourceApiCallsRow,
  type SourceMtuRow,
  UsageMonth,
  type UsageRow,
  type WorkspaceApiCallsRow,
  type WorkspaceMtuRow,
  columnsOf,
  type Revision,
  usageRowsOf,
  usageTableOf,
} from "@segmeter/domain";
import {
  CallTally,
  NotFound,
  SegmentClient,
  SegmentError,
  segmentError,
  type SegmentReason,
  type ServiceClock,
  type UsagePage,
  type UsagePageRequest,
} from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import { defaults, type FlowConfig, type FlowEvent, Listener, type Reject, Rejects } from "../src/index.ts";
import { revise } from "../src/Revise.ts";

export const month = (text: string): UsageMonth.UsageMonth => Option.getOrThrow(UsageMonth.parse(text));

export const instant = (iso: string): Instant.EpochMicros => Option.getOrThrow(Instant.parse(iso));

export const workspaceId = "9aQ1Lj62S4bomZKLF4DPqW";

export const partition = (dataset: DatasetName, period = "2024-01"): Partition.Partition => ({
  workspaceId,
  dataset,
  month: month(period),
});

/** The day of January 2024, as a day since 1970. */
export const january = (day: number): Instant.EpochDay => Instant.dayOf(instant("2024-01-01")) + day - 1;

export const periodStart = instant("2024-01-01");
export const periodEnd = instant("2024-02-01");

/** Counts that grow by the day, and whose parts add up. */
const mtuCounts = (day: number) => ({
  anonymous: BigInt(10 * day),
  anonymous_identified: BigInt(4 * day),
  identified: BigInt(5 * day),
  never_identified: BigInt(6 * day),
});

const mtu = (day: number) => ({
  period_start: periodStart,
  period_end: periodEnd,
  ...mtuCounts(day),
  snapshot_at: Instant.startOfDay(january(day)),
  observed_at: 0,
});

export const workspaceMtu = (day: number, changes: Partial<WorkspaceMtuRow> = {}): WorkspaceMtuRow => ({
  day: january(day),
  ...mtu(day),
  ...changes,
});

export const sourceMtu = (source: string, day: number, changes: Partial<SourceMtuRow> = {}): SourceMtuRow => ({
  day: january(day),
  source_id: source,
  ...mtu(day),
  ...changes,
});

const calls = (day: number) => ({
  api_calls: BigInt(100 * day),
  snapshot_at: Instant.startOfDay(january(day)),
  observed_at: 0,
});

export const workspaceCalls = (day: number, changes: Partial<WorkspaceApiCallsRow> = {}): WorkspaceApiCallsRow => ({
  day: january(day),
  ...calls(day),
  ...changes,
});

export const sourceCalls = (
  source: string,
  day: number,
  changes: Partial<SourceApiCallsRow> = {},
): SourceApiCallsRow => ({ day: january(day), source_id: source, ...calls(day), ...changes });

const timestamp = (day: number): string => `2024-01-${String(day).padStart(2, "0")}T00:00:00Z`;

/** {@link workspaceMtu} as the service sends it; with a `sourceId`, {@link sourceMtu}. */
export const wireMtu = (day: number, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  periodStart: 1_704_067_200,
  periodEnd: 1_706_745_600,
  anonymous: String(10 * day),
  anonymousIdentified: String(4 * day),
  identified: String(5 * day),
  neverIdentified: String(6 * day),
  timestamp: timestamp(day),
  ...changes,
});

/** {@link workspaceCalls} as the service sends it; with a `sourceId`, {@link sourceCalls}. */
export const wireCalls = (day: number, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  apiCalls: String(100 * day),
  timestamp: timestamp(day),
  ...changes,
});

export const wireDays = (days: number): ReadonlyArray<unknown> =>
  Array.from({ length: days }, (_, index) => wireMtu(index + 1));

/** A settled capture of the day after the month's. */
export const captureOf = (of: Partition.Partition, changes: Partial<Capture.Capture> = {}): Capture.Capture => ({
  captureId: Partition.label(of),
  runId: "earlier",
  partition: of,
  state: "settled",
  outcome: "captured",
  rows: 1,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt: instant("2024-02-20"),
  ...changes,
});

/** Without the moment at which they were observed, and fit for JSON. */
export const plainRows = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<Record<string, string>> =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).flatMap(([name, value]) => (name === "observed_at" ? [] : [[name, String(value)]])),
    ),
  );

/** What a script answers a request with. */
export interface ScriptedPage {
  readonly rows: ReadonlyArray<unknown>;
  readonly next?: string | undefined;
  readonly totalEntries?: number | undefined;
  readonly pageSize?: number;
}

export type Script = (request: UsagePageRequest) => Effect.Effect<ScriptedPage, SegmentError>;

export interface ScriptedService {
  readonly layer: Layer.Layer<SegmentClient>;
  /** In the order in which they came. */
  readonly requests: ReadonlyArray<UsagePageRequest>;
}

/** A client that answers by the script instead of the network. */
export const scripted = (script: Script, serviceClock?: ServiceClock): ScriptedService => {
  const requests: Array<UsagePageRequest> = [];
  const unused = Effect.die("not part of the script");
  const client = SegmentClient.of({
    workspace: unused,
    sourcesPage: () => unused,
    throttledMs: Effect.succeed(0),
    serviceClock: Effect.succeed(serviceClock),
    usagePage: Effect.fnUntraced(function* (request) {
      requests.push(request);
      (yield* CallTally).count(false);
      const { next, pageSize = 1_000, rows, totalEntries } = yield* script(request);
      return { next, pageSize, rows, totalEntries } satisfies UsagePage;
    }),
  });
  return { layer: Layer.succeed(SegmentClient, client), requests };
};

export type Answer = ScriptedPage | SegmentError;

/**
 * The answers of each walk of a partition; the last walk's answers serve for all walks after it. Pages get their cursors by their
 * position, unless they bring a `next`.
 */
export const walks = (...answers: ReadonlyArray<ReadonlyArray<Answer>>): Script => {
  const begun = new Map<string, number>();
  return ({ cursor, dataset, month: period }) =>
    Effect.suspend(() => {
      const key = `${dataset} ${period}`;
      if (cursor === undefined) begun.set(key, (begun.get(key) ?? 0) + 1);
      const walk = answers[Math.min(begun.get(key)!, answers.length) - 1]!;
      const page = cursor === undefined ? 0 : Number(cursor.replace("page-", "")) - 1;
      const answer = walk[page]!;
      if (answer instanceof SegmentError) return Effect.fail(answer);
      return Effect.succeed({ next: page + 1 < walk.length ? `page-${page + 2}` : undefined, ...answer });
    });
};

/** Rows in full pages. `totalEntries`: what every page says, if it says anything. */
export const paged = (
  rows: ReadonlyArray<unknown>,
  pageSize: number,
  totalEntries?: number,
): ReadonlyArray<ScriptedPage> =>
  Array.from({ length: Math.max(1, Math.ceil(rows.length / pageSize)) }, (_, page) => ({
    rows: rows.slice(page * pageSize, (page + 1) * pageSize),
    totalEntries,
    pageSize,
  }));

export const refusal = (reason: SegmentReason): SegmentError =>
  segmentError("GET /usage", reason, "The service said no.");

export const notFound = refusal(new NotFound());

/** A month that is over and settled, unless a test says otherwise. */
export const settledNow = "2024-03-01T02:00:00Z";

export const config: FlowConfig = { ...defaults, concurrency: 1 };

export const memorySink = (name: SinkName = "memory"): MemorySink => ({ ...makeMemorySink(), name });

/** A sink whose `replace` is preceded by something, such as a failure. */
export const replacing = (
  sink: MemorySink,
  before: (captured: Capture.Handed) => ReturnType<Sink["replace"]>,
): MemorySink => ({
  ...sink,
  replace: (captured, superseded) => Effect.andThen(before(captured), sink.replace(captured, superseded)),
});

export const heldIn = (sink: MemorySink, of: Partition.Partition): Capture.CapturedPartition | undefined =>
  sink.partitions.get(Partition.label(of));

/** The partition that rows are of, by what they have. */
export const holding = ([row]: ReadonlyArray<UsageRow>): Partition.Partition => {
  const measure = row === undefined || "period_start" in row ? "mtu" : "api-calls";
  return partition(row !== undefined && "source_id" in row ? `source-${measure}` : `workspace-${measure}`);
};

/** `revise`, with rows instead of columns. */
export const reviseRows = (
  held: ReadonlyArray<UsageRow>,
  fetched: ReadonlyArray<UsageRow>,
  observedAt: number,
): { readonly rows: ReadonlyArray<UsageRow>; readonly superseded: ReadonlyArray<Revision> } => {
  const table = usageTableOf(holding([...held, ...fetched]));
  const { rows, superseded } = revise(table, columnsOf(table, held), columnsOf(table, fetched), observedAt);
  return { rows: usageRowsOf(table, rows), superseded };
};

export const gatesOf = (warnings: ReadonlyArray<Capture.Warning>): ReadonlyArray<string> =>
  warnings.map(({ gate }) => gate);

/** Rejects by the id of their capture; a capture that has none is not in it. */
export type RejectStore = Map<string, { readonly capture: Capture.Capture; readonly list: ReadonlyArray<Reject> }>;

export const rejectsIn = (store: RejectStore): ReadonlyArray<Reject> => [...store.values()].flatMap(({ list }) => list);

const rejectsLayer = (store: RejectStore): Layer.Layer<Rejects> =>
  Layer.succeed(Rejects, {
    keep: (capture, list) =>
      Effect.sync(() => {
        if (list.length > 0) store.set(capture.captureId, { capture, list });
      }),
    settle: ({ captureId, partition: of }) =>
      Effect.sync(() => {
        for (const [id, { capture }] of store) {
          if (id !== captureId && Partition.equals(capture.partition, of)) store.delete(id);
        }
      }),
    sweep: () => Effect.die("no business of the flow's"),
  });

/** What a run is given, and what it told. */
export interface Stage {
  readonly events: Array<FlowEvent>;
  readonly rejects: RejectStore;
  readonly provide: <A, E>(effect: Effect.Effect<A, E, SegmentClient | Rejects>) => Effect.Effect<A, E>;
}

export const stage = (
  service: Pick<ScriptedService, "layer">,
  now = settledNow,
  rejects: RejectStore = new Map(),
): Stage => {
  const events: Array<FlowEvent> = [];
  return {
    events,
    rejects,
    provide: (effect) =>
      effect.pipe(
        Effect.provide(Layer.merge(service.layer, rejectsLayer(rejects))),
        Effect.provideService(Listener, (event) => Effect.sync(() => void events.push(event))),
        Effect.provideService(Now, Effect.succeed(instant(now))),
      ),
  };
};
