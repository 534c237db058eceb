/**
 * The main promise: what a backfill leaves behind is what the service has, row for row and value for value.
 */
import { assert, describe, it, layer } from "@effect/vitest";
import { type Dataset, datasetNames, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assertCode, type Ended, pointedAt, segmeter, temporaryDirectory, usageCalls } from "./Command.ts";
import {
  ask,
  assertTruth,
  databaseOf,
  expectedFiles,
  filesBelow,
  monthsFrom,
  parquetOf,
  readers,
  stamp,
  tableOf,
} from "./Held.ts";

/** March is settled then, by two days, and April is ten days old. */
const now = "2024-04-10T06:00:00Z";

/** Counts up to 2^63 − 1; a month that the service has forgotten (404), one without activity, and one that is open. */
const edges = { now, counts: "huge", workspaces: [{ sources: 5, from: "2024-01" }], retentionMonths: 4 } as const;
const range = ["--from", "2023-11", "--to", "2024-04", "--page-size", "40"];
const months = monthsFrom("2023-11", "2024-04");

interface Run {
  readonly simulator: Simulator;
  readonly workspaceId: string;
  readonly dataDir: string;
  readonly ended: Ended;
}

const mtuColumns = [
  "period_start TIMESTAMP",
  "period_end TIMESTAMP",
  "anonymous BIGINT",
  "anonymous_identified BIGINT",
  "identified BIGINT",
  "never_identified BIGINT",
];
const versionColumns = ["snapshot_at TIMESTAMP", "observed_at TIMESTAMP"];

/** As the documents have them, without the two partition columns. */
const columns: Readonly<Record<string, ReadonlyArray<string>>> = {
  workspace_mtu_daily: ["day DATE", ...mtuColumns, ...versionColumns],
  source_mtu_daily: ["day DATE", "source_id VARCHAR", ...mtuColumns, ...versionColumns],
  workspace_api_calls_daily: ["day DATE", "api_calls BIGINT", ...versionColumns],
  source_api_calls_daily: ["day DATE", "source_id VARCHAR", "api_calls BIGINT", ...versionColumns],
};

const describeColumns = async (source: string, database?: string): Promise<ReadonlyArray<string>> =>
  (await ask(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${source})`, database)).map(
    (row) => `${String(row["column_name"])} ${String(row["column_type"])}`,
  );

const encoders = ["parquetjs", "duckdb"] as const;
type EncoderName = (typeof encoders)[number];

/** The same backfill, once with each encoder. */
class Backfilled extends Context.Service<Backfilled, Readonly<Record<EncoderName, Run>>>()("test/Backfilled") {}

const backfilled = Layer.effect(
  Backfilled,
  Effect.gen(function* () {
    const run = Effect.fnUntraced(function* (encoder: EncoderName) {
      const simulator = yield* startSimulator(edges);
      const dataDir = join(yield* temporaryDirectory, "made", "by the tool");
      const flags = encoder === "parquetjs" ? [] : ["--parquet-encoder", encoder];
      const ended = yield* segmeter(["backfill", ...range, ...flags, "--data-dir", dataDir], {
        env: pointedAt(simulator, now),
      });
      return { simulator, workspaceId: simulator.workspaces[0]!.id, dataDir, ended };
    });
    return yield* Effect.all({ parquetjs: run("parquetjs"), duckdb: run("duckdb") }, { concurrency: 2 });
  }),
);

layer(backfilled, { excludeTestServices: true })("a backfill to both sinks", (it) => {
  for (const encoder of encoders) {
    describe(`encoded by ${encoder}`, () => {
      it.effect("ends well, and says on stdout what it did", () =>
        Effect.gen(function* () {
          const { ended, simulator, workspaceId } = (yield* Backfilled)[encoder];
          assertCode(ended, 0);
          const rows = datasetNames.flatMap((dataset) =>
            months.map((month) => simulator.truth(workspaceId, dataset, month).length),
          );
          const total = rows.reduce((sum, count) => sum + count).toLocaleString("en-US");
          assert.match(
            ended.stdout,
            new RegExp(
              String.raw`^backfill: 16 partitions captured \(${total} rows\), 4 empty, 4 absent, 0 held already, 0 failed; `,
            ),
          );
          assert.match(ended.stdout, /; \d+ requests, 0 of them retries, in .+\n$/);
          assert.match(ended.stderr, /^24 partitions to capture, 0 held already; 24 calls for usage at least\.\n/);
        }),
      );

      for (const name of Object.keys(readers) as ReadonlyArray<keyof typeof readers>) {
        it.effect(`holds the truth, as read from ${name}`, () =>
          Effect.gen(function* () {
            const { dataDir, simulator } = (yield* Backfilled)[encoder];
            yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, readers: [name] }));
          }),
        );
      }

      it.effect("holds counts beyond 2^53, up to the largest", () =>
        Effect.gen(function* () {
          const { dataDir } = (yield* Backfilled)[encoder];
          for (const name of Object.keys(readers) as ReadonlyArray<keyof typeof readers>) {
            const rows = yield* Effect.promise(() => readers[name](dataDir, "source_api_calls_daily"));
            const counts = new Set(rows.map((row) => row["api_calls"]));
            for (const count of [2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n])
              assert.isTrue(counts.has(count), `${count}`);
          }
        }),
      );

      it.effect("stamps every row with the instant that it was told is now", () =>
        Effect.gen(function* () {
          const { dataDir } = (yield* Backfilled)[encoder];
          for (const [name, read] of Object.entries(readers)) {
            for (const table of Object.values(tableOf)) {
              const rows = yield* Effect.promise(() => read(dataDir, table));
              assert.deepStrictEqual(
                [...new Set(rows.map((row) => row["observed_at"]))],
                [stamp(now)],
                `${table}, ${name}`,
              );
            }
          }
        }),
      );

      it.effect("makes the tables, columns and types of the documents", () =>
        Effect.gen(function* () {
          const { dataDir } = (yield* Backfilled)[encoder];
          const partition = ["usage_month DATE", "workspace_id VARCHAR"];
          for (const [table, expected] of Object.entries(columns)) {
            const inDuckDB = yield* Effect.promise(() => describeColumns(table, databaseOf(dataDir)));
            assert.deepStrictEqual(inDuckDB, [...partition.toReversed(), ...expected], table);
            const inParquet = yield* Effect.promise(() => describeColumns(parquetOf(dataDir, table)));
            assert.deepStrictEqual(inParquet, [...expected, ...partition], `${table} in Parquet`);
            // A month apart from the others: its path says what its columns do not.
            const file = `${dataDir}/parquet/${table}/*/usage_month=2024-02-01/data.parquet`;
            const inFile = yield* Effect.promise(() =>
              describeColumns(`read_parquet('${file}', hive_partitioning = false)`),
            );
            assert.deepStrictEqual(inFile, expected, `${table} in its file`);
          }
        }),
      );

      it.effect("has its Parquet files written by what was asked for", () =>
        Effect.gen(function* () {
          const { dataDir } = (yield* Backfilled)[encoder];
          const files = `parquet_file_metadata('${dataDir}/parquet/**/*.parquet')`;
          const writers = yield* Effect.promise(() => ask(`SELECT DISTINCT created_by AS writer FROM ${files}`));
          assert.isAbove(writers.length, 0);
          for (const { writer } of writers)
            assert.strictEqual(String(writer).startsWith("DuckDB"), encoder === "duckdb");
        }),
      );

      it.effect("leaves the files of the documents and no others", () =>
        Effect.gen(function* () {
          const { dataDir, workspaceId } = (yield* Backfilled)[encoder];
          const files = yield* Effect.promise(() => filesBelow(dataDir));
          assert.deepStrictEqual(files, expectedFiles(workspaceId, months));
        }),
      );

      it.effect("keeps what names the ids, and nothing more of a source", () =>
        Effect.gen(function* () {
          const { dataDir, simulator, workspaceId } = (yield* Backfilled)[encoder];
          const expected = simulator
            .sources(workspaceId)
            .map(({ enabled, id, labels, metadata, name, slug }) => ({
              workspace_id: workspaceId,
              id,
              slug,
              name: name ?? slug,
              type: metadata.slug,
              enabled,
              labels: JSON.stringify(labels),
              first_seen: stamp(now),
              last_seen: stamp(now),
            }))
            .toSorted((a, b) => (a.id < b.id ? -1 : 1));
          const [{ slug, name } = { slug: "", name: "" }] = simulator.workspaces;
          for (const read of Object.values(readers)) {
            const rows = yield* Effect.promise(() => read(dataDir, "sources"));
            const sources = rows.toSorted((a, b) => (String(a["id"]) < String(b["id"]) ? -1 : 1));
            assert.deepStrictEqual(sources, expected);
            const [workspace, ...others] = yield* Effect.promise(() => read(dataDir, "workspaces"));
            const seen = { first_seen: stamp(now), last_seen: stamp(now) };
            assert.deepStrictEqual(workspace, { workspace_id: workspaceId, id: workspaceId, slug, name, ...seen });
            assert.deepStrictEqual(others, []);
          }
        }),
      );
    });
  }
});

