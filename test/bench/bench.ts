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
import { measure, type Measured, programs } from "./Measure.ts";
import { prepared, type Service, simulated } from "./Pages.ts";
import type { Task } from "./Walk.ts";

const { values: given } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    write: { type: "string" },
  },
});
const scale = <A>(full: A, quick: A): A => (given.quick ? quick : full);

/** One line of the table. Without a bound it only tells. */
interface Line {
  readonly what: string;
  readonly measured: string;
  readonly promised: string;
  readonly isKept: boolean;
}

const lines: Array<Line> = [];
const tell = (what: string, measured: string, promised = "", isKept = true): void => {
  lines.push({ what, measured, promised, isKept });
  process.stderr.write(`${isKept ? " " : "!"} ${what}: ${measured}${promised === "" ? "" : ` (${promised})`}\n`);
};
const atMost = (what: string, value: number, bound: number, unit: string, digits = 2): void =>
  tell(what, `${value.toFixed(digits)}${unit}`, `≤ ${bound}${unit}`, value <= bound);
const atLeast = (what: string, value: number, bound: number, unit: string, digits = 2): void =>
  tell(what, `${value.toFixed(digits)}${unit}`, `≥ ${bound}${unit}`, value >= bound);

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const mebibytes = (bytes: number): number => bytes / 2 ** 20;
const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const allDatasets = ["workspace-mtu", "source-mtu", "workspace-api-calls", "source-api-calls"];
const now = "2024-02-20T06:00:00Z";

const taskOf =
  ({ token, url }: Service, months: ReadonlyArray<string>, datasets: ReadonlyArray<string>) =>
  (dataDir: string): ReadonlyArray<string> => {
    const task: Task = { url, token, months, datasets, concurrency: 8, dataDir };
    return [JSON.stringify(task)];
  };

const backfill =
  (months: ReadonlyArray<string>, datasets: ReadonlyArray<string>, ...flags: ReadonlyArray<string>) =>
  (dataDir: string): ReadonlyArray<string> => [
    "backfill",
    "--from",
    months[0]!,
    "--to",
    months.at(-1)!,
    "--data-dir",
    dataDir,
    "--concurrency",
    "8",
    ...flags,
    ...datasets.flatMap((dataset) => ["--dataset", dataset]),
  ];

const clock = { SEGMETER_NOW: now };

/** The service is what takes the time: 100 ms for each call. */
const apiBound = Effect.gen(function* () {
  const months = monthsFrom("2021-01", scale("2023-12", "2021-03"));
  const workspaces = [{ sources: scale(100, 40), from: "2021-01" }];
  const latencyMs = [100, 100] as const;
  const limit = 50;
  const limited = yield* simulated({ now, workspaces, latencyMs, rateLimit: { limit, windowMs: 1_000 } });
  const free = yield* simulated({ now, workspaces, latencyMs });
  const ours = yield* measure("segmeter", backfill(months, allDatasets), limited, clock);
  const unlimited = yield* measure("segmeter", backfill(months, allDatasets), free, clock);
  const sdk = yield* measure("sdk", taskOf(free, months, allDatasets), free);

  // The longest chain is the pages of one month of sources, one after the other.
  const least = Math.max((ours.calls - ours.refused) / limit, Math.ceil((100 * 31) / 1000) * 0.1);
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
  const rows = sources * 19;
  const pages = Math.ceil(rows / 1000);
  tell("A nightly run with nothing new: calls", String(again.calls));
  // The workspace, then the longest chain of pages; names are read meanwhile.
  const least = (2 + pages) * 100;
  atMost("A nightly run with nothing new: times the time of its calls", again.ms / least, 1.2, " ×");
});

const startUp = Effect.sync(() => {
  const run = (args: ReadonlyArray<string>): number => {
    const began = performance.now();
    spawnSync(process.execPath, args, { stdio: "ignore" });
    return performance.now() - began;
  };
  const times = Array.from({ length: scale(20, 3) }, () => ({
    bare: run(["-e", "0"]),
    help: run([programs.segmeter, "--help"]),
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
  const { stderr, stdout } = spawnSync(process.execPath, [programs.encode, directory, String(rows)], {
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

const cases = { startUp, encoders, apiBound, cpuBound, nightly, memory };

const table = (): string => {
  const rows = [
    ["", "measured", "promised"],
    ["---", "---:", "---:"],
    ...lines.map(({ isKept, measured, promised, what }) => [
      `${isKept ? "" : "**broken:** "}${what}`,
      measured,
      promised,
    ]),
  ];
  return `${rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
};

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
process.exitCode = lines.every(({ isKept }) => isKept) ? 0 : 1;
