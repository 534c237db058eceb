/**
 * `segmeter simulate`: the service that everything can be tried against.
 */
import { assert, describe, it } from "@effect/vitest";
import { faultKinds } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  assertCode,
  assertNoStack,
  assertOneSentence,
  finished,
  jsonLines,
  segmeter,
  start,
  temporaryDirectory,
  until,
} from "./Command.ts";

interface Started {
  readonly url: string;
  readonly workspaces: ReadonlyArray<{ readonly id: string; readonly token: string }>;
}

const simulate = (...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const running = yield* start(["simulate", "--port", "0", "--json", ...flags]);
    yield* until("the simulator tells where it is", () => running.stdout().endsWith("\n"));
    const [line] = jsonLines(running.stdout());
    assert.strictEqual(line?.["event"], "simulator-started");
    return { running, ...(line as unknown as Started) };
  });

describe.concurrent("simulate", () => {
  it.live("serves a service that a backfill can be made from, with the faults and the limit that are asked for", () =>
    Effect.gen(function* () {
      const flags = ["--sources", "3", "--workspaces", "2", "--since", "2024-01", "--now", "2024-02-20T00:00:00Z"];
      const faults = ["--fault", "html-502:path=/usage/mtu/daily,times=2", "--rate-limit", "100/10"];
      const { running, url, workspaces } = yield* simulate(...flags, ...faults);
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
      assert.strictEqual(workspaces.length, 2);
      const dataDir = yield* temporaryDirectory;
      const env = { SEGMENT_API_URL: url, SEGMENT_TOKEN: workspaces[1]!.token, SEGMETER_NOW: "2024-02-20T00:00:00Z" };
      const ended = yield* segmeter(["backfill", "--from", "2024-01", "--data-dir", dataDir, "--json"], { env });
      assertCode(ended, 0);
      assert.include(finished(ended), { captured: 8, retries: 2 });
      const answer = yield* Effect.promise(() =>
        fetch(`${url}/`, { headers: { Authorization: `Bearer ${workspaces[0]!.token}` } }),
      );
      assert.strictEqual(answer.headers.get("x-ratelimit-remaining"), "99");

      running.kill("SIGINT");
      const stopped = yield* running.ended;
      assertCode(stopped, 130);
      assertNoStack(stopped.stderr);
      assert.strictEqual(jsonLines(stopped.stdout).length, 1);
    }),
  );

  it.live("tells a person what to type next", () =>
    Effect.gen(function* () {
      const running = yield* start(["simulate", "--port", "0"]);
      yield* until("the simulator tells where it is", () => running.stdout().includes("segmeter backfill"));
      running.kill("SIGTERM");
      const { code, stdout } = yield* running.ended;
      assert.strictEqual(code, 143);
      assert.match(
        stdout,
        /export SEGMENT_API_URL=http:\/\/127\.0\.0\.1:\d+ SEGMENT_TOKEN=\S+\n {2}segmeter backfill --from 2024-01\n/,
      );
    }),
  );

  it.live("lists every fault with what it does", () =>
    Effect.gen(function* () {
      const ended = yield* segmeter(["simulate", "--list-faults"]);
      assertCode(ended, 0);
      assert.strictEqual(
        ended.stdout,
        faultKinds.map(({ description, kind }) => `${kind}\n    ${description}\n`).join(""),
      );
    }),
  );

  for (const [flags, says] of [
    [["--fault", "flood"], /"flood".*no such kind.*html-502.*--list-faults/],
    [["--fault", "html-502:times=0"], /times/],
    [["--rate-limit", "50"], /--rate-limit "50" is no limit.*50\/60/],
    [["--since", "2024-13"], /2024-13|YYYY-MM/],
    [["--port", "70000"], /--port.*65535/],
  ] as const) {
    it.live(`${flags.join(" ")} is bad usage`, () =>
      Effect.gen(function* () {
        const ended = yield* segmeter(["simulate", ...flags]);
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, says);
        assert.strictEqual(ended.stdout, "");
      }),
    );
  }

  it.live("a port that is taken is bad usage", () =>
    Effect.gen(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const server = createServer();
          await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
          return server;
        }),
        (server) => Effect.sync(() => server.close()),
      ).pipe(Effect.map((server) => (server.address() as AddressInfo).port));
      const ended = yield* segmeter(["simulate", "--port", String(port)]);
      assertCode(ended, 2);
      assertOneSentence(ended);
      assert.match(ended.stderr, new RegExp(`port ${port}.*--port 0`));
    }),
  );
});
