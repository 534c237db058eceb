/**
 * What the program reads as settings, whatever is in it: the environment, the token file, the simulator's options and faults.
 */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest";
import { parseFault, faultKinds, resolveConfig, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Result from "effect/Result";
import * as Scope from "effect/Scope";
import * as FastCheck from "fast-check";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertOneSentence, jsonLines, pointedAt, temporaryDirectory } from "../../pipelines/test/Command.ts";
import type { SessionEnded } from "../../pipelines/test/Session.ts";
import { fuzz } from "./Fuzz.ts";
import { makeSessions } from "./Sessions.ts";
import { assertPrintable } from "./Typed.ts";
import { isoText } from "./WireText.ts";

const { constant, constantFrom, oneof } = FastCheck;
const now = "2024-02-02T06:00:00Z";

const scope = Effect.runSync(Scope.make());
const sessions = makeSessions();
let simulator: Simulator;
let cwd: string;

beforeAll(async () => {
  const opened = Effect.gen(function* () {
    const started = yield* startSimulator({ now, workspaces: [{ sources: 1, from: "2024-01" }] });
    return { simulator: started, cwd: yield* temporaryDirectory };
  });
  ({ cwd, simulator } = await Effect.runPromise(Scope.provide(opened, scope)));
});

afterAll(async () => {
  await sessions.close();
  await Effect.runPromise(Scope.close(scope, Exit.void));
});

/** A code of the contract, in words without the token, and nothing made. */
const assertTold = (ended: SessionEnded, token: string | undefined): void => {
  const { code, stderr, stdout } = ended;
  const all = `${stdout}\n${stderr}`;
  assert.include([0, 1, 2, 3], code, all);
  assert.notMatch(all, /^\s+at .+:\d+|node:internal|unexpected:|\[object Object\]/m);
  assertPrintable(stderr);
  jsonLines(stdout);
  if (code === 2) assertOneSentence(ended);
  if (token !== undefined) assert.notInclude(all, token);
  assert.deepStrictEqual(
    readdirSync(cwd).filter((name) => name !== "token"),
    [],
  );
};

/** The token, if a text that has it in it can have it from nowhere else. */
const tellingToken = (token: string, others: ReadonlyArray<string>): string | undefined =>
  token.trim().length > 7 &&
  !others.some((other) => other.includes(token.trim()) || (other !== "" && token.includes(other)))
    ? token.trim()
    : undefined;

const anyText = oneof(
  FastCheck.string({ unit: "binary" }),
  constantFrom("", " ", "\n", "\u001b[31m", "é", "\u{1f600}", "${HOME}", "a b", "a\r\nX-Other: b", "\u00a0"),
  FastCheck.integer({ min: 10, max: 100_000 }).map((length) => "x".repeat(length)),
).map((text) => text.replaceAll("\0", ""));

/** `HERE` is the simulator. No name that would have to be looked up. */
const url = oneof(
  { weight: 6, arbitrary: constant("HERE") },
  {
    weight: 2,
    arbitrary: constantFrom(
      "HERE/",
      "HERE/segment",
      "HERE/%2e%2e/a",
      "HERE?a=b",
      "HERE#a",
      " HERE ",
      "HERE/é🎉",
      "HERE//",
    ),
  },
  {
    weight: 2,
    arbitrary: constantFrom(
      "http://",
      "https://",
      "http://u:p@127.0.0.1",
      "file:///etc/passwd",
      "javascript:1",
      "http://127.0.0.1.example",
    ),
  },
  { weight: 2, arbitrary: anyText.map((text) => (/^\s*https?:/i.test(text) ? "" : text)) },
);

const commands = constantFrom(
  ["nightly", "--dry-run", "--json"],
  ["doctor", "--json"],
  ["verify", "--against-service", "--from", "2024-01", "--json"],
);

