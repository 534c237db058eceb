/**
 * One writer: whoever comes second is told who holds the directory, and readers are in nobody's way; the lock ends with its
 * process, however that ends.
 */
import { assert, describe, it } from "@effect/vitest";
import { type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import {
  assertCode,
  assertOneSentence,
  jsonLines,
  pointedAt,
  type Running,
  segmeter,
  start,
  temporaryDirectory,
  until,
} from "./Command.ts";
import { expectedFiles, filesBelow } from "./Held.ts";
import { openSession } from "./Session.ts";

const { promise } = Effect;
const now = "2024-02-10T06:00:00Z";
const world = { now, workspaces: [{ sources: 2, from: "2024-01" }] } as const;
const months = ["2024-01", "2024-02"];

/** All but one partition come at once; that one never does. */
const stuck = (simulator: Simulator): void =>
  simulator.faults.add({ kind: "hang", path: "/usage/mtu/sources/daily", month: "2024-02", times: Infinity });

const captured = ({ stdout }: Running): number => stdout().split('"partition-captured"').length - 1;

const lockOf = (dataDir: string): string => join(dataDir, ".lock");

describe("one writer", () => {
  it.live(
    "a second one is told who the first is; readers read on, and say so; a kill frees the directory at once",
    () =>
      Effect.gen(function* () {
        const simulator = yield* startSimulator(world);
        const env = pointedAt(simulator, now);
        const dataDir = join(yield* temporaryDirectory, "data");
        stuck(simulator);
        const holder = yield* start(["backfill", "--from", "2024-01", "--data-dir", dataDir, "--json"], { env });
        yield* until("all the others are captured", () => captured(holder) === 7);
        const run = yield* openSession;
        const requests = simulator.requests.length;
        const since = String(
          (JSON.parse(yield* promise(() => readFile(lockOf(dataDir), "utf8"))) as Record<string, unknown>)["since"],
        );
        assert.match(since, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/);
        const who = `held by process ${holder.pid} on ${hostname()} (segmeter backfill), since ${since}`;
        for (const command of [
          ["nightly"],
          ["nightly", "--sink", "parquet"],
          ["backfill", "--from", "2024-01", "--sink", "duckdb"],
          ["verify"],
          ["verify", "--repair"],
          ["rebuild"],
        ]) {
          const second = yield* run([...command, "--data-dir", dataDir], env);
          assertCode(second, 4);
          assertOneSentence(second);
          assert.include(second.stderr, `${who}.`, command.join(" "));
          assert.strictEqual(second.stdout, "");
        }
        assert.strictEqual(simulator.requests.length, requests);

        const status = yield* run(["status", "--data-dir", dataDir, "--json"]);
        assertCode(status, 0);
        assert.strictEqual(status.stderr, `note: ${dataDir} is ${who}; this is what parquet shows of it now.\n`);
        assert.strictEqual(jsonLines(status.stdout).filter(({ outcome }) => outcome === "captured").length, 7);
        const query = yield* run([
          "query",
          "--data-dir",
          dataDir,
          "--format",
          "ndjson",
          "SELECT count(*) AS n FROM captures",
        ]);
        assertCode(query, 0);
        assert.strictEqual(query.stdout, '{"n":7}\n');
        assert.match(query.stderr, new RegExp(`^note: .*held by process ${holder.pid}.*\\n$`));
        assertCode(yield* run(["rejects", "--data-dir", dataDir]), 0);

        holder.kill("SIGKILL");
        yield* holder.ended;
        assert.isTrue(existsSync(lockOf(dataDir)), "what a kill leaves behind");
        const idle = yield* run(["status", "--data-dir", dataDir]);
        assertCode(idle, 0);
        assert.strictEqual(idle.stderr, "");
        simulator.faults.clear();
        assertCode(yield* run(["backfill", "--from", "2024-01", "--data-dir", dataDir], env), 0);
        const files = yield* promise(() => filesBelow(dataDir));
        assert.deepStrictEqual(files, expectedFiles(simulator.workspaces[0]!.id, months));

        // Nor is a file in anybody's way that only says that somebody has the directory.
        const holders = [
          { pid: holder.pid, host: hostname(), command: "nightly", since },
          { pid: 1, host: "another", command: "nightly", since },
          "not JSON",
        ];
        for (const text of holders) {
          yield* promise(() => writeFile(lockOf(dataDir), typeof text === "string" ? text : JSON.stringify(text)));
          assertCode(yield* run(["verify", "--data-dir", dataDir]), 0);
          assert.isFalse(existsSync(lockOf(dataDir)));
        }
      }),
  );

  it.live("of two that start in one instant exactly one goes on, however the last one ended", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const env = pointedAt(simulator, now);
      const dataDir = join(yield* temporaryDirectory, "data");
      simulator.faults.add({ kind: "hang", path: "/", times: Infinity });
      for (const [round, signal] of (["SIGKILL", "SIGKILL", "SIGTERM"] as const).entries()) {
        const args = ["nightly", "--data-dir", dataDir, "--sink", "parquet"];
        const both = yield* Effect.all([start(args, { env }), start(args, { env })]);
        const over: Array<Running> = [];
        for (const one of both) {
          void Effect.runPromise(Effect.tap(one.ended, () => Effect.sync(() => over.push(one))));
        }
        yield* until("one has ended, and the other has asked for the workspace", () => {
          return over.length > 0 && simulator.requests.length > round;
        });
        const [loser] = over;
        const winner = both.find((one) => one !== loser)!;
        const told = yield* loser!.ended;
        assertCode(told, 4);
        assertOneSentence(told);
        assert.strictEqual(simulator.requests.length, round + 1);
        winner.kill(signal);
        assert.strictEqual((yield* winner.ended).code, signal === "SIGKILL" ? null : 143);
      }
      assert.isFalse(existsSync(lockOf(dataDir)), "after an interruption");
    }),
  );

  it.live("the lock is gone after a run that failed", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const env = pointedAt(simulator, now);
      const dataDir = join(yield* temporaryDirectory, "data");
      const run = yield* openSession;
      const refused = yield* run(["nightly", "--data-dir", dataDir], { ...env, SEGMENT_TOKEN: "another" });
      assertCode(refused, 3);
      assert.isFalse(existsSync(lockOf(dataDir)));
      simulator.faults.add({ kind: "bad-row", path: "/usage/mtu/daily", times: Infinity });
      assertCode(yield* run(["nightly", "--data-dir", dataDir], env), 1);
      assert.isFalse(existsSync(lockOf(dataDir)));
      // It is made for the run alone, and for its user alone: others see neither it nor its words.
      simulator.faults.add({ kind: "hang", path: "/", times: Infinity });
      const since = simulator.requests.length;
      const running = yield* start(["nightly", "--data-dir", dataDir], { env });
      yield* until("the workspace is asked for", () => simulator.requests.length > since);
      running.kill("SIGINT");
      assertCode(yield* running.ended, 130);
      assert.isFalse(existsSync(lockOf(dataDir)));
    }),
  );

  it.live("a dry run needs no lock, and makes none", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator(world);
      const dataDir = join(yield* temporaryDirectory, "data");
      assertCode(
        yield* segmeter(["nightly", "--dry-run", "--data-dir", dataDir], { env: pointedAt(simulator, now) }),
        0,
      );
      assert.isFalse(existsSync(dataDir));
    }),
  );
});
