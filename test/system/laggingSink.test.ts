/**
 * A sink that lags behind, after a crash or a loss, is brought up from the other: the service is not asked for usage again.
 */
import { assert, it, layer } from "@effect/vitest";
import { datasetNames, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  assertCode,
  finished,
  jsonLines,
  pointedAt,
  segmeter,
  temporaryDirectory,
  usageCalls,
} from "../../pipelines/test/Command.ts";
import { ask, assertTruth, databaseOf, filesBelow, readers, tableOf, without } from "../../pipelines/test/Held.ts";

const now = "2024-05-20T06:00:00Z";
const months = ["2024-02", "2024-03", "2024-04"];

interface Whole {
  readonly simulator: Simulator;
  readonly dataDir: string;
}

/** Three settled months in both sinks. */
class Settled extends Context.Service<Settled, Whole>()("test/Settled") {}

const backfill = (dataDir: string) => [
  "backfill",
  "--from",
  "2024-02",
  "--to",
  "2024-04",
  "--data-dir",
  dataDir,
  "--json",
];

const service = Effect.suspend(() => startSimulator({ now, workspaces: [{ sources: 3, from: "2024-02" }] }));

const settled = Layer.effect(
  Settled,
  Effect.gen(function* () {
    const simulator = yield* service;
    const dataDir = yield* temporaryDirectory;
    assertCode(yield* segmeter(backfill(dataDir), { env: pointedAt(simulator, now) }), 0);
    return { simulator, dataDir };
  }),
);

/** All usage rows with when they were observed, and the names; when those were seen is of the run that saw them. */
const contents = (dataDir: string, reader: keyof typeof readers) =>
  Effect.promise(async () => {
    const tables = [...Object.values(tableOf), "workspaces", "sources"].map(async (table) => {
      const rows = (await readers[reader](dataDir, table)).map((row) =>
        JSON.stringify(without(row, "first_seen", "last_seen"), (_name, value: unknown) =>
          typeof value === "bigint" ? String(value) : value,
        ),
      );
      return [table, rows.toSorted()];
    });
    return Object.fromEntries(await Promise.all(tables)) as Readonly<Record<string, ReadonlyArray<string>>>;
  });

layer(settled, { excludeTestServices: true, concurrent: true })("the next run", (it) => {
  const cases: ReadonlyArray<{
    readonly name: string;
    readonly lose: (dataDir: string) => Promise<unknown>;
    readonly broughtUp: number;
    readonly to: string;
    readonly reader: keyof typeof readers;
  }> = [
    {
      name: "makes the database anew from the Parquet files",
      lose: (dataDir) => rm(databaseOf(dataDir)),
      broughtUp: 12,
      to: "duckdb",
      reader: "DuckDB",
    },
    {
      name: "makes the Parquet files anew from the database",
      lose: (dataDir) => rm(join(dataDir, "parquet"), { recursive: true }),
      broughtUp: 12,
      to: "parquet",
      reader: "Parquet through hyparquet",
    },
    {
      name: "makes one lost month of Parquet anew",
      lose: async (dataDir) => {
        const lost = (await filesBelow(dataDir)).filter((name) => /_daily\/.*\/usage_month=2024-03-01\//.test(name));
        assert.strictEqual(lost.length, 4);
        await Promise.all(lost.map((name) => rm(join(dataDir, name))));
      },
      broughtUp: 4,
      to: "parquet",
      reader: "Parquet through hyparquet",
    },
  ];

  for (const { broughtUp, lose, name, reader, to } of cases) {
    it.effect(`${name}, with no call for usage`, () =>
      Effect.gen(function* () {
        const whole = yield* Settled;
        const { simulator } = whole;
        const dataDir = join(yield* temporaryDirectory, "data");
        yield* Effect.promise(() => cp(whole.dataDir, dataDir, { recursive: true }));
        yield* Effect.promise(() => lose(dataDir));

        const since = simulator.requests.length;
        const ended = yield* segmeter(backfill(dataDir), { env: pointedAt(simulator, "2024-05-21T06:00:00Z") });
        assertCode(ended, 0);
        assert.deepStrictEqual(usageCalls(simulator, since), []);
        assert.include(finished(ended), { captured: 0, skipped: 12, failed: 0, retries: 0 });
        const caughtUp = jsonLines(ended.stdout).filter(({ event }) => event === "partition-caught-up");
        assert.strictEqual(caughtUp.length, broughtUp);
        for (const line of caughtUp) assert.strictEqual(line["to"], to);
        yield* Effect.promise(() => assertTruth(dataDir, simulator, { months }));
        // And when each row was first observed is not lost on the way.
        assert.deepStrictEqual(yield* contents(dataDir, reader), yield* contents(whole.dataDir, reader));
      }),
    );
  }
});

it.live("the next run brings the database up when months were captured to Parquet alone", () =>
  Effect.gen(function* () {
    const simulator = yield* service;
    const dataDir = yield* temporaryDirectory;
    const env = pointedAt(simulator, now);
    assertCode(yield* segmeter([...backfill(dataDir), "--sink", "parquet"], { env }), 0);
    const since = simulator.requests.length;
    assertCode(yield* segmeter(backfill(dataDir), { env }), 0);
    assert.deepStrictEqual(usageCalls(simulator, since), []);
    yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, readers: ["DuckDB"] }));
    // Neither is behind now.
    const again = jsonLines((yield* segmeter(backfill(dataDir), { env })).stdout);
    assert.deepStrictEqual(
      again.map(({ event }) => event),
      ["run-planned", "run-finished"],
    );
    const captures = yield* Effect.promise(() => ask("SELECT DISTINCT dataset FROM captures", databaseOf(dataDir)));
    assert.strictEqual(captures.length, datasetNames.length);
  }),
);
