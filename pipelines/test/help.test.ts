/**
 * Help: every command has its own, and what it shows as examples can be typed as it stands.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assertCode, finished, pointedAt, segmeter, shell, start, temporaryDirectory, until } from "./Command.ts";

const now = "2025-01-20T06:00:00Z";

/** The text of one part of a help page, from its heading to the next. */
const partOf = (help: string, heading: string): string =>
  new RegExp(`^${heading}\\n([^]*?)(?=^[A-Z][A-Z ]+\\n|(?![^]))`, "m").exec(help)?.[1]?.trim() ?? "";

const examplesOf = (help: string): ReadonlyArray<string> =>
  partOf(help, "EXAMPLES")
    .split("\n")
    .flatMap((line) => (/^\s*segmeter /.test(line) ? [line.trim()] : []));

const helpOf = (...command: ReadonlyArray<string>) =>
  Effect.map(segmeter([...command, "--help"]), (ended) => {
    assertCode(ended, 0);
    assert.strictEqual(ended.stderr, "");
    return ended.stdout;
  });

const commandsOf = (help: string): ReadonlyArray<string> =>
  partOf(help, "SUBCOMMANDS")
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[0]!);

describe.concurrent("help", () => {
  it.live("of the tool names every command, and what it is for", () =>
    Effect.gen(function* () {
      const help = yield* helpOf();
      assert.deepStrictEqual(commandsOf(help), expected(help));
      assert.includeMembers([...commandsOf(help)], ["backfill", "status", "query", "doctor", "simulate"]);
      assert.isAbove(examplesOf(help).length, 0);
      const version = yield* segmeter(["--version"]);
      assertCode(version, 0);
      assert.match(version.stdout, /\d+\.\d+\.\d+/);
      const bare = yield* segmeter([]);
      assert.include(bare.stdout + bare.stderr, "SUBCOMMANDS");
    }),
  );

  it.live("of each command has a description, flags that are described, and examples of flags that there are", () =>
    Effect.gen(function* () {
      for (const command of commandsOf(yield* helpOf())) {
        const help = yield* helpOf(command);
        assert.match(partOf(help, "DESCRIPTION"), /^[A-Z].{30}.*\.$/s, command);
        assert.match(partOf(help, "USAGE"), new RegExp(`^segmeter ${command} `), command);
        const flags = partOf(help, "FLAGS")
          .split("\n")
          .map((line) => line.trim());
        for (const line of flags) assert.match(line, /^--[a-z-]+.*? {2,}\S.{9}/, `${command}: ${line}`);
        const examples = examplesOf(help);
        assert.isAbove(examples.length, 0, command);
        for (const example of examples) {
          assert.match(example, new RegExp(`^segmeter ${command}\\b`));
          for (const [flag] of example.replaceAll(/"[^"]*"/g, "").matchAll(/--[a-z-]+/g)) {
            assert.isTrue(
              flags.some((line) => line.startsWith(`${flag} `)),
              `${flag} of ${example}`,
            );
          }
        }
      }
    }),
  );
});

const expected = (help: string): ReadonlyArray<string> => commandsOf(help).filter((name) => /^[a-z]+$/.test(name));

describe.concurrent("the examples of the help pages, typed as they stand", () => {
  it.live("work, one after the other, in an empty directory", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator({ now, workspaces: [{ sources: 2, from: "2024-11" }] });
      const cwd = yield* temporaryDirectory;
      const env = pointedAt(simulator, now);
      const helps = yield* Effect.forEach(["backfill", "query", "status", "doctor"], (command) => helpOf(command));
      const examples = new Set([...helps.flatMap(examplesOf), ...examplesOf(yield* helpOf())]);
      assert.isAtLeast(examples.size, 10);
      for (const example of examples) {
        // The simulator's clock stands still, and the doctor minds.
        if (example.startsWith("segmeter doctor")) continue;
        const ended = yield* shell(example, { cwd, env });
        assertCode(ended, 0);
        if (example.includes("backfill") && example.includes("--json")) finished(ended);
      }
      assert.isTrue(existsSync(join(cwd, "segmeter-data", "segmeter.duckdb")));
      assert.isTrue(existsSync(join(cwd, "top.parquet")));
    }),
  );

  it.live("of doctor work against a service of today", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator();
      const cwd = yield* temporaryDirectory;
      const env = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: simulator.workspaces[0]!.token };
      for (const example of examplesOf(yield* helpOf("doctor"))) assertCode(yield* shell(example, { cwd, env }), 0);
    }),
  );

  it.live("of simulate start a service", () =>
    Effect.gen(function* () {
      for (const example of examplesOf(yield* helpOf("simulate"))) {
        // On a port that is free here.
        const running = yield* start([...example.split(" ").slice(1), "--port", "0"]);
        yield* until(example, () => running.stdout().includes("SEGMENT_API_URL="));
        running.kill("SIGINT");
        assertCode(yield* running.ended, 130);
      }
    }),
  );
});
