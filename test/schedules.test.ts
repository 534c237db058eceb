/**
 * The schedules that are there to be copied say what is so: lines that segmeter takes, exit codes that it ends with.
 */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { segmeter } from "../pipelines/test/Command.ts";

const root = resolve(import.meta.dirname, "..");
const read = (name: string): string => readFileSync(resolve(root, name), "utf8");
const schedules = readdirSync(resolve(root, "docs/schedules")).map((name) => `docs/schedules/${name}`);
const guide = read("docs/scheduling.md");

/** The lines of a file that something runs: without comments, and of a document only what it fences. */
const runnable = (name: string): string =>
  (name.endsWith(".md")
    ? [...read(name).matchAll(/^```sh\n(.*?)^```/gms)].map(([, fenced]) => fenced!).join("\n")
    : read(name)
  ).replaceAll(/(^|\s)#.*$/gm, "");

/** The words after `segmeter`, or after the file that it is started by; in YAML they have commas between them. */
const commandLines = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  [...text.matchAll(/(?:(?<=^|[\s[]|\/bin\/)segmeter|src\/main\.ts),? +([a-z]+(?=[\s,\]])[^\n;|&>\]]*)/gm)].map(
    ([, words]) => words!.split(/[\s,]+/).filter((word) => word !== ""),
  );

/** A place that is not there for each path, and a month for the variable that has one: nothing of this machine is touched. */
const harmless = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words.map((word) =>
    word.replace(/^"?\$\{?FROM\}?"?$/, "2024-01").replace(/^"?(?:\/|\$).*$/, "/nonexistent/segmeter"),
  );

const codesIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^\| ([\d, ]+?) +\|/gm)].flatMap(([, codes]) => codes!.split(", "));

describe("docs/schedules", () => {
  // Not with --help, which forgives everything: each line has to come as far as its token, which is not there.
  it.live(
    "have lines that segmeter takes",
    () =>
      Effect.gen(function* () {
        const lines = new Map(
          ["docs/scheduling.md", ...schedules]
            .flatMap((name) => commandLines(runnable(name)).map(harmless))
            .map((words) => [words.join(" "), words]),
        );
        assert.isAbove(lines.size, 4);
        yield* Effect.forEach(
          lines,
          Effect.fnUntraced(function* ([line, words]) {
            const { code, stderr, stdout } = yield* segmeter(words);
            assert.strictEqual(code, 2, `${line}\n${stdout}${stderr}`);
            assert.match(`${stdout}${stderr}`, /There is no token\.|token file \S+ can't be read/, line);
          }),
          { concurrency: 4 },
        );
      }),
    180_000,
  );

  it("run nightly, and are explained", () => {
    for (const name of schedules) assert.include(guide, `(${name.replace("docs/", "")})`);
    for (const [, target] of guide.matchAll(/\]\(([^)#]+)\)/g))
      assert.isTrue(existsSync(resolve(root, "docs", target!)), target);
    for (const name of ["segmeter.cron", "segmeter.service", "github-actions.yml", "kubernetes-cronjob.yaml"]) {
      const commands = commandLines(runnable(`docs/schedules/${name}`)).map(([command]) => command);
      assert.include(commands, "nightly", name);
    }
  });

  it("know the exit codes of README, and try again after none that lasts", () => {
    assert.includeMembers([...codesIn(read("README.md"))], [...codesIn(guide)]);
    assert.isAbove(codesIn(guide).length, 5);
    assert.match(read("docs/schedules/segmeter.service"), /^RestartPreventExitStatus=2 3$/m);
    assert.match(read("docs/schedules/kubernetes-cronjob.yaml"), /FailJob\n.*\n.*\n.*\n +values: \[2, 3\]$/m);
  });

  it("pin what they fetch", () => {
    const [, version] = /pnpm@([\d.]+)/.exec(read("README.md"))!;
    for (const name of ["docs/scheduling.md", ...schedules]) {
      for (const [, other] of read(name).matchAll(/pnpm@([\d.]+)/g)) assert.strictEqual(other, version, name);
      for (const [, uses] of read(name).matchAll(/uses: (.*)$/gm))
        assert.match(uses!, /^[\w/-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });
});
