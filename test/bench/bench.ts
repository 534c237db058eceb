/**
 * `pnpm bench`: what segmeter promises of its speed and memory, measured side by side in one run, as ratios. Ends non-zero when a
 * promise breaks. `--write FILE` keeps the table; `--quick` is a small share, whose ratios say little.
 */
import * as Effect from "effect/Effect";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { monthsFrom } from "../../pipelines/test/Held.ts";
import { allDatasets, backfill, clock, now, taskOf } from "./Commands.ts";
import { areKept, atLeast, atMost, mebibytes, seconds, table, tell } from "./Lines.ts";
import { measure, type Measured, programs } from "./Measure.ts";
import { leastCalls, longestWalk, prepared, simulated } from "./Pages.ts";

const { values: given } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    write: { type: "string" },
  },
});
const scale = <A>(full: A, quick: A): A => (given.quick ? quick : full);

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The service is what takes the time: 100 ms for each call. */
const apiBound = Effect.gen(function* () {
  const months = monthsFrom("2021-01", scale("2023-12", "2021-03"));
  const workspaces = [{ sources: scale(100, 40), from: "2021-01" }];
  const limit = 50;
  const free = yield* prepared({ now, workspaces }, 100);
  const limited = yield* free.limitedTo(limit);
  // So that every answer is ready: what the simulator takes to make one up is not the reader's.
  yield* measure("floor", taskOf(free, months, allDatasets), free);
  const ours = yield* measure("segmeter", backfill(months, allDatasets), limited, clock);
  const unlimited = yield* measure("segmeter", backfill(months, allDatasets), free, clock);
  const sdk = yield* measure("sdk", taskOf(free, months, allDatasets), free);

  // Whichever is longer: all calls at the limit, or the pages of one month of sources, one after the other.
  const least = Math.max((ours.calls - ours.refused) / limit, longestWalk(limited.requests) * 0.1);
  const scene = `${months.length} months × 4 datasets, ${ours.calls - ours.refused} calls, 100 ms each`;
  tell(`${scene}: segmeter under a limit of 50/s`, seconds(ours.ms));
  tell(`${scene}: segmeter without a limit`, seconds(unlimited.ms));
  tell(`${scene}: the SDK's loop`, seconds(sdk.ms));
  atMost("API-bound: times the least possible time under the limit", ours.ms / 1000 / least, 1.05, " ×");
  atLeast("API-bound: times faster than the SDK's loop, under the limit", sdk.ms / ours.ms, 4.5, " ×");
  atMost("API-bound: refusals, all while the window is learned", ours.refused, 2, "", 0);
  atLeast("API-bound: times faster than the SDK's loop, without a limit", sdk.ms / unlimited.ms, 7, " ×");
});

/** The reader is what takes the time: every answer is ready. */
const cpuBound = Effect.gen(function* () {
  const months = monthsFrom("2022-01", scale("2023-12", "2022-02"));
  const datasets = ["source-mtu"];
  const service = yield* prepared({ now, workspaces: [{ sources: scale(1_000, 100), from: "2022-01" }] });
  const warm = yield* measure("floor", taskOf(service, months, datasets), service);
  const rows = Number(warm.stdout);
  const times: Record<"floor" | "duckdb" | "parquetjs" | "sdk", Array<number>> = {
    floor: [],
    duckdb: [],
    parquetjs: [],
    sdk: [],
  };
  let last: Measured | undefined;
  for (let round = 0; round < scale(3, 1); round++) {
    times.floor.push((yield* measure("floor", taskOf(service, months, datasets), service)).ms);
    const withDuckDB = backfill(months, datasets, "--parquet-encoder", "duckdb");
    last = yield* measure("segmeter", withDuckDB, service, clock);
    times.duckdb.push(last.ms);
    times.parquetjs.push((yield* measure("segmeter", backfill(months, datasets), service, clock)).ms);
    if (round === 0) times.sdk.push((yield* measure("sdk", taskOf(service, months, datasets), service)).ms);
  }
  const [floor, duckdb, parquetjs, sdk] = [times.floor, times.duckdb, times.parquetjs, times.sdk].map(median) as [
    number,
    number,
    number,
    number,
  ];
  const scene = `${rows.toLocaleString("en")} rows in ${months.length} months`;
  tell(`${scene}: the floor`, seconds(floor));
  tell(`${scene}: segmeter, DuckDB's encoder`, seconds(duckdb));
  tell(`${scene}: segmeter, parquetjs-lite`, seconds(parquetjs));
  tell(`${scene}: the SDK's loop`, seconds(sdk));
  atMost("CPU-bound: times the floor, DuckDB's encoder", duckdb / floor, 3, " ×");
  atMost("CPU-bound: times the floor, parquetjs-lite", parquetjs / floor, 4, " ×");
  atLeast("CPU-bound: times faster than the SDK's loop", sdk / duckdb, 6, " ×");
  atLeast("CPU-bound: rows a second", (rows / duckdb) * 1000, 100_000, "", 0);
});

const memory = Effect.gen(function* () {
  const sources = scale(1_000, 50);
  const service = yield* prepared({ now, workspaces: [{ sources, from: "2014-01" }] });
  const peak = Effect.fnUntraced(function* (months: ReadonlyArray<string>) {
    return (yield* measure("segmeter", backfill(months, ["source-mtu"]), service, clock)).rss;
  });
  const short = yield* peak(monthsFrom("2014-01", "2014-12"));
  const long = yield* peak(monthsFrom("2014-01", scale("2023-12", "2015-12")));
  tell(`Memory: ${sources} sources, 12 months`, `${mebibytes(short).toFixed(0)} MiB`);
  atMost("Memory: growth from 12 to 120 months", (long / short - 1) * 100, 10, " %", 0);
  atMost("Memory: peak at 120 months, --concurrency 8", mebibytes(long), 300, " MiB", 0);
});

