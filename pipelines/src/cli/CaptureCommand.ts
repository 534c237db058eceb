/**
 * What `backfill` and `nightly` have in common: the flags of a run, and the run itself. They differ in what they aim at.
 */
import { type DatasetName, datasetNames, type SinkError } from "@segmeter/domain";
import { defaults as flowDefaults, type FlowConfig, Listener } from "@segmeter/flow";
import { SegmentClient, type SegmentConfig, type SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import type { CaptureRunRequest } from "../CaptureRun.ts";
import { type EncoderName, existingSinks, type OfferedSink, sinkNames } from "../SinkNames.ts";
import { skewInWords } from "./ClockSkew.ts";
import { exitCodeOfRun, Incomplete } from "./ExitCode.ts";
import * as Flags from "./Flags.ts";
import { say } from "./Output.ts";
import { makeRunReport } from "./RunReport.ts";

/** The flags of every command that captures. */
export const captureFlags = {
  dataDir: Flags.dataDir,
  sink: Flags.sink,
  dataset: Flags.dataset,
  ...Flags.service,
  ...Flags.capture,
  json: Flags.json,
};

export interface CaptureFlags extends Pick<FlowConfig, "badRows" | "concurrency" | "gates" | "refresh" | "settleDays"> {
  readonly dataDir: string;
  readonly sink: ReadonlyArray<OfferedSink>;
  readonly dataset: ReadonlyArray<DatasetName>;
  readonly pageSize: number;
  readonly parquetEncoder: EncoderName;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export interface CaptureCommand {
  readonly name: "backfill" | "nightly";
  /** Arguments of its own, for the table `runs`. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly targets: CaptureRunRequest["targets"];
  readonly settings: SegmentConfig;
  readonly clock: Layer.Layer<never>;
}

export const datasetsOf = ({ dataset }: CaptureFlags): ReadonlyArray<DatasetName> =>
  dataset.length === 0 ? datasetNames : dataset;

/** Runs it to its end. Errors: what ended it early; `Incomplete` when partitions failed. */
export const runCaptureCommand = Effect.fn("runCaptureCommand")(function* (
  command: CaptureCommand,
  given: CaptureFlags,
): Effect.fn.Return<void, SinkError | SegmentError | Incomplete, Scope.Scope> {
  const { badRows, concurrency, dataDir, dryRun, gates, json, pageSize, parquetEncoder, refresh, settleDays } = given;
  const { clock, settings } = command;
  const names = given.sink.length === 0 ? sinkNames : sinkNames.filter((name) => given.sink.includes(name));
  const request = { dataDir, names, encoder: parquetEncoder };

  // First of all, for the thread opens them while this one reads the rest of its program.
  const opening = dryRun
    ? undefined
    : yield* Effect.flatMap(
        Effect.promise(() => import("../SinkThread.ts")),
        ({ openSinkThread }) => openSinkThread(request, command.name),
      );
  const { openExistingSinks, rejectFiles, runCapture } = yield* Effect.promise(() => import("../index.ts"));
  const { layerUndici } = yield* Effect.promise(() => import("@effect/platform-node/NodeHttpClient"));

  const run = Effect.gen(function* () {
    const { notes, sinks } = yield* opening ?? openExistingSinks(request);
    yield* Effect.forEach(notes, (note) => say(`note: ${note}`));
    const throttledMs = (yield* SegmentClient).throttledMs;
    const report = yield* makeRunReport({ command: command.name, json, dryRun, throttledMs });
    const outcome = yield* runCapture(
      {
        command: command.name,
        arguments: {
          ...command.arguments,
          datasets: datasetsOf(given),
          sinks: names,
          apiUrl: settings.apiUrl.href,
          pageSize,
          concurrency,
          settleDays,
          badRows,
          gates,
          refresh,
          parquetEncoder,
        },
        targets: command.targets,
        sinks,
        config: { ...flowDefaults, concurrency, settleDays, badRows, gates, refresh },
        pageSize,
        dryRun,
        exitCode: exitCodeOfRun,
      },
      report.onFinish,
    ).pipe(Effect.provideService(Listener, report.onEvent));
    const skew = skewInWords(yield* (yield* SegmentClient).serviceClock);
    if (skew !== undefined) yield* say(`note: this machine's clock is ${skew}; set it: captures bear its time.`);
    return outcome;
  });

  const sweeps = existingSinks(dataDir).every((name) => names.includes(name));
  const service = SegmentClient.layer(settings).pipe(Layer.provide(layerUndici));
  const { totals } = yield* run.pipe(Effect.provide(Layer.mergeAll(service, rejectFiles(dataDir, sweeps), clock)));
  if (totals.failed > 0) return yield* Effect.fail(new Incomplete());
}, Effect.scoped);
