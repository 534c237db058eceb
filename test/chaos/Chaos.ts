/**
 * Kills the real program at its fail-points and at random moments, lets the next run go to its end, and holds the outcome against
 * that of a run that nobody killed.
 *
 * The promises, each a violation by name when it breaks: what a reader finds after a kill is whole partitions of before or of
 * after; after the next run every row is as it would have been, no more and no fewer; no settled month that was committed is
 * asked for again; no file is left over; `verify` finds nothing. What a kill leaves is for its user's eyes alone, and neither that
 * nor what is said holds a secret.
 */
import * as Effect from "effect/Effect";
import { asyncBufferFromFile, parquetMetadataAsync } from "hyparquet";
import { existsSync } from "node:fs";
import { cp, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { type Dataset, datasetNames, datasets } from "@segmeter/simulator";
import { type Ended, type Environment, start, temporaryDirectory, usageCalls } from "../../pipelines/test/Command.ts";
import { type Contents, contentsOf, filesBelow, tableOf } from "../../pipelines/test/Held.ts";
import { secretIn, secretsBelow } from "../faults/Canaries.ts";
import type { Prepared, Scenario } from "./Scenario.ts";

const { promise } = Effect;
const failPoints = pathToFileURL(fileURLToPath(new URL("FailPoints.js", import.meta.url))).href;

export interface Report {
  readonly scenario: string;
  readonly kills: number;
  /** Kinds of steps at which it was killed, of those that there are: each before and after. */
  readonly points: string;
  /** Fail-points that a run did not come to, since less was left to do. */
  readonly unreached: number;
  readonly violations: ReadonlyArray<string>;
}

type Held = Awaited<ReturnType<typeof contentsOf>>;

/** What a run that nobody kills leaves. */
interface Reference {
  readonly points: ReadonlyArray<Point>;
  readonly ms: number;
  readonly before: Held | undefined;
  readonly after: Held;
  readonly files: ReadonlyArray<string>;
}

interface Point {
  readonly label: string;
  readonly count: number;
}

/** Where to kill: at a step, or after a while. */
type Target = { readonly nth: number; readonly kind: string } | { readonly afterMs: number };

const killsInARow = 3;

/** One kill in so many comes at a random moment. */
const oneInSoMany = 5;

/** Kinds of steps, those before and those after one: of all scenarios so far. */
export interface Coverage {
  readonly known: Set<string>;
  readonly hit: Set<string>;
}

/**
 * Kills `scenario` so many times. `draw`: numbers from 0 to below 1. What was not hit yet comes first, and `coverage` is told of
 * what was. `chain`: kills at these targets instead.
 */
export const chaos = Effect.fn("chaos")(function* (
  scenario: Scenario,
  kills: number,
  draw: () => number,
  coverage: Coverage,
  chain?: ReadonlyArray<Target>,
) {
  const prepared = yield* scenario.prepare;
  const reference = yield* Effect.scoped(refer(scenario, prepared));
  const kinds = reference.points.flatMap(({ label }) => [`before ${label}`, `after ${label}`]);
  for (const kind of kinds) coverage.known.add(kind);
  const targets = chain?.slice() ?? targetsOf(reference, kills, draw, coverage.hit);
  const hit = new Set<string>();
  const violations: Array<string> = [];
  let [killed, unreached] = [0, 0];
  while (killed < kills) {
    const chain = targets.splice(0, Math.min(killsInARow, kills - killed));
    if (chain.length === 0) break;
    const outcome = yield* Effect.scoped(endure(scenario, prepared, reference, chain));
    killed += outcome.killed.length;
    unreached += outcome.unreached.length;
    for (const target of outcome.killed) {
      if (!("kind" in target)) continue;
      hit.add(target.kind);
      coverage.hit.add(target.kind);
    }
    // What a run had no more cause to come to is tried again, early and first in its row; the others go to the end.
    // One that a whole run does not come to, as what depends on how fibers meet, is no place to kill at.
    const again = outcome.unreached
      .filter((target) => target !== chain[0])
      .map((target) => ("kind" in target ? { ...target, nth: 1 } : { afterMs: Math.floor(target.afterMs / 2) }));
    targets.unshift(...again.slice(0, 1));
    targets.push(...again.slice(1));
    violations.push(...outcome.violations.map((violation) => `${violation} [${chain.map(nameOf).join("; ")}]`));
  }
  const report: Report = {
    scenario: scenario.name,
    kills: killed,
    points: `${hit.size} of ${kinds.length}`,
    unreached,
    violations,
  };
  return report;
});

/** As FailPoints.js takes it, and people read it. */
const nameOf = (target: Target): string =>
  "kind" in target ? target.kind.replace(" ", ` ${target.nth} `) : `after ${target.afterMs} ms`;

/** What a violation says in brackets, as targets again. */
export const parseChain = (text: string): ReadonlyArray<Target> =>
  text.split("; ").map((name) => {
    const [, afterMs] = /^after (\d+) ms$/.exec(name) ?? [];
    if (afterMs !== undefined) return { afterMs: Number(afterMs) };
    const [, moment, nth, label] = /^(before|after) (\d+) (.+)$/.exec(name) ?? [];
    if (label === undefined) throw new Error(`${name} is no target`);
    return { nth: Number(nth), kind: `${moment} ${label}` };
  });

/** Every kind of step comes once before any comes twice, those first that were not `hit`. */
const targetsOf = (
  { ms, points }: Reference,
  kills: number,
  draw: () => number,
  hit: ReadonlySet<string>,
): Array<Target> => {
  const below = (end: number) => Math.floor(draw() * end);
  const targets: Array<Target> = [];
  while (targets.length < kills) {
    const round = points
      .flatMap(({ count, label }) =>
        ["before", "after"].map((moment) => ({
          nth: 1 + below(count),
          kind: `${moment} ${label}`,
          place: draw(),
        })),
      )
      .sort((a, b) => Number(hit.has(a.kind)) - Number(hit.has(b.kind)) || a.place - b.place);
    for (const { kind, nth } of round) {
      if (below(oneInSoMany) === 0) targets.push({ afterMs: below(ms) });
      targets.push({ nth, kind });
    }
  }
  return targets;
};

interface Run {
  readonly prepared: Prepared;
  readonly args: ReadonlyArray<string>;
  readonly dataDir: string;
}

const begin = ({ args, dataDir, prepared }: Run, points: Environment) =>
  start([...args, "--data-dir", dataDir], {
    env: { ...prepared.env, ...points, FAIL_POINT_DIR: dataDir, NODE_OPTIONS: `--import=${failPoints}` },
  });

const copyOf = Effect.fnUntraced(function* ({ dataDir }: Prepared) {
  const copy = join(yield* temporaryDirectory, "data");
  yield* promise(async () => {
    if (existsSync(dataDir)) await cp(dataDir, copy, { recursive: true });
  });
  return copy;
});

const refer = Effect.fnUntraced(function* ({ args, name }: Scenario, prepared: Prepared) {
  const dataDir = yield* copyOf(prepared);
  const before = isReadable(args, dataDir) ? yield* promise(() => contentsOf(dataDir)) : undefined;
  const log = join(yield* temporaryDirectory, "log");
  const began = performance.now();
  const running = yield* begin({ prepared, args, dataDir }, { FAIL_POINT_LOG: log });
  const ended = yield* running.ended;
  const ms = performance.now() - began;
  if (ended.code !== 0) return yield* Effect.die(`${name} ended with ${ended.code}, unkilled: ${ended.stderr}`);
  const counts = new Map<string, number>();
  const lines = (yield* promise(() => readFile(log, "utf8"))).trimEnd().split("\n");
  for (const label of lines) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [after, files] = yield* promise(() => Promise.all([contentsOf(dataDir), filesBelow(dataDir)]));
  const points = [...counts].map(([label, count]) => ({ label, count }));
  return { points, ms, before, after, files: files.map(plainName) } satisfies Reference;
});

/** Before and while it is repaired, a directory holds what no reader can read. */
const isReadable = (args: ReadonlyArray<string>, dataDir: string): boolean =>
  existsSync(dataDir) && !args.includes("--repair");

/** Without what differs from run to run: when something damaged was put aside, and the capture that rejects are of. */
const plainName = (path: string): string =>
  path
    .replace(/^(damaged\/.*\/)[^/]*-[0-9a-f]{6}-(?=[^/]*$)/, "$1")
    .replace(/^(rejects\/.*\/)[^/]+(?=\.ndjson$)/, "$1ID");

/** A row of kills in one directory, then the run that goes to its end. */
const endure = Effect.fnUntraced(function* (
  { args }: Scenario,
  prepared: Prepared,
  reference: Reference,
  chain: ReadonlyArray<Target>,
) {
  const dataDir = yield* copyOf(prepared);
  const run = { prepared, args, dataDir };
  const killed: Array<Target> = [];
  const unreached: Array<Target> = [];
  const violations: Array<string> = [];
  const said: Array<string> = [];
  for (const target of chain) {
    const ended = yield* Effect.scoped(kill(run, target));
    said.push(ended.stdout, ended.stderr);
    if (ended.signal === "SIGKILL") killed.push(target);
    else if (ended.code === 0) unreached.push(target);
    else violations.push(`${nameOf(target)}: ended with ${ended.code} instead: ${ended.stderr}`);
  }
  const found = isReadable(args, dataDir) ? yield* promise(() => contentsOf(dataDir)) : undefined;
  if (found !== undefined) violations.push(...tornPartitions(found, reference));
  violations.push(...(yield* promise(() => openToOthers(dataDir))));
  const settled = yield* promise(() => settledCalls(dataDir, found));
  const since = prepared.simulator.requests.length;
  const last = yield* Effect.scoped(Effect.flatMap(begin(run, {}), ({ ended }) => ended));
  if (last.code !== 0) violations.push(`the next run ended with ${last.code}: ${last.stderr}`);
  const again = usageCalls(prepared.simulator, since).filter((call) => settled.has(call));
  if (again.length > 0) violations.push(`asked again for ${again.join(", ")}`);
  const unreadable = (cause: unknown) => [`what the next run left cannot be read: ${cause}; it said: ${last.stdout}`];
  violations.push(...(yield* promise(() => differences(dataDir, reference).catch(unreadable))));
  const verified = yield* Effect.scoped(Effect.flatMap(begin({ ...run, args: ["verify"] }, {}), ({ ended }) => ended));
  if (verified.code !== 0) violations.push(`verify ended with ${verified.code}: ${verified.stdout}${verified.stderr}`);
  for (const { stderr, stdout } of [last, verified]) said.push(stdout, stderr);
  const secret = secretIn(said.join("\n"));
  if (secret !== undefined) violations.push(`what was said holds ${secret}`);
  violations.push(...(yield* promise(() => secretsBelow(dataDir))));
  return { killed, unreached, violations };
});

const kill = Effect.fnUntraced(function* (run: Run, target: Target) {
  const running = yield* begin(run, "kind" in target ? { FAIL_POINT: nameOf(target) } : {});
  if ("kind" in target) return yield* running.ended;
  const ended = Effect.runPromise(running.ended);
  yield* promise(() => Promise.race([setTimeout(target.afterMs, undefined, { ref: false }), ended]));
  running.kill("SIGKILL");
  return yield* promise((): Promise<Ended> => ended);
});

/** What lies below the data directory and is not for its user alone. */
const openToOthers = async (dataDir: string): Promise<ReadonlyArray<string>> => {
  const entries = existsSync(dataDir) ? await readdir(dataDir, { recursive: true }) : [];
  const modes = entries.map(async (name) => [name, (await stat(join(dataDir, name))).mode & 0o777] as const);
  return (await Promise.all(modes)).flatMap(([name, mode]) =>
    (mode & 0o077) === 0 ? [] : [`after the kill ${name} has mode ${mode.toString(8)}`],
  );
};

/** By table, sink and partition: neither as it was before the command, in either sink, nor as it is after it. */
const tornPartitions = (found: Held, { after, before }: Reference): ReadonlyArray<string> =>
  (["parquet", "duckdb"] as const).flatMap((sink) =>
    Object.values(tableOf)
      .flatMap((table) => [table, `${table}_revisions`])
      .flatMap((table) => {
        const monthsOf = (held: Held | undefined, of: "parquet" | "duckdb") => byMonth(held?.[of], table);
        const [is, own, then] = [monthsOf(found, sink), monthsOf(before, sink), monthsOf(after, sink)];
        const others = [monthsOf(before, "parquet"), monthsOf(before, "duckdb")];
        return [...new Set([...is.keys(), ...own.keys()])].flatMap((month) => {
          const rows = is.get(month);
          // What the sink had may not be missing; what the other one had may.
          const whole = rows === undefined ? [own, then] : [...others, then];
          if (whole.some((months) => months.get(month) === rows)) return [];
          return [`after the kill ${sink} ${table} ${month} was torn: ${rows ?? "missing"}`];
        });
      }),
  );

/** The rows of each usage month as one text. */
const byMonth = (contents: Contents | undefined, table: string): ReadonlyMap<string, string> => {
  const months = new Map<string, string>();
  for (const row of contents?.[table] ?? []) {
    const month = /\["usage_month","([^"]+)"\]/.exec(row)?.[1] ?? "";
    months.set(month, `${months.get(month) ?? ""}${row}\n`);
  }
  return months;
};

