/**
 * `segmeter status`: what is held, month by month and dataset by dataset.
 */
import { Capture, datasetNames, datasets, Instant, now, Partition, type Sink, UsageMonth } from "@segmeter/domain";
import * as Command from "effect/cli/Command";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { sinkNames } from "../Sinks.ts";
import * as Flags from "./Flags.ts";
import { write } from "./Output.ts";
import { renderTable } from "./Table.ts";
import { usageError } from "./UsageError.ts";

/** What is known of one partition. */
interface Coverage {
  readonly partition: Partition.Partition;
  /** `failed`: nothing is held, and the last try failed. */
  readonly state: Capture.State | "missing" | "failed";
  readonly held: Capture.Capture | undefined;
  /** The newest try, if it failed. */
  readonly failure: Capture.Capture | undefined;
}

export const status = Command.make(
  "status",
  { dataDir: Flags.dataDir, sink: Flags.sink, dataset: Flags.dataset, json: Flags.json },
  Effect.fn("status")(function* ({ dataDir, dataset, json, sink }) {
    if (!existsSync(dataDir)) {
      return yield* usageError(`There is no data directory ${dataDir}.`, "Name it with --data-dir, or make one: segmeter backfill.");
    }
    const { openExistingSinks } = yield* Effect.promise(() => import("../index.ts"));
    // One ledger is enough, and the Parquet files never are in anybody's way.
    const preferred = existsSync(join(dataDir, "parquet")) ? (["parquet"] as const) : (["duckdb"] as const);
    const names = sink.length === 0 ? preferred : sinkNames.filter((name) => sink.includes(name));
    const wanted = dataset.length === 0 ? datasetNames : dataset;
    yield* Effect.scoped(
      Effect.gen(function* () {
        const sinks = yield* openExistingSinks({ dataDir, names, encoder: "parquetjs" });
        const current = UsageMonth.of(yield* now);
        for (const opened of sinks) {
          const covered = (yield* coverage(opened, current)).filter(({ partition }) => wanted.includes(partition.dataset));
          if (json) yield* write(covered.map((one) => `${JSON.stringify(lineOf(opened, one))}\n`).join(""));
          else yield* write(tableOf(opened, covered));
        }
        if (sinks.length === 0) yield* Console.error(`${dataDir} holds nothing yet.`);
      }),
    );
  }),
).pipe(
  Command.withDescription("Shows what is held: month by dataset, open, settled, missing or failed, with rows and the last capture."),
  Command.withShortDescription("Show which months are held"),
  Command.withExamples([
    { command: "segmeter status", description: "Coverage of ./segmeter-data" },
    { command: "segmeter status --dataset source-mtu --json", description: "One dataset, a JSON object a line" },
  ]),
);

/** Shape: every workspace in the ledger, every month from its first to the current one, every dataset. */
const coverage = (sink: Sink, current: UsageMonth.UsageMonth) =>
  Effect.gen(function* () {
    const ledger = yield* sink.captures();
    const byPartition = Map.groupBy(ledger, ({ partition }) => Partition.label(partition));
    const workspaces = Map.groupBy(ledger, ({ partition }) => partition.workspaceId);
    const covered: Array<Coverage> = [];
    for (const [workspaceId, captures] of workspaces) {
      const held = new Map((yield* sink.held(workspaceId)).map((one) => [Partition.label(one.partition), one]));
      const months = captures.map(({ partition }) => partition.month).sort();
      const last = months.at(-1)! > current ? months.at(-1)! : current;
      for (const month of UsageMonth.range(months[0]!, last)) {
        for (const { name: dataset } of datasets) {
          const partition = { workspaceId, dataset, month };
          const key = Partition.label(partition);
          covered.push(coverageOf(partition, held.get(key), byPartition.get(key)?.at(-1)));
        }
      }
    }
    return covered;
  });

const coverageOf = (
  partition: Partition.Partition,
  held: Capture.Capture | undefined,
  newest: Capture.Capture | undefined,
): Coverage => {
  const failure = newest !== undefined && !Capture.isHeld(newest) ? newest : undefined;
  return { partition, held, failure, state: held?.state ?? (failure === undefined ? "missing" : "failed") };
};

const lineOf = (sink: Sink, { failure, held, partition, state }: Coverage): object => ({
  event: "partition",
  sink: sink.name,
  workspaceId: partition.workspaceId,
  dataset: partition.dataset,
  usageMonth: partition.month,
  state,
  outcome: held?.outcome ?? null,
  rows: held?.rows ?? null,
  capturedAt: held === undefined ? null : Instant.format(held.capturedAt),
  warnings: held?.warnings.length ?? 0,
  failedAt: failure === undefined ? null : Instant.format(failure.capturedAt),
  failure: failure?.warnings[0]?.message ?? null,
});

const tableOf = (sink: Sink, covered: ReadonlyArray<Coverage>): string => {
  const several = new Set(covered.map(({ partition }) => partition.workspaceId)).size > 1;
  const rows = covered.map(({ failure, held, partition, state }) => [
    ...(several ? [partition.workspaceId] : []),
    partition.month,
    partition.dataset,
    state,
    held?.outcome ?? "",
    held === undefined ? "" : String(held.rows),
    held === undefined ? "" : Instant.format(held.capturedAt).slice(0, 16).replace("T", " "),
    [
      ...(held !== undefined && held.warnings.length > 0 ? [`${held.warnings.length} warnings`] : []),
      ...(failure === undefined ? [] : [`failed ${Instant.format(failure.capturedAt).slice(0, 16).replace("T", " ")}`]),
    ].join(", "),
  ]);
  const head = [...(several ? ["workspace"] : []), "month", "dataset", "state", "outcome", "rows", "captured (UTC)", "notes"];
  const table = renderTable({ head, rows, right: new Set([head.indexOf("rows")]) });
  const total = (state: string) => covered.filter((one) => one.state === state).length;
  return `${table}\n${sink.name}: ${total("settled")} settled, ${total("open")} open, ${total("missing")} missing, ${total("failed")} failed\n`;
};
