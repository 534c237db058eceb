/**
 * A share of the matrix by the real command: exit codes, what it prints, and where the token goes; also when it is sent elsewhere.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames, datasets, type FaultRule, type Simulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { assertCode, assertNoStack, type Ended, segmeter, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { received, secretIn, secretsBelow, strayed, token } from "./Canaries.ts";
import { difference, holdings, leftovers, truthAt } from "./Holding.ts";
import { type Place, restate, service, today } from "./Setting.ts";
import { selfSigned, type Certificate } from "./SelfSigned.ts";

const { promise } = Effect;
const sinks = ["parquet", "duckdb"] as const;

const months = ["2024-01", "2024-02"];
const places = months.flatMap((month) => datasetNames.map((dataset): Place => ({ dataset, month })));

const backfill = (dataDir: string, ...flags: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["backfill", "--from", months[0]!, "--to", months[1]!, "--page-size", "2", "--settle-days", "3650"].concat(
    ["--data-dir", dataDir],
    flags,
  );

const pointed = ({ url }: Pick<Simulator, "url">) => ({
  SEGMENT_API_URL: url,
  SEGMENT_TOKEN: token,
  SEGMETER_NOW: today,
});

const assertFit = ({ stderr, stdout }: Ended): void => {
  for (const text of [stdout, stderr]) {
    assert.isUndefined(secretIn(text), text);
    assertNoStack(text);
  }
};

/** The services of this file: the token is meant for them. */
const services: Array<Simulator> = [];
const newService = Effect.tap(service, (simulator) => Effect.sync(() => void services.push(simulator)));

/** Where nobody is meant to come: it takes note of whoever does. */
const elsewhere = (certificate?: Certificate, answer: RequestListener = (_, response) => void response.end("{}")) =>
  Effect.map(
    Effect.acquireRelease(
      promise(async () => {
        const visits: Array<string> = [];
        const listener: RequestListener = (request, response) => {
          visits.push(`${request.url} ${request.headers.authorization}`);
          answer(request, response);
        };
        const server = certificate === undefined ? createServer(listener) : createSecureServer(certificate, listener);
        await once(server.listen(0), "listening");
        return { server, visits };
      }),
      ({ server }) =>
        Effect.sync(() => {
          server.close();
          server.closeAllConnections();
        }),
    ),
    ({ server, visits }) => ({ port: (server.address() as AddressInfo).port, visits }),
  );

/** Faults each in a partition of its own, in the order of the places; undefined: none. */
const faults: ReadonlyArray<readonly [FaultRule | undefined, RegExp | undefined]> = [
  [{ kind: "reset", page: 1 }, undefined],
  [
    { kind: "status", status: 400, message: `Authorization: Bearer ${token}`, page: "last" },
    /"Authorization: Bearer <token>"/,
  ],
  [{ kind: "dropped-rows", page: 1 }, undefined],
  [{ kind: "status", status: 404, page: "last" }, /A later page was not found/],
  [{ kind: "html-502", page: 0 }, undefined],
  [{ kind: "shifted-page", page: "last", times: Infinity }, /pages have no end/],
  [undefined, undefined],
  [{ kind: "conflicting-row", page: 1 }, /Two different figures/],
];

