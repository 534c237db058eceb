/**
 * What the tests of the environment stand on: a service, directories with a first night in them, the real command in a spoiled
 * environment, and what has to hold after it: one sentence, nothing lost, and a next run that mends all.
 */
import { assert } from "@effect/vitest";
import { type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import {
  assertCode,
  assertNoStack,
  type Ended,
  type Environment,
  pointedAt,
  segmeter,
  temporaryDirectory,
} from "../../pipelines/test/Command.ts";
import { assertTruth, type Contents, contentsOf, expectedFiles, filesBelow } from "../../pipelines/test/Held.ts";

/** Whether the long versions run: every place, not some of them. */
const isLong = process.env["ENVIRONMENT_LONG"] !== undefined;

/** Some of the list in the suite, all of it in the long version. */
export const share = <A>(list: ReadonlyArray<A>, ...positions: ReadonlyArray<number>): ReadonlyArray<A> =>
  isLong ? list : positions.map((position) => list[position]!);

const firstNight = "2024-02-20T06:00:00Z";
const secondNight = "2024-03-02T06:00:00Z";
export const months = ["2024-01", "2024-02", "2024-03"];

export interface Place {
  readonly simulator: Simulator;
  readonly dataDir: string;
  readonly env: Environment;
}

/** A service with two sources, and a directory that is not there yet. */
export const emptyPlace: Effect.Effect<Place, never, Scope.Scope> = Effect.gen(function* () {
  const workspaces = [{ sources: 2, from: "2024-01" }];
  const simulator = yield* Effect.orDie(startSimulator({ now: secondNight, workspaces }));
  const dataDir = join(yield* temporaryDirectory, "data");
  return { simulator, dataDir, env: pointedAt(simulator, secondNight) };
});

/** The same with what a first night left: January, and a part of February. */
export const heldPlace = (...flags: ReadonlyArray<string>): Effect.Effect<Place, never, Scope.Scope> =>
  Effect.gen(function* () {
    const place = yield* emptyPlace;
    place.simulator.setNow(firstNight);
    const first = { ...place.env, SEGMETER_NOW: firstNight };
    assertCode(yield* segmeter(backfill(place.dataDir, ...flags), { env: first }), 0);
    place.simulator.setNow(secondNight);
    return place;
  });

/** The same directory once more. */
export const copyOf = Effect.fnUntraced(function* (place: Place) {
  const dataDir = join(yield* temporaryDirectory, "data");
  yield* Effect.promise(() => cp(place.dataDir, dataDir, { recursive: true }));
  return { ...place, dataDir };
});

export interface Fault {
  readonly at: string;
  readonly nth?: number;
  readonly ever?: boolean;
  readonly fail?: string;
  readonly remove?: string;
  readonly jump?: number;
}

const preload = new URL("Faults.js", import.meta.url).href;

/** What a command is given so that its environment is spoiled. */
export const spoiled = (dataDir: string, fault: Fault | undefined, clock: Environment = {}): Environment => ({
  NODE_OPTIONS: `--import=${preload}`,
  FAULT_DIR: dataDir,
  FAULT: JSON.stringify(fault ?? {}),
  ...clock,
});

/** The command that the first night's directory, or none, is brought to {@link months} by. */
export const backfill = (dataDir: string, ...flags: ReadonlyArray<string>): ReadonlyArray<string> => [
  "backfill",
  "--from",
  "2024-01",
  "--data-dir",
  dataDir,
  ...flags,
];

export const heldIn = ({ dataDir }: Pick<Place, "dataDir">) => Effect.promise(() => contentsOf(dataDir));

type Held = Effect.Success<ReturnType<typeof heldIn>>;

/** Every row that was there is there; days of an open month may have come. `except`: tables of which something was taken away. */
export const assertNothingLost = (before: Held, after: Held, except: ReadonlyArray<string> = []): void => {
  for (const sink of ["parquet", "duckdb"] as const) {
    for (const [table, rows] of Object.entries(before[sink] as Contents)) {
      if (except.includes(`${sink} ${table}`) || table === "workspaces" || table === "sources") continue;
      const there = new Set(after[sink][table]);
      assert.deepStrictEqual(
        rows.filter((row) => !there.has(row)),
        [],
        `${sink} ${table} has lost or altered rows`,
      );
    }
  }
};

/** The last line says what, why and what to do; nothing shows the program's insides. */
export const assertSays = ({ stderr }: Pick<Ended, "stderr">, says: RegExp): void => {
  const [last = ""] = stderr.trimEnd().split("\n").slice(-1);
  assert.match(last, /^segmeter: [^:]+: .+\. [A-Z].+\.$/);
  assert.match(last, says);
  assert.strictEqual(stderr.match(/^segmeter: /gm)?.length, 1);
  assertNoStack(stderr);
};

/** Either the run could not go on, or some of its partitions failed; each sentence has its reason. */
export const assertFails = ({ stderr }: Pick<Ended, "stderr">, says: RegExp): void => {
  const sentences = stderr.split("\n").filter((line) => /^(segmeter|failed): /.test(line));
  assert.isNotEmpty(sentences, stderr);
  for (const line of sentences) {
    assert.match(line, /^(segmeter|failed: [^:]+): [^:]+: .+\. [A-Z].+\.$/);
    assert.match(line, says);
  }
  assertNoStack(stderr);
};

/** After the fault: one good run has all the truth in both sinks, no file is left over, and nothing is found amiss. */
export const assertMended = Effect.fnUntraced(function* (
  { dataDir, env, simulator }: Place,
  flags: ReadonlyArray<string> = [],
) {
  assertCode(yield* segmeter(backfill(dataDir, ...flags), { env }), 0);
  yield* assertWhole({ dataDir, simulator });
});

const readers = ["DuckDB", "Parquet through hyparquet"] as const;

export const assertWhole = Effect.fnUntraced(function* ({ dataDir, simulator }: Pick<Place, "dataDir" | "simulator">) {
  const { id } = simulator.workspaces[0]!;
  yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, readers }));
  assert.deepStrictEqual(yield* Effect.promise(() => filesBelow(dataDir)), expectedFiles(id, months));
  assertCode(yield* segmeter(["verify", "--data-dir", dataDir]), 0);
});

/** A run in a spoiled environment, as a process of its own. */
export const spoiledRun = (
  { dataDir, env }: Pick<Place, "dataDir" | "env">,
  fault: Fault | undefined,
  flags: ReadonlyArray<string> = [],
  clock: Environment = {},
) => segmeter(backfill(dataDir, ...flags), { env: { ...env, ...spoiled(dataDir, fault, clock) } });
