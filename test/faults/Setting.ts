/**
 * A made-up service with secrets in it, and runs against it in this process: real HTTP, real files, real DuckDB, composed as the
 * command composes them, but for failures that are tried again almost at once.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import { type DatasetName, datasetNames, Instant, Now, UsageMonth } from "@segmeter/domain";
import { defaults as flowDefaults, type FlowConfig, type FlowEvent, Listener, type Target } from "@segmeter/flow";
import { defaults, SegmentClient, type SegmentConfig } from "@segmeter/segment";
import { type Simulator, startSimulator } from "@segmeter/simulator";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Redacted from "effect/Redacted";
import { exitCodeOfRun } from "../../pipelines/src/cli/ExitCode.ts";
import { lineOf } from "../../pipelines/src/cli/JsonLines.ts";
import {
  openSinks,
  openToVerify,
  rejectFiles,
  runCapture,
  type SinkRequest,
  verifyDirectory,
} from "../../pipelines/src/index.ts";
import { monthsFrom } from "../../pipelines/test/Held.ts";
import { laidOpen, token } from "./Canaries.ts";

export type Sinks = SinkRequest["names"];
export const sinkChoices: ReadonlyArray<Sinks> = [["parquet"], ["duckdb"], ["parquet", "duckdb"]];

export interface Place {
  readonly dataset: DatasetName;
  readonly month: string;
}

const first = "2010-01";
export const today = "2024-03-01T02:00:00Z";
/** Each has few figures, so that a walk is short; the last one is over. */
export const months = monthsFrom(first, "2024-02").toReversed();
const pageSize = 2;
export const daysInMonth = 5;

/** Of three sources, so that their list has a first and a last page, and each month of any dataset three pages or more. */
export const service = Effect.gen(function* () {
  const simulator = yield* Effect.orDie(
    startSimulator({ now: today, workspaces: [{ sources: 3, from: first, token }] }),
  );
  for (const month of months) simulator.restate({ workspaceId: workspaceOf(simulator), month, lastDay: daysInMonth });
  return simulator;
});

export const workspaceOf = ({ workspaces }: Simulator): string => workspaces[0]!.id;

/** From now on the service says another figure of a month, from one of its days on. */
export const restate = (simulator: Simulator, month: string, fromDay = 1): void =>
  simulator.restate({ workspaceId: workspaceOf(simulator), month, delta: 7n, fromDay });

export interface Run {
  readonly simulator: Simulator;
  readonly dataDir: string;
  readonly sinks: Sinks;
  readonly places: ReadonlyArray<Place>;
  /** Each run has a day of its own, by which what it saw can be told. */
  readonly day: number;
  readonly client?: Partial<SegmentConfig>;
  readonly config?: Partial<FlowConfig>;
}

export interface Ran {
  readonly code: number;
  readonly events: ReadonlyArray<FlowEvent>;
  /** What a person, a program or a crash report would be shown. */
  readonly said: string;
}

export const instantOf = (day: number): string => new Date(Date.parse(today) + day * 86_400_000).toISOString();

const monthOf = (text: string): UsageMonth.UsageMonth => Option.getOrThrow(UsageMonth.parse(text));

/** In the order of every plan: by month, and a workspace's figures before those of its sources. */
const targetsOf = (places: ReadonlyArray<Place>): ReadonlyArray<Target> => {
  const order = ({ dataset, month }: Place) => `${month} ${datasetNames.indexOf(dataset)}`;
  return places
    .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
    .map(({ dataset, month }) => ({ dataset, month: monthOf(month), refresh: false }));
};

const longest = "60 seconds";

/** Never fails; a run that has no end is a defect. */
export const run = Effect.fnUntraced(function* ({ client, config, dataDir, day, places, simulator, sinks }: Run) {
  const events: Array<FlowEvent> = [];
  const lines: Array<object | undefined> = [];
  const segment = SegmentClient.layer({
    ...defaults,
    apiUrl: new URL(simulator.url),
    token: Redacted.make(token, { label: "token" }),
    userAgent: "segmeter-test",
    pageSize,
    maxBodyBytes: 3 * 2 ** 19,
    maxTries: 4,
    maxOrderedWaits: 4,
    backoffMs: 1,
    maxBackoffMs: 2,
    ...client,
  }).pipe(Layer.provide(NodeHttpClient.layerUndici));
  const clock = Layer.succeed(Now, Effect.succeed(Option.getOrThrow(Instant.parse(instantOf(day)))));
  let failed = 0;
  const exit = yield* Effect.gen(function* () {
    const opened = yield* openSinks({ dataDir, names: sinks, encoder: "parquetjs" }, "backfill");
    return yield* runCapture(
      {
        command: "backfill",
        arguments: { sinks },
        // Nothing settles, so that every run asks for all of it.
        targets: () => targetsOf(places),
        sinks: opened.sinks,
        config: { ...flowDefaults, settleDays: 36_500, ...config },
        pageSize,
        dryRun: false,
        exitCode: exitCodeOfRun,
      },
      ({ totals }) => Effect.sync(() => void (failed = totals.failed)),
    );
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(segment, rejectFiles(dataDir, true), clock)),
    Effect.provideService(Listener, (event) =>
      Effect.sync(() => {
        events.push(event);
        lines.push(lineOf(event));
      }),
    ),
    Effect.asVoid,
    Effect.timeoutOrElse({ duration: longest, orElse: () => Effect.die(`no end within ${longest}`) }),
    Effect.exit,
  );
  if (Exit.hasDies(exit)) return yield* Effect.die(laidOpen(exit));
  const errors = Exit.isFailure(exit) ? [Cause.pretty(exit.cause), ...Cause.prettyErrors(exit.cause).map(String)] : [];
  return {
    code: exitCodeOfRun(exit, failed),
    events,
    said: [laidOpen(exit), ...errors, laidOpen(events), JSON.stringify(lines)].join("\n"),
  } satisfies Ran;
});

/** The problems that `verify` finds, as text. */
export const verified = (dataDir: string): Effect.Effect<ReadonlyArray<string>> =>
  openToVerify(dataDir, [], false).pipe(
    Effect.flatMap(({ names, parquet }) => verifyDirectory({ dataDir, parquet, names, repair: false })),
    Effect.map(({ found }) => found.map(({ detail, kind, where }) => `verify finds ${kind}: ${where}: ${detail}`)),
    Effect.scoped,
    Effect.catch((error) => Effect.succeed([`verify ended: ${error.message}`])),
  );
