/**
 * Secrets: the token, and what the service tells of sources that is secret, is nowhere that anything is kept or shown.
 *
 * The token here and every made-up write key and setting hold one word, which is looked for in all that a run says, in every byte
 * that it leaves behind, and in what those bytes are once they are decompressed. What the faults of a service make of it is in
 * `test/faults`.
 */
import { assert, describe, it } from "@effect/vitest";
import { type FaultRule, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  assertCode,
  type Ended,
  finished,
  segmeter,
  start,
  temporaryDirectory,
  until,
} from "../../pipelines/test/Command.ts";
import { filesBelow } from "../../pipelines/test/Held.ts";
import { decompressed, secretIn, secretsBelow, token } from "../faults/Canaries.ts";

const now = "2024-07-20T06:00:00Z";

const service = Effect.suspend(() =>
  startSimulator({ now, latencyMs: 5, workspaces: [{ sources: 3, from: "2024-01", token }] }),
);

const environment = ({ url }: Simulator) => ({ SEGMENT_API_URL: url, SEGMENT_TOKEN: token, SEGMETER_NOW: now });

const backfill = (dataDir: string, ...flags: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["backfill", "--from", "2024-01", "--to", "2024-04", "--data-dir", dataDir].concat(flags);

const holds = (content: string | Buffer): boolean => secretIn(content) !== undefined;

const assertSilent = (ended: Ended): void => {
  assert.isFalse(holds(ended.stdout), `stdout: ${ended.stdout}`);
  assert.isFalse(holds(ended.stderr), `stderr: ${ended.stderr}`);
};

/** No byte of any file, and nothing in it, holds a secret. Returns what was read. */
const assertKeptNowhere = async (dataDir: string): Promise<string> => {
  assert.deepStrictEqual(await secretsBelow(dataDir), []);
  return decompressed(dataDir);
};

/** The command lines of all processes of this machine that can be seen. */
const commandLines = (): ReadonlyArray<string> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [readFileSync(`/proc/${name}/cmdline`, "utf8")];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });

/** A service that fails in many ways, and repeats what it was sent in those in which it can. */
const faults = ({ url }: Simulator): ReadonlyArray<FaultRule> => [
  { kind: "html-502", path: "/usage/mtu/daily", month: "2024-01", times: 2 },
  { kind: "reset", path: "/usage/mtu/sources/daily", month: "2024-01", times: 2 },
  { kind: "status", status: 422, message: `no such token: ${token}`, path: "/usage/mtu/daily", month: "2024-02" },
  {
    kind: "status",
    status: 400,
    message: `Authorization: Bearer ${token}`,
    path: "/usage/api-calls/daily",
    month: "2024-02",
  },
  { kind: "status", status: 403, message: `${token} may not do this`, path: "/usage/mtu/daily", month: "2024-03" },
  {
    kind: "redirect",
    to: `${url}/?access_token=${encodeURIComponent(token)}`,
    path: "/usage/api-calls/daily",
    month: "2024-03",
  },
  { kind: "status", status: 404, message: `${token}`, path: "/usage/mtu/sources/daily", month: "2024-03" },
  { kind: "bad-row", path: "/usage/mtu/daily", month: "2024-04" },
  { kind: "unknown-field", path: "/usage/api-calls/daily", month: "2024-04" },
];

describe.concurrent("the token and the write keys", () => {
  it.live("are told and kept nowhere by runs that go well, nor on any command line", () =>
    Effect.gen(function* () {
      const simulator = yield* service;
      const directory = yield* temporaryDirectory;
      const dataDir = join(directory, "data");
      const running = yield* start(backfill(dataDir, "--json"), { env: environment(simulator) });
      yield* until("usage is asked for", () => simulator.requests.length > 5);
      const lines = commandLines();
      assert.isTrue(
        lines.some((line) => line.includes(dataDir)),
        "the run is among them",
      );
      assert.deepStrictEqual(lines.filter(holds), []);
      const ended = yield* running.ended;
      assertCode(ended, 0);
      assertSilent(ended);
      // What is looked through does hold what the service told, secrets aside.
      const content = yield* Effect.promise(() => assertKeptNowhere(dataDir));
      const sources = simulator.sources(simulator.workspaces[0]!.id);
      assert.isTrue(sources.every(({ writeKeys }) => writeKeys.every(holds)));
      for (const { slug } of sources) assert.include(content, slug);
      assert.include(content, "segmeter.capture_id");

      // From a file, to the other forms of a sink.
      const file = join(directory, "token");
      yield* Effect.promise(() => writeFile(file, `${token}\n`));
      const again = join(directory, "again");
      const { SEGMENT_TOKEN: _, ...env } = environment(simulator);
      const args = ["--token-file", file, "--parquet-encoder", "duckdb", "--dataset", "source-mtu"];
      const words = yield* segmeter(backfill(again, ...args), { env });
      assertCode(words, 0);
      assertSilent(words);
      yield* Effect.promise(() => assertKeptNowhere(again));
      assertSilent(yield* segmeter(["doctor", "--token-file", file, "--data-dir", again], { env }));
    }),
  );

  for (const flags of [[], ["--json"]]) {
    it.live(`nor by a run of a service that fails and echoes them${flags.map((flag) => `, ${flag}`).join("")}`, () =>
      Effect.gen(function* () {
        const simulator = yield* service;
        const dataDir = yield* temporaryDirectory;
        for (const fault of faults(simulator)) simulator.faults.add(fault);
        const args = backfill(dataDir, "--bad-rows", "quarantine", ...flags);
        const ended = yield* segmeter(args, { env: environment(simulator) });
        assertCode(ended, 1);
        assert.deepStrictEqual(
          simulator.faults.list().filter(({ fired }) => fired === 0),
          [],
        );
        assertSilent(ended);
        const content = yield* Effect.promise(() => assertKeptNowhere(dataDir));
        // The echo was told and kept, without the token.
        assert.include(ended.stderr, "Bearer <token>");
        assert.include(content, "Bearer <token>");
        assert.isTrue((yield* Effect.promise(() => filesBelow(dataDir))).some((name) => name.startsWith("rejects/")));
        assert.deepStrictEqual(
          simulator.requests.filter(({ query }) => "access_token" in query),
          [],
        );
      }),
    );
  }

  it.live("nor where the token is refused, or is revoked midway", () =>
    Effect.gen(function* () {
      const simulator = yield* service;
      const dataDir = yield* temporaryDirectory;
      const env = environment(simulator);
      simulator.faults.add({ kind: "status", status: 401, message: `${token} is not known`, path: "/", times: 3 });
      for (const args of [backfill(dataDir), backfill(dataDir, "--json"), ["doctor", "--data-dir", dataDir]]) {
        const refused = yield* segmeter(args, { env });
        assertCode(refused, 3);
        assertSilent(refused);
        assert.include(refused.stdout + refused.stderr, "<token> is not known");
      }
      simulator.faults.add({ kind: "revoked-token", path: "/usage/mtu/sources/daily", month: "2024-04" });
      const revoked = yield* segmeter(backfill(dataDir, "--json"), { env });
      assertCode(revoked, 3);
      assertSilent(revoked);
      assert.isAbove(Number(finished(revoked)["captured"]), 0);
      yield* Effect.promise(() => assertKeptNowhere(dataDir));
    }),
  );
});
