/**
 * A service that cannot be had: no such name, nobody there, silence, a wrong certificate, an answer that drips, an outage, a token
 * that is revoked. The run ends in bounded time and says why; what it committed stays, and the next run asks for the rest alone.
 *
 * The clock of the command goes fifty times as fast, its timers too: its own time-outs and back-offs are waited for, in a fiftieth.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { assertCode, finished, segmeter, temporaryDirectory, usageCalls } from "../../pipelines/test/Command.ts";
import { assertTruth } from "../../pipelines/test/Held.ts";
import { assertFails, assertMended, assertSays, backfill, emptyPlace, type Place, spoiled } from "./Setting.ts";

const { promise } = Effect;
const speed = { CLOCK_SPEED: "50" };

/** Tries of one request: the client's default. */
const tries = 8;

/** A server's port; it is gone when the scope closes. */
const listening = (server: Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    promise(
      () =>
        new Promise<{ readonly port: number; readonly sockets: Set<Socket> }>((resolve) => {
          const sockets = new Set<Socket>();
          server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => {})));
          server.listen(0, "127.0.0.1", () => resolve({ port: (server.address() as AddressInfo).port, sockets }));
        }),
    ),
    ({ sockets }) =>
      Effect.sync(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      }),
  ).pipe(Effect.map(({ port }) => port));

const selfSigned = Effect.gen(function* () {
  const directory = yield* temporaryDirectory;
  const [key, cert] = [join(directory, "key"), join(directory, "cert")];
  const args = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-subj",
    "/CN=localhost",
  ];
  execFileSync("openssl", [...args, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }) as unknown as Server;
});

const fast = ({ dataDir, env }: Place, args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) =>
  segmeter([...args, "--json"], { env: { ...env, ...spoiled(dataDir, undefined, speed), ...more } });

describe("no service", () => {
  it.live("is told by the system's name for it, after all tries and in bounded time", () =>
    Effect.gen(function* () {
      const place = yield* emptyPlace;
      const silent = yield* listening(createServer(() => {}));
      const closing = yield* listening(createServer((socket) => socket.destroy()));
      const plain = new URL(place.simulator.url).port;
      const cases: ReadonlyArray<readonly [string, RegExp]> = [
        ["https://does-not-exist.invalid", /No answer came \((ENOTFOUND|EAI_AGAIN)\)/],
        ["http://127.0.0.1:9", /No answer came \(ECONNREFUSED\)/],
        [`http://127.0.0.1:${silent}`, /No whole answer came in 30 s/],
        [`http://127.0.0.1:${closing}`, /No answer came \((UND_ERR_SOCKET|ECONNRESET)\)/],
        [`https://127.0.0.1:${plain}`, /No answer came \((EPROTO|ERR_SSL\w+)\)/],
        [`https://127.0.0.1:${yield* listening(yield* selfSigned)}`, /No answer came \(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
      ];
      yield* Effect.forEach(
        cases,
        Effect.fnUntraced(function* ([url, says], index) {
          const dataDir = `${place.dataDir}-${index}`;
          const ended = yield* fast({ ...place, dataDir }, backfill(dataDir, "--sink", "parquet"), {
            SEGMENT_API_URL: url,
            SEGMETER_NOW: "",
          });
          assertCode(ended, 1);
          assertSays(ended, says);
          assert.match(ended.stderr, /^segmeter: GET \/: /m);
          assert.include(finished(ended), { captured: 0, failed: 0, requests: tries, retries: tries - 1 });
        }),
        { concurrency: 2 },
      );
    }),
  );
});

/** All of February: what the service refuses while the rest is captured. */
const february = "2024-02";

describe("a service that fails midway", () => {
  it.live(
    "an outage outlasts all tries, some half a minute: what was to be had is kept, and the next run asks for the rest alone",
    () =>
      Effect.gen(function* () {
        const place = yield* emptyPlace;
        const { dataDir, simulator } = place;
        simulator.faults.add({ kind: "status", status: 503, month: february, times: Infinity });
        const ended = yield* fast(place, backfill(dataDir));
        assertCode(ended, 1);
        assertFails(ended, /The service answered 503.*run the command again later\. What was committed is kept\.$/);
        assert.include(finished(ended), { captured: 8, failed: 4 });
        const refused = simulator.requests.filter(({ status }) => status === 503);
        assert.lengthOf(refused, 4 * tries);

        simulator.faults.clear();
        const since = simulator.requests.length;
        yield* assertMended(place);
        const settledAgain = usageCalls(simulator, since).filter((call) => call.includes("2024-01"));
        assert.deepStrictEqual(settledAgain, []);
      }),
  );

  it.live("a body that drips is given up at the time-out, tried again, and fails by name", () =>
    Effect.gen(function* () {
      const place = yield* emptyPlace;
      const { dataDir, simulator } = place;
      simulator.faults.add({
        kind: "slow-body",
        path: "/usage/mtu/sources/daily",
        month: february,
        chunkBytes: 1,
        everyMs: 10,
        times: Infinity,
      });
      const ended = yield* fast(place, backfill(dataDir));
      assertCode(ended, 1);
      assertFails(ended, /source-mtu 2024-02.*No whole answer came in 30 s/);
      assert.include(finished(ended), { captured: 11, failed: 1, retries: tries - 1 });
      simulator.faults.clear();
      yield* assertMended(place);
    }),
  );

  it.live("a token that is revoked ends the run; with a good one the next asks for nothing settled again", () =>
    Effect.gen(function* () {
      const place = yield* emptyPlace;
      const { dataDir, env, simulator } = place;
      simulator.faults.add({ kind: "revoked-token", path: "/usage/mtu/daily", month: february });
      const ended = yield* segmeter(backfill(dataDir, "--concurrency", "1"), { env });
      assertCode(ended, 3);
      assertSays(ended, /401.*Check SEGMENT_TOKEN/);
      yield* promise(() => assertTruth(dataDir, simulator, { months: ["2024-01"], readers: ["DuckDB"] }));
      simulator.faults.clear();
      const since = simulator.requests.length;
      yield* assertMended(place);
      assert.lengthOf(usageCalls(simulator, since), 2 * datasetNames.length);
    }),
  );
});
