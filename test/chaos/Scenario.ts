/**
 * What is interrupted: commands over data directories in the states that matter, each small, each with a service that gives the
 * same answers every time, so that a run that was killed can be held against one that was not.
 */
import { type Simulator, type SimulatorOptions, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { execFile } from "node:child_process";
import { copyFile, mkdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertCode, type Environment, pointedAt, segmeter, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { alter } from "../../pipelines/test/Alter.ts";
import { token } from "../faults/Canaries.ts";

export interface Prepared {
  /** As it is before the command; copied for each run. Missing when the command makes it. */
  readonly dataDir: string;
  readonly env: Environment;
  readonly simulator: Simulator;
}

export interface Scenario {
  readonly name: string;
  /** Without `--data-dir`. */
  readonly args: ReadonlyArray<string>;
  readonly prepare: Effect.Effect<Prepared, never, Scope.Scope>;
}

const { promise } = Effect;

const firstNight = "2024-02-01T06:00:00Z";
const secondNight = "2024-02-09T06:00:00Z";

const service = (options: SimulatorOptions = {}) =>
  Effect.orDie(startSimulator({ now: firstNight, workspaces: [{ token, sources: 3, from: "2023-12" }], ...options }));

const run = Effect.fnUntraced(function* (dataDir: string, args: ReadonlyArray<string>, env: Environment) {
  assertCode(yield* segmeter([...args, "--data-dir", dataDir], { env }), 0);
});

const empty = (options?: SimulatorOptions) =>
  Effect.gen(function* () {
    const simulator = yield* service(options);
    return {
      dataDir: join(yield* temporaryDirectory, "data"),
      env: pointedAt(simulator, firstNight),
      simulator,
    };
  });

/** Three months held; then a correction, a source withdrawn, days that come late, and a month that vanishes, by the second night. */
const recounted = (...sinks: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const simulator = yield* service();
    const { id: workspaceId } = simulator.workspaces[0]!;
    const [first] = simulator.sources(workspaceId);
    const dataDir = join(yield* temporaryDirectory, "data");
    simulator.restate({ workspaceId, month: "2024-01", lastDay: 28 });
    yield* run(dataDir, ["backfill", "--from", "2023-12", ...sinks], pointedAt(simulator, firstNight));
    simulator.setNow(secondNight);
    simulator.restate({ workspaceId, month: "2024-01", lastDay: 31 });
    simulator.restate({ workspaceId, month: "2024-01", delta: 100, fromDay: 12 });
    simulator.restate({ workspaceId, month: "2024-01", sourceId: first!.id, withdraw: true });
    simulator.restate({ workspaceId, month: "2024-02", lastDay: 0 });
    return { dataDir, env: pointedAt(simulator, secondNight), simulator };
  });

/** A history in both sinks, with revisions; nothing is left to do but what a test does to it. */
export const kept = Effect.tap(recounted(), ({ dataDir, env }) => run(dataDir, ["nightly"], env));

const settledMonths = ["backfill", "--from", "2023-12", "--to", "2024-01"];

/** Two months, captured for each sink at a time of its own, with a correction between: each has seen what the other has not. */
const apart = Effect.gen(function* () {
  const simulator = yield* service();
  const { id: workspaceId } = simulator.workspaces[0]!;
  const dataDir = join(yield* temporaryDirectory, "data");
  simulator.restate({ workspaceId, month: "2024-01", lastDay: 28 });
  yield* run(dataDir, [...settledMonths, "--sink", "duckdb"], pointedAt(simulator, firstNight));
  simulator.setNow(secondNight);
  simulator.restate({ workspaceId, month: "2024-01", lastDay: 31 });
  simulator.restate({ workspaceId, month: "2024-01", delta: 100, fromDay: 12 });
  yield* run(dataDir, [...settledMonths, "--sink", "parquet"], pointedAt(simulator, secondNight));
  return { dataDir, env: pointedAt(simulator, secondNight), simulator };
});

const damaged = Effect.tap(kept, ({ dataDir, simulator }) =>
  promise(async () => {
    const fileOf = (table: string, month: string) =>
      join(
        dataDir,
        `parquet/${table}/workspace_id=${simulator.workspaces[0]!.id}/usage_month=${month}-01/data.parquet`,
      );
    await truncate(fileOf("source_mtu_daily", "2024-01"), 900);
    await rm(fileOf("workspace_api_calls_daily_revisions", "2024-01"));
    await copyFile(fileOf("captures", "2024-01"), join(fileOf("captures", "2024-01"), "../data-2.parquet"));
    await rename(fileOf("workspace_mtu_daily", "2023-12"), fileOf("workspace_mtu_daily", "2024-01"));
    await writeFile(join(fileOf("captures", "2024-02"), "../.data.parquet.999999.0123456789ab.tmp"), "torn", {
      mode: 0o600,
    });
    await alter(
      dataDir,
      "DELETE FROM source_api_calls_daily WHERE day = '2024-01-09'",
      "UPDATE workspace_api_calls_daily SET api_calls = api_calls + 1 WHERE day = '2024-01-10'",
      "DELETE FROM captures WHERE usage_month = '2024-02-01'",
    );
  }),
);

const archive = fileURLToPath(new URL("../../fixtures/data-directory-version-1.tar.gz", import.meta.url));

const ofVersion1 = Effect.gen(function* () {
  const directory = yield* temporaryDirectory;
  yield* promise(() => promisify(execFile)("tar", ["-xzf", archive, "-C", directory]));
  // Another workspace than that of the directory: what is held is brought up, and not captured again.
  const now = "2024-05-02T06:00:00Z";
  const simulator = yield* service({ now, seed: 7, workspaces: [{ token, sources: 1, from: "2024-05" }] });
  return { dataDir: join(directory, "version-1"), env: pointedAt(simulator, now), simulator };
});

const quarantined = Effect.gen(function* () {
  const prepared = yield* empty();
  for (const dataset of ["/usage/mtu/sources/daily", "/usage/api-calls/daily"]) {
    prepared.simulator.faults.add({ kind: "bad-row", path: dataset, month: "2024-01", times: 1_000_000 });
  }
  yield* promise(() => mkdir(prepared.dataDir, { recursive: true }));
  return prepared;
});

const backfill = ["backfill", "--from", "2023-12", "--concurrency", "3"];

export const scenarios: ReadonlyArray<Scenario> = [
  { name: "backfill", args: backfill, prepare: empty() },
  { name: "backfill, DuckDB's encoder", args: [...backfill, "--parquet-encoder", "duckdb"], prepare: empty() },
  { name: "backfill, quarantine", args: [...backfill, "--bad-rows", "quarantine"], prepare: quarantined },
  { name: "nightly, restated", args: ["nightly", "--concurrency", "3"], prepare: recounted() },
  { name: "nightly, DuckDB lags", args: ["nightly"], prepare: recounted("--sink", "parquet") },
  { name: "nightly, Parquet lags", args: ["nightly"], prepare: recounted("--sink", "duckdb") },
  { name: "backfill, each sink lags", args: settledMonths, prepare: apart },
  { name: "nightly, version 1", args: ["nightly"], prepare: ofVersion1 },
  { name: "rebuild", args: ["rebuild"], prepare: kept },
  { name: "verify --repair", args: ["verify", "--repair"], prepare: damaged },
];
