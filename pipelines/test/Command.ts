/**
 * The tool as a user has it: a process of its own, which knows of its surroundings only what a test tells it.
 *
 * Guarantees: nothing of the test's own environment reaches the tool, but for where programs and its home lie; a process is
 * gone when its scope closes.
 */
import { assert } from "@effect/vitest";
import type { Simulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The file that the tool is started by. */
const entry = fileURLToPath(new URL("../scripts/segmeter.js", import.meta.url));

export type Environment = Readonly<Record<string, string>>;

export interface Surroundings {
  readonly env?: Environment;
  readonly cwd?: string;
}

/** How a process ended, and all that it said. */
export interface Ended {
  /** Null when a signal ended it, and no code of its own. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Stdout as it came. */
  readonly bytes: Buffer;
}

export interface Running {
  readonly pid: number;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Stdout so far. */
  readonly stdout: () => string;
  readonly ended: Effect.Effect<Ended>;
}

/** What a shell would hand down: where programs lie, and no settings. */
export const inherited: Environment = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/" };

/** Starts any program; it is killed when the scope closes. */
export const startProgram = (
  program: string,
  args: ReadonlyArray<string>,
  { cwd, env }: Surroundings = {},
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        gather(spawn(program, [...args], { cwd: cwd ?? tmpdir(), env: { ...inherited, ...env }, stdio: "pipe" })),
      ),
      ({ child, closed }) =>
        Effect.promise(async () => {
          child.kill("SIGKILL");
          await closed;
        }),
    ),
    ({ child, closed, stdout }): Running => ({
      pid: child.pid!,
      kill: (signal) => void child.kill(signal),
      stdout,
      ended: Effect.promise(() => closed),
    }),
  );

const gather = (child: ChildProcess) => {
  const out: Array<Buffer> = [];
  const err: Array<Buffer> = [];
  child.stdin!.end();
  child.stdout!.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr!.on("data", (chunk: Buffer) => err.push(chunk));
  const stdout = () => Buffer.concat(out).toString();
  const closed = once(child, "close").then(([code, signal]): Ended => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout: stdout(),
    stderr: Buffer.concat(err).toString(),
    bytes: Buffer.concat(out),
  }));
  return { child, closed, stdout };
};

/** Starts the tool. */
export const start = (args: ReadonlyArray<string>, surroundings?: Surroundings) =>
  startProgram(process.execPath, [entry, ...args], surroundings);

/** Runs the tool to its end. */
export const segmeter = (args: ReadonlyArray<string>, surroundings?: Surroundings): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(start(args, surroundings), ({ ended }) => ended));

/** Runs a line of shell, in which `segmeter` is the tool, to its end. */
export const shell = (line: string, { cwd, env }: Surroundings = {}): Effect.Effect<Ended> => {
  const script = `set -o pipefail; segmeter() { "$NODE" "$ENTRY" "$@"; }\n${line}`;
  const within = { NODE: process.execPath, ENTRY: entry, ...env };
  return Effect.scoped(
    Effect.flatMap(
      startProgram("bash", ["-c", script], cwd === undefined ? { env: within } : { cwd, env: within }),
      ({ ended }) => ended,
    ),
  );
};

/** What points the tool at a simulated workspace, at an instant. */
export const pointedAt = (simulator: Simulator, now: string, workspace = 0): Environment => ({
  SEGMENT_API_URL: simulator.url,
  SEGMENT_TOKEN: simulator.workspaces[workspace]!.token,
  SEGMETER_NOW: now,
});

/** A directory that is gone when the scope closes. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-test-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true })),
);

/** Waits until something is so; fails a test in which it never comes to be. */
export const until = (what: string, isSo: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    const deadline = Date.now() + 30_000;
    while (!isSo()) {
      if (Date.now() > deadline) assert.fail(`waited 30 s in vain: ${what}`);
      await setTimeout(5);
    }
  });

export type JsonLine = Readonly<Record<string, unknown>>;

/** Every line as the object that it has to be. */
export const jsonLines = (stdout: string): ReadonlyArray<JsonLine> => {
  assert.isTrue(stdout === "" || stdout.endsWith("\n"), "the last line has its end");
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const value: unknown = JSON.parse(line);
      assert.isTrue(typeof value === "object" && value !== null && !Array.isArray(value), `an object: ${line}`);
      return value as JsonLine;
    });
};

/** The closing line of a run with `--json`. */
export const finished = ({ stdout }: Pick<Ended, "stdout">): JsonLine => {
  const last = jsonLines(stdout).at(-1);
  assert.strictEqual(last?.["event"], "run-finished");
  return last!;
};

/** Fails with all that the tool said unless it ended with this code. */
export const assertCode = (ended: Pick<Ended, "code" | "stdout" | "stderr">, code: number): void =>
  assert.strictEqual(ended.code, code, `exit code\n${ended.stdout}\n${ended.stderr}`);

/** One sentence for a person: a line that names the tool, and nothing of its insides. */
export const assertOneSentence = ({ stderr }: Pick<Ended, "stderr">): void => {
  assert.match(stderr, /^segmeter: .+\n$/);
  assertNoStack(stderr);
};

export const assertNoStack = (text: string): void => {
  assert.notMatch(text, /^\s+at .+:\d+/m);
  assert.notMatch(text, /node:internal|unexpected:|\[object Object\]|undefined/);
};

/** The calls for usage that the service was asked since its log had so many entries: dataset's path and month. */
export const usageCalls = ({ requests }: Simulator, since = 0): ReadonlyArray<string> =>
  requests
    .slice(since)
    .flatMap(({ path, query }) => (path.startsWith("/usage/") ? [`${path} ${query["period"]}`] : []));
