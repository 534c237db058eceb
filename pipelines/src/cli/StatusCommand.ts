/**
 * `segmeter status`: what is held, month by month and dataset by dataset.
 */
import {
  Capture,
  type DatasetName,
  datasetNames,
  datasets,
  Instant,
  now,
  Partition,
  type Sink,
  UsageMonth,
} from "@segmeter/domain";
import * as Command from "effect/cli/Command";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { sinkNames } from "../SinkNames.ts";
import * as Flags from "./Flags.ts";
import { say, write } from "./Output.ts";
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
      return yield* usageError(
        `There is no data directory ${dataDir}.`,
        "Name it with --data-dir, or make one: segmeter backfill.",
      );
    }
    const { holderOf, openExistingSinks } = yield* Effect.promise(() => import("../index.ts"));
    const holder = yield* holderOf(dataDir);
    // One ledger is enough, and the Parquet files never are in anybody's way.
    const preferred = existsSync(join(dataDir, "parquet")) ? (["parquet"] as const) : (["duckdb"] as const);
    const names = sink.length === 0 ? preferred : sinkNames.filter((name) => sink.includes(name));
    const wanted = dataset.length === 0 ? datasetNames : dataset;
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { sinks } = yield* openExistingSinks({ dataDir, names, encoder: "parquetjs" });
        if (holder !== undefined) {
          const from = sinks.map(({ name }) => name).join(", ");
          yield* say(`note: ${dataDir} is held by ${holder}; this is what ${from} shows of it now.`);
        }
        const current = UsageMonth.of(yield* now);
        for (const opened of sinks) {
          const covered = (yield* coverage(opened, current)).filter(({ partition }) =>
            wanted.includes(partition.dataset),
          );
          if (json) yield* write(covered.map((one) => `${JSON.stringify(lineOf(opened, one))}\n`).join(""));
          else
            yield* write(
              tableOf(
                opened,
                covered,
                datasetNames.filter((name) => wanted.includes(name)),
              ),
            );
        }
        if (sinks.length === 0) yield* say(`${dataDir} holds nothing yet.`);
      }),
    );
  }),
).pipe(
  Command.withDescription(
    "Shows what is held: month by dataset, open, settled, missing or failed, with rows and the last capture.",
  ),
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

/** A line a month, a column a dataset; stretches of months of which nothing is known are one line. */
const tableOf = (sink: Sink, covered: ReadonlyArray<Coverage>, shown: ReadonlyArray<DatasetName>): string => {
  const tables = [...Map.groupBy(covered, ({ partition }) => partition.workspaceId)].map(([workspaceId, coverages]) => {
    const months = [...Map.groupBy(coverages, ({ partition }) => partition.month)];
    const head = ["month", ...shown, "last captured (UTC)", "notes"];
    const rows: Array<Array<string>> = [];
    let missingSince: string | undefined;
    for (const [index, [month, cells]] of months.entries()) {
      if (cells.every(({ state }) => state === "missing")) {
        missingSince ??= month;
        const next = months[index + 1]?.[1];
        if (next?.every(({ state }) => state === "missing")) continue;
        rows.push([
          missingSince === month ? month : `${missingSince} to ${month}`,
          ...shown.map(() => "missing"),
          "",
          "",
        ]);
        missingSince = undefined;
        continue;
      }
      const captured = cells.flatMap(({ held }) => (held === undefined ? [] : [held.capturedAt]));
      rows.push([
        month,
        ...cells.map(cellOf),
        captured.length === 0 ? "" : minuteOf(Math.max(...captured)),
        notesOf(cells),
      ]);
    }
    return `workspace ${workspaceId}\n${renderTable({ head, rows, right: new Set() })}\n`;
  });
  const total = (state: string) => covered.filter((one) => one.state === state).length;
  return `${tables.join("\n")}${sink.name}: ${total("settled")} settled, ${total("open")} open, ${total("missing")} missing, ${total("failed")} failed\n`;
};

const minuteOf = (instant: Instant.EpochMicros): string => Instant.format(instant).slice(0, 16).replace("T", " ");

const cellOf = ({ held, state }: Coverage): string =>
  held === undefined ? state : `${state}, ${held.outcome === "captured" ? `${held.rows} rows` : held.outcome}`;

const notesOf = (cells: ReadonlyArray<Coverage>): string => {
  const warnings = cells.reduce((sum, { held }) => sum + (held?.warnings.length ?? 0), 0);
  const failures = cells.flatMap(({ failure, partition }) =>
    failure === undefined ? [] : [`${partition.dataset} failed ${minuteOf(failure.capturedAt)}`],
  );
  return [...(warnings > 0 ? [`${warnings} warnings`] : []), ...failures].join(", ");
};