describe.concurrent("one sink, one dataset", () => {
  const small = { now, workspaces: [{ sources: 3, from: "2024-01" }] } as const;
  const cases: ReadonlyArray<{
    readonly flags: ReadonlyArray<string>;
    readonly datasets: ReadonlyArray<Dataset>;
    readonly reader: keyof typeof readers;
    readonly absent: string;
  }> = [
    {
      flags: ["--sink", "parquet"],
      datasets: ["source-mtu"],
      reader: "Parquet through hyparquet",
      absent: "segmeter.duckdb",
    },
    {
      flags: ["--sink", "parquet", "--parquet-encoder", "duckdb"],
      datasets: ["source-mtu", "workspace-mtu"],
      reader: "Parquet through hyparquet",
      absent: "segmeter.duckdb",
    },
    { flags: ["--sink", "duckdb"], datasets: ["workspace-api-calls"], reader: "DuckDB", absent: "parquet" },
  ];
  for (const { absent, datasets, flags, reader } of cases) {
    it.live(`${flags.join(" ")}, ${datasets.join(" and ")}: that, and no more`, () =>
      Effect.gen(function* () {
        const simulator = yield* startSimulator(small);
        const dataDir = yield* temporaryDirectory;
        const asked = datasets.flatMap((dataset) => ["--dataset", dataset]);
        const args = ["backfill", "--from", "2024-02", "--data-dir", dataDir, ...flags, ...asked];
        assertCode(yield* segmeter(args, { env: pointedAt(simulator, now) }), 0);
        const expected = { months: ["2024-02", "2024-03", "2024-04"], datasets, readers: [reader] };
        yield* Effect.promise(() => assertTruth(dataDir, simulator, expected));
        assert.isFalse(existsSync(join(dataDir, absent)), absent);
        assert.strictEqual(usageCalls(simulator).length, datasets.length * 3);
        const others = datasetNames.filter((name) => !datasets.includes(name));
        for (const other of others) {
          const rows = yield* Effect.promise(() => readers[reader](dataDir, tableOf[other]));
          assert.deepStrictEqual(rows, []);
        }
      }),
    );
  }
});
