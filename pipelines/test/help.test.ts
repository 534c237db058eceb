/**
 * Help: every command has its own, and what it shows as examples can be typed as it stands.
 */
import { assert, it, layer } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assertCode, finished, pointedAt, segmeter, shell, start, temporaryDirectory, until } from "./Command.ts";
import { openSession } from "./Session.ts";

/** The text of one part of a help page, from its heading to the next. */
const partOf = (help: string, heading: string): string =>
  new RegExp(`^${heading}\\n([^]*?)(?=^[A-Z][A-Z ]+\\n|(?![^]))`, "m").exec(help)?.[1]?.trim() ?? "";

const linesOf = (help: string, heading: string): ReadonlyArray<string> =>
  partOf(help, heading)
    .split("\n")
    .map((line) => line.trim());

const examplesOf = (help: string): ReadonlyArray<string> =>
  linesOf(help, "EXAMPLES").filter((line) => line.startsWith("segmeter "));

/** The words of a line, as a shell would have them; the examples quote with `"` alone. */
const wordsOf = (line: string): ReadonlyArray<string> =>
  line.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));

const helpOf = (...command: ReadonlyArray<string>) =>
  Effect.map(segmeter([...command, "--help"]), (ended) => {
    assertCode(ended, 0);
    assert.strictEqual(ended.stderr, "");
    return ended.stdout;
  });

const commandsOf = (help: string): ReadonlyArray<string> =>
  linesOf(help, "SUBCOMMANDS").map((line) => line.split(/\s+/)[0]!);

/** Every help page: of the tool, and by command. */
class Pages extends Context.Service<Pages, { readonly tool: string; readonly commands: ReadonlyMap<string, string> }>()(
  "test/Pages",
) {}

const pages = Layer.effect(
  Pages,
  Effect.gen(function* () {
    const tool = yield* helpOf();
    const asked = commandsOf(tool).map((command) => Effect.map(helpOf(command), (help) => [command, help] as const));
    return { tool, commands: new Map(yield* Effect.all(asked, { concurrency: 2 })) };
  }),
);

layer(pages, { excludeTestServices: true, concurrent: true })("help", (it) => {
  it.effect("of the tool names every command", () =>
    Effect.gen(function* () {
      const { commands, tool } = yield* Pages;
      assert.includeMembers(
        [...commands.keys()],
        ["backfill", "nightly", "status", "query", "rejects", "verify", "rebuild", "doctor", "simulate"],
      );
      assert.match(partOf(tool, "DESCRIPTION"), /^[A-Z].{30}.*\.$/s);
      assert.isAbove(examplesOf(tool).length, 0);
      for (const line of linesOf(tool, "SUBCOMMANDS")) assert.match(line, /^[a-z]+ {2,}[A-Z].{10}/);
    }),
  );

  it.effect("of each command has a description, and describes each flag", () =>
    Effect.gen(function* () {
      for (const [command, help] of (yield* Pages).commands) {
        assert.match(partOf(help, "DESCRIPTION"), /^[A-Z].{30}.*\.$/s, command);
        assert.match(partOf(help, "USAGE"), new RegExp(`^segmeter ${command} `), command);
        for (const line of linesOf(help, "FLAGS"))
          assert.match(line, /^--[a-z-]+.*? {2,}\S.{9}/, `${command}: ${line}`);
      }
    }),
  );

  it.effect("of each command has examples of it, with flags that it has", () =>
    Effect.gen(function* () {
      for (const [command, help] of (yield* Pages).commands) {
        assert.isAbove(examplesOf(help).length, 0, command);
        for (const example of examplesOf(help)) {
          assert.match(example, new RegExp(`^segmeter ${command}\\b`));
          for (const [flag] of example.replaceAll(/"[^"]*"/g, "").matchAll(/--[a-z-]+/g)) {
            assert.isTrue(
              linesOf(help, "FLAGS").some((line) => line.startsWith(`${flag} `)),
              `${flag} of ${example}`,
            );
          }
        }
      }
    }),
  );

  it.effect("has examples that work as they are typed, one after the other, in an empty directory", () =>
    Effect.gen(function* () {
      const { commands, tool } = yield* Pages;
      const now = "2024-12-20T06:00:00Z";
      const simulator = yield* startSimulator({ now, workspaces: [{ sources: 2, from: "2024-11" }] });
      const cwd = yield* temporaryDirectory;
      const env = pointedAt(simulator, now);
      const inOrder = ["backfill", "nightly", "query", "status", "rejects", "verify", "rebuild"];
      const asks = inOrder.flatMap((command) => examplesOf(commands.get(command) ?? ""));
      // A secret that is mounted where containers have it is not there.
      const examples = new Set([...asks, ...examplesOf(tool)].filter((example) => !example.includes("/run/secrets/")));
      assert.isAtLeast(examples.size, 18);
      const run = yield* openSession;
      for (const example of examples) {
        // What a shell has a part in is left to one; the others need no process of their own.
        const ended = yield* />/.test(example)
          ? shell(example, { cwd, env })
          : run(wordsOf(example).slice(1), env, cwd);
        assertCode(ended, 0);
        if (example.includes("backfill") && example.includes("--json")) finished(ended);
      }
      assert.isTrue(existsSync(join(cwd, "segmeter-data", "segmeter.duckdb")));
      assert.isTrue(existsSync(join(cwd, "top.parquet")));
    }),
  );

  it.effect("has examples of doctor that work, against a service whose clock goes", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator();
      const cwd = yield* temporaryDirectory;
      const env = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: simulator.workspaces[0]!.token };
      const examples = examplesOf((yield* Pages).commands.get("doctor") ?? "");
      assert.isAbove(examples.length, 0);
      for (const example of examples) assertCode(yield* shell(example, { cwd, env }), 0);
    }),
  );

  it.effect("has examples of simulate that start a service", () =>
    Effect.gen(function* () {
      const examples = examplesOf((yield* Pages).commands.get("simulate") ?? "");
      assert.isAbove(examples.length, 0);
      for (const example of examples) {
        // On a port that is free here.
        const running = yield* start([...example.split(" ").slice(1), "--port", "0"]);
        yield* until(example, () => running.stdout().includes("SEGMENT_API_URL="));
        running.kill("SIGINT");
        assertCode(yield* running.ended, 130);
      }
    }),
  );
});

it.live("--version tells the version", () =>
  Effect.gen(function* () {
    const version = yield* segmeter(["--version"]);
    assertCode(version, 0);
    assert.match(version.stdout, /\d+\.\d+\.\d+/);
  }),
);