describe("settings", () => {
  fuzz(
    "in the environment are taken, or refused in one sentence",
    10,
    FastCheck.asyncProperty(
      commands,
      FastCheck.record(
        {
          SEGMENT_TOKEN: oneof(constant("TOKEN"), constant("TOKEN\n"), anyText),
          SEGMENT_API_URL: url,
          SEGMENT_REGION: oneof(constantFrom("us", "eu", " EU", "ap"), anyText),
          SEGMETER_NOW: oneof(constant(now), isoText, anyText),
        },
        { requiredKeys: ["SEGMENT_API_URL", "SEGMENT_TOKEN"] },
      ),
      async (args, given) => {
        // Without one, it would be the real service's.
        const address = given.SEGMENT_API_URL.trim() === "" ? "HERE" : given.SEGMENT_API_URL;
        const env = {
          ...given,
          SEGMENT_API_URL: address.replace("HERE", simulator.url),
          SEGMENT_TOKEN: given.SEGMENT_TOKEN.replace("TOKEN", simulator.workspaces[0]!.token),
        };
        const { SEGMENT_TOKEN: token, ...others } = env;
        assertTold(await sessions.run(args, env, cwd), tellingToken(token, [...args, ...Object.values(others)]));
      },
    ),
  );

  const token = oneof(
    FastCheck.uint8Array({ maxLength: 300 }),
    anyText.map((text) => Buffer.from(text)),
    constantFrom(
      "TOKEN",
      "TOKEN\n",
      "\uFEFFTOKEN\r\n",
      "TOKEN TOKEN",
      "TOKEN\0",
      "x".repeat(5_000_000),
      "directory",
      "missing",
    ).map((text) => Buffer.from(text)),
  );

  fuzz(
    "in a token file are a token, or refused in one sentence",
    10,
    FastCheck.asyncProperty(commands, token, async (args, bytes) => {
      const path = join(cwd, "token");
      const text = Buffer.from(bytes).toString("latin1").replaceAll("TOKEN", simulator.workspaces[0]!.token);
      if (text === "directory") mkdirSync(path);
      else if (text !== "missing") writeFileSync(path, Buffer.from(text, "latin1"));
      const { SEGMENT_TOKEN: _, ...env } = pointedAt(simulator, now);
      const ended = await sessions.run([...args, "--token-file", "token"], env, cwd);
      rmSync(path, { recursive: true, force: true });
      if (text.trim().length > 5_000) assert.strictEqual(ended.code, 2);
      assertTold(ended, tellingToken(Buffer.from(text, "latin1").toString(), ["directory", "missing"]));
    }),
  );

  const options: FastCheck.Arbitrary<Record<string, unknown>> = FastCheck.record(
    {
      port: oneof(FastCheck.nat(70_000), FastCheck.jsonValue()),
      seed: oneof(FastCheck.nat(), FastCheck.double()),
      workspaces: oneof(
        FastCheck.array(
          FastCheck.record({ sources: FastCheck.integer(), from: constantFrom("2024-01", "2024-13", 1) }),
        ),
        FastCheck.jsonValue(),
      ),
      now: oneof(isoText, FastCheck.jsonValue()),
      latencyMs: oneof(FastCheck.nat(9), FastCheck.jsonValue()),
      rateLimit: oneof(constant({ limit: 5 }), FastCheck.jsonValue()),
      counts: oneof(constantFrom("huge", "business", "Huge"), FastCheck.jsonValue()),
    },
    { requiredKeys: [] },
  );

  fuzz(
    "of the simulator are taken, or refused by name; unknown ones are refused",
    60,
    FastCheck.asyncProperty(
      options,
      oneof(constant(undefined), FastCheck.string({ unit: "binary", minLength: 1 })),
      async (given, key) => {
        const extra =
          key === undefined || key in given || ["plan", "region", "counts"].includes(key) ? {} : { [`${key}!`]: 1 };
        const result = await Effect.runPromise(Effect.result(resolveConfig({ ...given, ...extra } as never)));
        if (Object.keys(extra).length > 0) assert.isTrue(Result.isFailure(result), "an unknown key passed");
        if (Result.isFailure(result)) {
          assert.strictEqual(result.failure._tag, "SimulatorError");
          assert.isNotEmpty(result.failure.hint);
        }
      },
    ),
  );

  const parameter = FastCheck.tuple(
    oneof(
      constantFrom("path", "month", "times", "page", "status", "variant", "row", "to", "by", "__proto__", "kind"),
      FastCheck.string(),
    ),
    constantFrom("=", "", "=="),
    oneof(
      constantFrom("1", "-1", "Infinity", "1e9", "/usage/mtu/daily", "2024-01", "last", "decimal", "0.5", "NaN", ""),
      FastCheck.string(),
    ),
  ).map((parts) => parts.join(""));

  fuzz(
    "of a fault are a rule, or refused with its text",
    60,
    FastCheck.property(
      oneof(
        FastCheck.string({ unit: "binary" }),
        FastCheck.tuple(
          constantFrom(...faultKinds.map(({ kind }) => kind), "constructor"),
          FastCheck.array(parameter, { maxLength: 3 }),
        ).map(([kind, parameters]) => `${kind}:${parameters.join(",")}`),
      ),
      (text) => {
        const result = parseFault(text);
        if (Result.isFailure(result)) {
          assert.strictEqual(result.failure._tag, "FaultSyntaxError");
          assert.notMatch(result.failure.hint, /\n/);
          return;
        }
        const known = /^([\w-]+):?([^]*)$/.exec(text.trim());
        assert.strictEqual(result.success.kind, known?.[1] as never);
      },
    ),
  );
});