describe.concurrent("the command, against a service that fails", () => {
  for (const flags of [["--json"]]) {
    it.live(`ends as the model says${flags.map((flag) => `, ${flag}`).join("")}`, () =>
      Effect.gen(function* () {
        const simulator = yield* newService;
        const requests = yield* received;
        const dataDir = yield* temporaryDirectory;
        const env = pointed(simulator);
        assertCode(yield* segmeter(backfill(dataDir).with(4, "2024-01"), { env }), 0);
        const before = new Map(
          places.map((place) => [place, place.month === "2024-01" ? truthAt(simulator, place) : []]),
        );
        for (const month of months) restate(simulator, month);
        for (const [at, [rule]] of faults.entries()) {
          const { dataset, month } = places[at]!;
          if (rule !== undefined) simulator.faults.add({ ...rule, path: datasets[dataset].path, month });
        }
        const struck = yield* segmeter(backfill(dataDir, ...flags), { env });
        assertCode(struck, 1);
        assertFit(struck);
        const lines = struck.stderr.match(/^failed: .*$/gm) ?? [];
        assert.lengthOf(lines, faults.filter(([, why]) => why !== undefined).length);
        const check = Effect.fnUntraced(function* (isOver: boolean) {
          for (const holding of yield* promise(() => holdings(dataDir, sinks))) {
            for (const [at, place] of places.entries()) {
              const why = faults[at]![1];
              const due = isOver || why === undefined ? truthAt(simulator, place) : before.get(place)!;
              assert.isUndefined(
                difference(holding.figures(place), due),
                `${holding.sink} ${place.dataset} ${place.month}`,
              );
              const line = lines.find((one) => one.includes(place.dataset) && one.includes(place.month));
              if (why === undefined) assert.isUndefined(line);
              else assert.match(line ?? "", why);
            }
          }
          assert.deepStrictEqual(yield* promise(() => leftovers(dataDir)), []);
          assertCode(yield* segmeter(["verify", "--data-dir", dataDir], { env }), 0);
        });
        yield* check(false);
        simulator.faults.clear();
        const next = yield* segmeter(backfill(dataDir, ...flags), { env });
        assertCode(next, 0);
        assertFit(next);
        yield* check(true);
        assert.deepStrictEqual(yield* promise(() => secretsBelow(dataDir)), []);
        assert.deepStrictEqual(strayed(requests, services), []);
        assert.isTrue(requests.some(({ headers }) => headers.some(([, value]) => value === `Bearer ${token}`)));
      }),
    );
  }
});

describe("a redirect", () => {
  it.live("takes the token to no other port and no other host that it is sent to", () =>
    Effect.gen(function* () {
      const simulator = yield* newService;
      const requests = yield* received;
      const { port, visits } = yield* elsewhere();
      const dataDir = yield* temporaryDirectory;
      for (const [at, status] of [301, 302, 303, 307, 308].entries()) {
        const { dataset, month } = places[at]!;
        const to = `http://${at % 2 === 0 ? "127.0.0.1" : "localhost"}:${port}/usage?status=${status}`;
        simulator.faults.add({ kind: "redirect", status, to, path: datasets[dataset].path, month });
      }
      simulator.faults.add({ kind: "redirect", to: `//localhost:${port}/sources`, path: "/sources" });
      const ended = yield* segmeter(backfill(dataDir), { env: pointed(simulator) });
      assertCode(ended, 1);
      assertFit(ended);
      assert.lengthOf(ended.stderr.match(/^failed: .*answered 30\d/gm) ?? [], 5);
      assert.match(ended.stderr, /names of the sources could not be read: .*answered 302/);
      assert.deepStrictEqual(visits, []);
      assert.deepStrictEqual(strayed(requests, services), []);
    }),
  );

  it.live("nor from https to http", () =>
    Effect.gen(function* () {
      const { port, visits } = yield* elsewhere();
      for (const status of [301, 308]) {
        const certificate = selfSigned();
        const secure = yield* elsewhere(certificate, (_, response) => {
          response.writeHead(status, { Location: `http://localhost:${port}/` }).end();
        });
        const directory = yield* temporaryDirectory;
        const trusted = join(directory, "cert.pem");
        yield* promise(() => writeFile(trusted, certificate.cert));
        const env = { ...pointed({ url: `https://localhost:${secure.port}` }), NODE_EXTRA_CA_CERTS: trusted };
        const ended = yield* segmeter(backfill(join(directory, "data")), { env });
        assertCode(ended, 1);
        assertFit(ended);
        assert.include(ended.stderr, `answered ${status}`);
        assert.deepStrictEqual(secure.visits, [`/ Bearer ${token}`]);
      }
      assert.deepStrictEqual(visits, []);
    }),
  );
});