const nightly = Effect.gen(function* () {
  const sources = scale(1_000, 60);
  const service = yield* simulated({
    now,
    latencyMs: [100, 100],
    workspaces: [{ sources, from: "2023-11" }],
  });
  const dataDir = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-bench-"))),
    (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true })),
  );
  const run = (...args: ReadonlyArray<string>) =>
    measure("segmeter", () => [...args, "--data-dir", dataDir], service, clock, dataDir);
  yield* run("backfill", "--from", "2023-11");
  const again = yield* run("nightly");
  const paths = [
    "/usage/mtu/daily",
    "/usage/mtu/sources/daily",
    "/usage/api-calls/daily",
    "/usage/api-calls/sources/daily",
  ];
  const names = Math.ceil(sources / 1000);
  const fewest = (yield* leastCalls(service, paths, now.slice(0, 7))) + names;
  atMost("A nightly run with nothing new: calls more than the fewest possible", again.calls - fewest, 0, "", 0);
  // The workspace; then its names and the longest walk, side by side.
  const leastMs = (1 + Math.max(names, longestWalk(again.answers))) * 100;
  atMost("A nightly run with nothing new: times the time of its calls", again.ms / leastMs, 1.2, " ×");
});

/** How time and memory grow with sources, and with months, for a service whose answers are ready. */
const growth = Effect.gen(function* () {
  const run = Effect.fnUntraced(function* (sources: number, months: ReadonlyArray<string>) {
    const service = yield* prepared({ now, workspaces: [{ sources, from: months[0]! }] });
    const datasets = ["source-mtu"];
    const rows = Number((yield* measure("floor", taskOf(service, months, datasets), service)).stdout);
    const { ms, rss } = yield* measure("segmeter", backfill(months, datasets), service, clock);
    const what = `Growth: ${sources.toLocaleString("en")} sources, ${months.length} months, ${rows.toLocaleString("en")} rows`;
    tell(what, `${seconds(ms)}, ${mebibytes(rss).toFixed(0)} MiB`);
    return { rows, ms };
  });
  interface Grown {
    readonly rows: number;
    readonly ms: number;
  }
  /** Of what comes on top of the smallest, which is mostly start and end. */
  const perRow = (least: Grown, { ms, rows }: Grown) => (ms - least.ms) / (rows - least.rows);
  const growthOf = (what: string, [least, middle, most]: readonly [Grown, Grown, Grown]) =>
    atMost(`Growth: time a row, ${what}`, perRow(least, most) / perRow(least, middle), 1.25, " ×");

  const month = ["2024-01"];
  const bySources = [];
  for (const sources of scale([10, 1_000, 10_000], [5, 50, 100])) {
    bySources.push(yield* Effect.scoped(run(sources, month)));
  }
  growthOf(`${scale("10,000 sources, of 1,000", "100 sources, of 50")}`, bySources as [Grown, Grown, Grown]);
  const months = monthsFrom("2014-01", "2023-12");
  const byMonths = [];
  for (const count of scale([1, 12, 120], [1, 2, 3])) {
    byMonths.push(yield* Effect.scoped(run(scale(300, 20), months.slice(0, count))));
  }
  growthOf(`${scale("120 months, of 12", "3 months, of 2")}`, byMonths as [Grown, Grown, Grown]);
});

const startUp = Effect.sync(() => {
  const run = (args: ReadonlyArray<string>): number => {
    const began = performance.now();
    spawnSync(process.execPath, args, { stdio: "ignore" });
    return performance.now() - began;
  };
  const times = Array.from({ length: scale(20, 3) }, () => ({
    bare: run(["-e", "0"]),
    help: run([...programs.segmeter, "--help"]),
  }));
  const [bare, help] = [median(times.map((one) => one.bare)), median(times.map((one) => one.help))];
  atMost("Start-up: segmeter --help, times node -e 0", help / bare, 4, " ×");
});

interface Encoded {
  readonly name: string;
  readonly ms: number;
  readonly bytes: number;
}

const encoders = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-bench-"))),
    (made) => Effect.promise(() => rm(made, { recursive: true, force: true })),
  );
  const rows = scale(300_000, 5_000);
  const { stderr, stdout } = spawnSync(process.execPath, [...programs.encode, directory, String(rows)], {
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(stderr);
  const found = JSON.parse(stdout) as ReadonlyArray<Encoded>;
  const least = Math.min(...found.map(({ ms }) => ms));
  for (const { bytes, ms, name } of found) {
    tell(
      `Encoder ${name}, ${rows.toLocaleString("en")} rows: times the fastest`,
      `${(ms / least).toFixed(2)} ×, ${(bytes / rows).toFixed(1)} bytes a row`,
    );
  }
});

const cases = { startUp, encoders, apiBound, cpuBound, nightly, memory, growth };

for (const [name, run] of Object.entries(cases)) {
  if (given.only === undefined || given.only.split(",").includes(name)) await Effect.runPromise(Effect.scoped(run));
}
const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
process.stdout.write(`${machine}\n\n${table()}`);
if (given.write !== undefined) {
  writeFileSync(
    given.write,
    `# Benchmarks

Made by \`pnpm bench --write docs/benchmarks.md\`, on ${machine}. Ratios are of programs measured side by side in one run; times are
those of this machine.

${table()}`,
  );
}
process.exitCode = areKept() ? 0 : 1;
