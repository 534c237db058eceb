/**
 * `segmeter backfill`: captures a range of usage months.
 */
import { datasetNames, now, UsageMonth } from "@segmeter/domain";
import { defaults as flowDefaults, Listener } from "@segmeter/flow";
import { SegmentClient } from "@segmeter/segment";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import { sinkNames } from "../Sinks.ts";
import { exitCodeOfRun, Incomplete } from "./ExitCode.ts";
import * as Flags from "./Flags.ts";
import { makeRunReport } from "./RunReport.ts";
import { clockSettings, monthOf, serviceSettings } from "./ServiceSettings.ts";
import { type UsageError, usageError } from "./UsageError.ts";

const flags = {
  from: Flag.String("from").pipe(Flag.withMetavar("YYYY-MM"), Flag.withDescription("First usage month")),
  to: Flag.String("to").pipe(
    Flag.withMetavar("YYYY-MM"),
    Flag.withDescription("Last usage month, included (default: the current one, in UTC)"),
    Flag.optional,
  ),
  dataDir: Flags.dataDir,
  sink: Flags.sink,
  dataset: Flags.dataset,
  ...Flags.service,
  ...Flags.capture,
  json: Flags.json,
};

export const backfill = Command.make(
  "backfill",
  flags,
  Effect.fn("backfill")(function* (given) {
    const { badRows, concurrency, dataDir, dryRun, gates, json, pageSize, parquetEncoder, refresh, settleDays } = given;
    const settings = yield* serviceSettings(given);
    const clock = yield* clockSettings(settings.apiUrl);
    const months = yield* Effect.provide(monthsOf(given.from, given.to), clock);
    const datasets = given.dataset.length === 0 ? datasetNames : given.dataset;
    const names = given.sink.length === 0 ? sinkNames : sinkNames.filter((name) => given.sink.includes(name));

    const { openExistingSinks, openSinks, rejectFiles, runCapture } = yield* Effect.promise(
      () => import("../index.ts"),
    );
    const { layerUndici } = yield* Effect.promise(() => import("@effect/platform-node/NodeHttpClient"));
    const open = dryRun ? openExistingSinks : openSinks;

    const run = Effect.gen(function* () {
      const sinks = yield* open({ dataDir, names, encoder: parquetEncoder });
      const report = yield* makeRunReport({ json, dryRun, throttledMs: (yield* SegmentClient).throttledMs });
      return yield* runCapture(
        {
          command: "backfill",
          arguments: {
            from: months[0],
            to: months.at(-1),
            datasets,
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
          months,
          datasets,
          sinks,
          config: { ...flowDefaults, concurrency, settleDays, badRows, gates, refresh },
          pageSize,
          dryRun,
          exitCode: exitCodeOfRun,
        },
        report.onFinish,
      ).pipe(Effect.provideService(Listener, report.onEvent));
    });

    const service = SegmentClient.layer(settings).pipe(Layer.provide(layerUndici));
    const { totals } = yield* Effect.scoped(run).pipe(
      Effect.provide(Layer.mergeAll(service, rejectFiles(dataDir), clock)),
    );
    if (totals.failed > 0) return yield* Effect.fail(new Incomplete());
  }),
).pipe(
  Command.withDescription(
    "Captures a range of usage months, both ends included, to Parquet and DuckDB. Months that are held settled are not read again.",
  ),
  Command.withShortDescription("Capture a range of usage months"),
  Command.withExamples([
    { command: "segmeter backfill --from 2024-01 --to 2024-12", description: "A year, to Parquet and DuckDB" },
    {
      command: "segmeter backfill --from 2024-01 --dry-run",
      description: "The plan only, and its least number of calls",
    },
    {
      command: "segmeter backfill --from 2024-01 --dataset source-mtu --sink parquet --json",
      description: "One dataset, Parquet only, for a program to read",
    },
  ]),
);

const monthsOf = (
  fromText: string,
  toText: Option.Option<string>,
): Effect.Effect<ReadonlyArray<UsageMonth.UsageMonth>, UsageError> =>
  Effect.gen(function* () {
    const current = UsageMonth.of(yield* now);
    const from = yield* monthOf("from", fromText);
    const to = Option.isSome(toText) ? yield* monthOf("to", toText.value) : current;
    for (const [flag, month] of [
      ["from", from],
      ["to", to],
    ] as const) {
      if (month > current) {
        return yield* usageError(`--${flag} ${month} is in the future.`, `The current month is ${current}, in UTC.`);
      }
    }
    if (to < from) return yield* usageError(`--to ${to} is before --from ${from}.`, "Give the earlier month first.");
    return UsageMonth.range(from, to);
  });