/** The calls for what is held and settled already, by the footers of its files and the ledger of the database. */
const settledCalls = async (dataDir: string, found: Held | undefined): Promise<ReadonlySet<string>> => {
  const calls = new Set<string>();
  for (const row of found?.duckdb["captures"] ?? []) {
    const { dataset, state, usage_month: month } = valuesOf(row);
    if (state === "settled") calls.add(`${datasets[dataset as Dataset].path} ${month}`);
  }
  for (const dataset of datasetNames) {
    const [{ path }, table] = [datasets[dataset], tableOf[dataset]];
    for (const name of await filesBelow(join(dataDir, "parquet", table))) {
      if (!name.endsWith("/data.parquet")) continue;
      const file = await asyncBufferFromFile(join(dataDir, "parquet", table, name)).catch(() => undefined);
      const metadata = file && (await parquetMetadataAsync(file).catch(() => undefined));
      const state = metadata?.key_value_metadata?.find(({ key }) => key === "segmeter.state")?.value;
      if (state === "settled") calls.add(`${path} ${/usage_month=([^/]+)/.exec(name)?.[1]}`);
    }
  }
  return calls;
};

/** The columns of a row as `contentsOf` tells them. */
const valuesOf = (row: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries(JSON.parse(row) as ReadonlyArray<readonly [string, unknown]>);

/** Of the books: the id that no two rows share, and what a run after a kill has in common with one that was not killed. */
const books: Readonly<Record<string, { readonly id: string; readonly essence: ReadonlyArray<string> }>> = {
  captures: {
    id: "capture_id",
    // Not when: a month that is captured again in the same instant of the clock is dated a microsecond later.
    essence: ["workspace_id", "usage_month", "dataset", "outcome", "state", "rows", "pages", "requests", "retries"],
  },
  runs: { id: "run_id", essence: ["workspace_id", "command"] },
};

/** What differs from what a run leaves that nobody killed. */
const differences = async (dataDir: string, { after, files }: Reference): Promise<ReadonlyArray<string>> => {
  const [found, there] = await Promise.all([contentsOf(dataDir), filesBelow(dataDir)]);
  const names = there.map(plainName);
  const differ = (["parquet", "duckdb"] as const).flatMap((sink) =>
    Object.keys(after[sink]).flatMap((table) => {
      const [is, was] = [found, after].map((held) => essenceOf(table, held[sink][table] ?? []));
      const twice = repeated(table, found[sink][table] ?? []).map((id) => `${sink} ${table} has ${id} twice`);
      return isDeepStrictEqual(is, was) ? twice : [...twice, `${sink} ${table} differs${firstOf(is!, was!)}`];
    }),
  );
  return [
    ...differ,
    ...names.filter((name) => !files.includes(name)).map((name) => `${name} is left over`),
    ...files.filter((name) => !names.includes(name)).map((name) => `${name} is missing`),
  ];
};

/** A run that was killed, and a month that it captured and that is open still, are in the books once more. */
const essenceOf = (table: string, rows: ReadonlyArray<string>): ReadonlyArray<string> => {
  const book = books[table];
  if (book === undefined) return rows;
  return [
    ...new Set(rows.map(valuesOf).map((row) => JSON.stringify(book.essence.map((name) => row[name])))),
  ].toSorted();
};

const repeated = (table: string, rows: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  const ids = rows.map((row) => valuesOf(row)[books[table]?.id ?? ""]).filter((id) => id !== undefined);
  return ids.filter((id, index) => ids.indexOf(id) !== index);
};

const firstOf = (is: ReadonlyArray<string>, was: ReadonlyArray<string>): string => {
  const [more, less] = [is.find((row) => !was.includes(row)), was.find((row) => !is.includes(row))];
  return `${more === undefined ? "" : `, such as ${more} that should not be`}${less === undefined ? "" : `, such as ${less} that is missing`}`;
};
