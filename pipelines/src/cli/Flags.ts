/**
 * The flags that commands share, each with its unit, bounds and default in its help.
 */
import { datasetNames } from "@segmeter/domain";
import { defaults as flowDefaults } from "@segmeter/flow";
import * as Flag from "effect/cli/Flag";
import { encoderNames, sinkNames } from "../SinkNames.ts";

/** A whole number within bounds, both included. */
export const whole = (name: string, minimum: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => `a whole number from ${minimum} to ${maximum}`,
    ),
  );

export const dataDir = Flag.String("data-dir").pipe(
  Flag.withDescription("Directory of the Parquet files and of segmeter.duckdb (default: ./segmeter-data)"),
  Flag.withDefault("./segmeter-data"),
);

export const sink = Flag.Literals("sink", sinkNames).pipe(
  Flag.withDescription("Where to keep captures; repeat for several (default: both)"),
  Flag.atLeast(0),
);

export const dataset = Flag.Literals("dataset", datasetNames).pipe(
  Flag.withDescription("Usage endpoint; repeat for several (default: all four)"),
  Flag.atLeast(0),
);

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("One JSON object a line on stdout; words for people go to stderr"),
  Flag.withDefault(false),
);

/** Where the service is, and who asks. */
export const service = {
  tokenFile: Flag.String("token-file").pipe(
    Flag.withDescription("File with the Public API token, if SEGMENT_TOKEN is not set"),
    Flag.optional,
  ),
  region: Flag.Literals("region", ["us", "eu"]).pipe(
    Flag.withDescription("Region of the workspace (SEGMENT_REGION; default: us)"),
    Flag.optional,
  ),
  apiUrl: Flag.String("api-url").pipe(
    Flag.withDescription("Base URL of the API (SEGMENT_API_URL); plain http on loopback only"),
    Flag.optional,
  ),
  requestsPerMinute: whole("requests-per-minute", 1, 1_000_000).pipe(
    Flag.withDescription("A ceiling on requests, beside the service's own limit"),
    Flag.optional,
  ),
  pageSize: whole("page-size", 1, 1_000).pipe(
    Flag.withDescription("Rows to ask for in one page, 1 to 1000 (default: 1000)"),
    Flag.withDefault(1_000),
  ),
};

/** How a run captures. */
export const capture = {
  concurrency: whole("concurrency", 1, 256).pipe(
    Flag.withDescription(`Partitions captured side by side (default: ${flowDefaults.concurrency})`),
    Flag.withDefault(flowDefaults.concurrency),
  ),
  settleDays: whole("settle-days", 0, 3_650).pipe(
    Flag.withDescription(
      `Days after a period's end from which its figures are taken as final (default: ${flowDefaults.settleDays})`,
    ),
    Flag.withDefault(flowDefaults.settleDays),
  ),
  badRows: Flag.Literals("bad-rows", ["fail", "quarantine"]).pipe(
    Flag.withDescription("A row that breaks the contract fails its partition, or is set aside (default: fail)"),
    Flag.withDefault(flowDefaults.badRows),
  ),
  gates: Flag.Literals("gates", ["fail", "warn"]).pipe(
    Flag.withDescription(
      "A mismatch with totalEntries or a period fails its partition, or is recorded (default: fail)",
    ),
    Flag.withDefault(flowDefaults.gates),
  ),
  parquetEncoder: Flag.Literals("parquet-encoder", encoderNames).pipe(
    Flag.withDescription("What writes the Parquet files (default: parquetjs)"),
    Flag.withDefault("parquetjs"),
  ),
  refresh: Flag.Boolean("refresh").pipe(
    Flag.withDescription("Read settled months again, too"),
    Flag.withDefault(false),
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Show the plan and its least number of calls; capture nothing"),
    Flag.withDefault(false),
  ),
};
