/**
 * `segmeter doctor`: a line a check, and an exit code that says whether a run would do.
 */
import { assert, describe, it } from "@effect/vitest";
import { type SimulatorOptions, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertCode, assertNoStack, type Ended, jsonLines, segmeter, temporaryDirectory } from "./Command.ts";
import { fingerprint } from "./Held.ts";

const findingsOf = ({ stdout }: Ended): Readonly<Record<string, string>> =>
  Object.fromEntries(
    jsonLines(stdout).map(({ check, detail, event, state }) => {
      assert.strictEqual(event, "checked");
      assert.match(String(detail), /./);
      return [String(check), String(state)];
    }),
  );

const whole = {
  versions: "ok",
  "data directory": "ok",
  disk: "ok",
  token: "ok",
  workspace: "ok",
  plan: "ok",
  clock: "ok",
};

describe.concurrent("doctor", () => {
  it.live("all is well: 0, and nothing is made", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator();
      const [workspace] = simulator.workspaces;
      const cwd = yield* temporaryDirectory;
      const env = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: workspace!.token };
      const json = yield* segmeter(["doctor", "--json"], { cwd, env });
      assertCode(json, 0);
      // How full this machine's disk is, is no matter of this test.
      assert.deepStrictEqual<object>({ ...findingsOf(json), disk: "ok" }, whole);
      const words = yield* segmeter(["doctor", "--data-dir", "a/b/c"], { cwd, env });
      assertCode(words, 0);
      for (const check of Object.keys(whole))
        assert.match(words.stdout, new RegExp(`^(ok|warning) +${check}: .+$`, "m"));
      assert.include(words.stdout, `${workspace!.name} (${workspace!.slug}, ${workspace!.id})`);
      assert.strictEqual(words.stderr, "");
      assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(cwd)), {});
    }),
  );

  const cases: ReadonlyArray<{
    readonly name: string;
    readonly service?: SimulatorOptions;
    readonly token?: string;
    readonly code: number;
    readonly failed: string;
    readonly says: RegExp;
  }> = [
    { name: "a token that is refused: 3", token: "another", code: 3, failed: "token", says: /401.*SEGMENT_TOKEN/ },
    {
      name: "a token of the other region: 3",
      service: { region: "eu" },
      code: 3,
      failed: "token",
      says: /EU-hosted.*--region/,
    },
    { name: "a plan without the feature: 1", service: { plan: "free" }, code: 1, failed: "plan", says: /403.*plan/ },
  ];

  for (const { code, failed, name, says, service, token } of cases) {
    it.live(name, () =>
      Effect.gen(function* () {
        const simulator = yield* startSimulator(service);
        const cwd = yield* temporaryDirectory;
        const env = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: token ?? simulator.workspaces[0]!.token };
        const ended = yield* segmeter(["doctor", "--json"], { cwd, env });
        assertCode(ended, code);
        const lines = jsonLines(ended.stdout).filter(({ state }) => state === "failed");
        assert.deepStrictEqual(
          lines.map(({ check }) => check),
          [failed],
        );
        assert.match(String(lines[0]?.["detail"]), says);
        assertNoStack(ended.stderr);
      }),
    );
  }

  it.live("a service that cannot be reached: 1, within seconds", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      // Port 9 takes nobody's calls.
      const env = { SEGMENT_API_URL: "http://127.0.0.1:9", SEGMENT_TOKEN: "any" };
      const since = Date.now();
      const ended = yield* segmeter(["doctor"], { cwd, env });
      assertCode(ended, 1);
      assert.isBelow(Date.now() - since, 10_000);
      assert.match(ended.stdout, /^failed +token: GET \/: No answer came \(ECONNREFUSED\)\. .*--api-url/m);
      assertNoStack(ended.stdout);
    }),
  );

  it.live("no token: 2, and the other checks are made all the same", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      const ended = yield* segmeter(["doctor", "--json"], { cwd });
      assertCode(ended, 2);
      assert.include(findingsOf(ended), { versions: "ok", "data directory": "ok", token: "failed" });
      assert.match(ended.stderr, /^segmeter: There is no token\. .+\n$/);
    }),
  );

  it.live("a clock that is set although the service is a real one: 2, and said in the report", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      const env = { SEGMENT_TOKEN: "any", SEGMETER_NOW: "2024-03-01T02:00:00Z" };
      const ended = yield* segmeter(["doctor", "--json"], { cwd, env });
      assertCode(ended, 2);
      assert.strictEqual(findingsOf(ended)["clock"], "failed");
    }),
  );

  it.live("nothing in what is reported steers a terminal", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      const ended = yield* segmeter(["doctor", "--data-dir", "a\n\u001b[31mb"], { cwd });
      assertCode(ended, 2);
      assert.include(ended.stdout, String.raw`/a\n\u001b[31mb, to be made in`);
    }),
  );

  it.live("a data directory that is a file, or lies below one: 1", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator();
      const cwd = yield* temporaryDirectory;
      yield* Effect.promise(async () => {
        await mkdir(join(cwd, "there"));
        await writeFile(join(cwd, "there", "notes"), "mine");
      });
      const env = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: simulator.workspaces[0]!.token };
      for (const dataDir of ["there/notes", "there/notes/data"]) {
        const ended = yield* segmeter(["doctor", "--json", "--data-dir", dataDir], { cwd, env });
        assertCode(ended, 1);
        const { disk: _, ...found } = findingsOf(ended);
        const { disk: __, ...others } = whole;
        assert.deepStrictEqual(found, { ...others, "data directory": "failed" }, dataDir);
      }
    }),
  );
});
