/**
 * Any command line: it ends with a code of the contract, says in one message what was wrong, and writes where it was told to.
 */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest";
import { type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as FastCheck from "fast-check";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { type Environment, jsonLines, pointedAt, start, temporaryDirectory } from "../../pipelines/test/Command.ts";
import type { SessionEnded } from "../../pipelines/test/Session.ts";
import { commandLine, readGrammar } from "./CommandLine.ts";
import { fuzz } from "./Fuzz.ts";
import { makeSessions } from "./Sessions.ts";
import { assertPrintable } from "./Typed.ts";

const now = "2024-02-02T06:00:00Z";

const scope = Effect.runSync(Scope.make());
const parent = await Effect.runPromise(Scope.provide(temporaryDirectory, scope));
for (const name of ["home", "tmp"]) mkdirSync(join(parent, name));
const surroundings: Environment = { HOME: join(parent, "home"), TMPDIR: join(parent, "tmp") };
const sessions = makeSessions(surroundings);
const grammar = await readGrammar(sessions);
let simulator: Simulator;

beforeAll(async () => {
  const starting = startSimulator({ now, workspaces: [{ sources: 1, from: "2024-01" }] });
  simulator = await Effect.runPromise(Scope.provide(starting, scope));
});

afterAll(async () => {
  await sessions.close();
  await Effect.runPromise(Scope.close(scope, Exit.void));
});

const codes = [0, 1, 2, 3, 4];

/** Where this line may write, relative to its working directory. */
const placesOf = (args: ReadonlyArray<string>): ReadonlyArray<string> => [
  "segmeter-data",
  ...args.flatMap((text, index) => {
    const value = text === "--data-dir" ? args[index + 1] : /^--data-dir=([^]*)$/.exec(text)?.[1];
    return value === undefined ? [] : [normalize(value)];
  }),
];

const assertRight = (args: ReadonlyArray<string>, { code, stderr, stdout }: SessionEnded): void => {
  const all = `${stdout}\n${stderr}`;
  assert.include(codes, code, all);
  assert.notMatch(all, /^\s+at .+:\d+|node:internal|unexpected:|\[object Object\]/m);
  assertPrintable(stderr);
  // Effect's CLI goes by whether they are there, not by their value: `--no-version` and `--version=false` tell the version, too.
  const isHelp = args.some((text) => /^(?:-h|-v|--(?:no-)?help|--(?:no-)?version|--completions)/.test(text));
  if (code === 0 || code === 1) {
    const isJson =
      args.includes("--json") && !isHelp && args[0] !== "query" && !args.some((text) => /json=|no-json/.test(text));
    if (isJson) jsonLines(stdout);
    return;
  }
  const messages = stderr.split("\n").filter((line) => line.startsWith("segmeter: "));
  assert.strictEqual(messages.length, 1, `one message: ${JSON.stringify(stderr.slice(0, 2_000))}`);
  assert.isBelow(stderr.length, 40_000);
  if (stdout === "") return;
  // What doctor looked at before it met what is wrong is its report.
  if (args[0] === "doctor" && !args.includes("--json")) assertFindings(stdout);
  else jsonLines(stdout);
};

const finding = /^(?:ok     |warning|failed ) (?:versions|data directory|disk|token|workspace|plan|clock): \S.*$/;

/** The lines that doctor has for people, and nothing else; the last of them says what failed. */
const assertFindings = (stdout: string): void => {
  assertPrintable(stdout);
  const lines = stdout.replace(/\n$/, "").split("\n");
  for (const line of lines) assert.match(line, finding);
  assert.match(lines.at(-1)!, /^failed /);
};

/** A working directory of its own, with a token file in it, for the time of `use`; it says what was made. */
const inPlace = async (args: ReadonlyArray<string>, use: (cwd: string) => Promise<SessionEnded>): Promise<void> => {
  const cwd = mkdtempSync(join(parent, "cwd-"));
  writeFileSync(join(cwd, "token"), simulator.workspaces[0]!.token);
  try {
    assertRight(args, await use(cwd));
    const places = placesOf(args);
    const made = readdirSync(cwd, { recursive: true, encoding: "utf8" }).filter((name) => name !== "token");
    const astray = made.filter(
      (name) =>
        !places.some(
          (place) => place === "." || name === place || name.startsWith(`${place}/`) || place.startsWith(`${name}/`),
        ),
    );
    assert.deepStrictEqual(astray, []);
    assert.deepStrictEqual(readdirSync(join(parent, "home")), []);
    // Node's own.
    assert.deepStrictEqual(
      readdirSync(join(parent, "tmp")).filter((name) => name !== "node-compile-cache"),
      [],
    );
  } finally {
    rmSync(cwd, { recursive: true });
  }
};

/** It serves until it is told to end. */
const serves = (args: ReadonlyArray<string>): boolean => args.includes("simulate");

describe("a command line", () => {
  const lines = commandLine(grammar);

  fuzz(
    "ends as the contract says, with one message, and writes in its data directory",
    20,
    FastCheck.asyncProperty(
      lines.filter((args) => !serves(args)),
      (args) => inPlace(args, (cwd) => sessions.run(args, pointedAt(simulator, now), cwd)),
    ),
  );

  fuzz(
    "does the same as a process of its own; one that serves ends when it is told to",
    2,
    FastCheck.asyncProperty(
      lines.filter((args) => args.every((text) => !text.includes("\0"))),
      (args) =>
        inPlace(args, (cwd) =>
          Effect.runPromise(
            Effect.scoped(
              Effect.gen(function* () {
                const env = { ...surroundings, ...pointedAt(simulator, now) };
                const running = yield* start(args[0] === "simulate" ? [...args, "--port", "0"] : args, { cwd, env });
                const ended = Effect.runPromise(running.ended);
                const poll = setInterval(() => {
                  if (!serves(args) || !/is at http|simulator-started/.test(running.stdout())) return;
                  // Once: a second one would not wait for it to end.
                  clearInterval(poll);
                  running.kill("SIGTERM");
                }, 10);
                const found = yield* Effect.promise(() => ended.finally(() => clearInterval(poll)));
                assert.isNull(found.signal, "it ended by itself");
                if (found.code !== 143) return found;
                assert.isTrue(serves(args));
                assert.strictEqual(found.stderr.trim().split("\n").length, 1);
                return { ...found, code: 0, stdout: args.includes("--json") ? found.stdout : "" };
              }),
            ),
          ),
        ),
    ),
  );
});
