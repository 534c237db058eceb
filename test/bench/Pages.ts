/**
 * Services to be measured against: the simulator itself, with latency and limits; and one that has every answer ready, so that
 * what is measured is the reader.
 */
import { type SimulatorOptions, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Service {
  readonly url: string;
  readonly token: string;
  /** Requests so far, in the order in which they were answered. `at`: milliseconds since 1970. */
  readonly requests: ReadonlyArray<{ readonly at: number; readonly status: number | undefined }>;
}

export const simulated = (options: SimulatorOptions): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.orDie(
    Effect.map(startSimulator(options), (simulator) => ({
      url: simulator.url,
      token: simulator.workspaces[0]!.token,
      requests: simulator.requests,
    })),
  );

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Asks a simulator once for each page, and answers from memory from then on. */
export const prepared = (options: SimulatorOptions): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { token, url: origin } = yield* simulated(options);
    const answers = new Map<string, Promise<Answer>>();
    const requests: Array<Service["requests"][number]> = [];
    const ask = async (path: string): Promise<Answer> => {
      const response = await fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    };
    const server = createServer(({ url = "/" }, response) => {
      const at = Date.now();
      const answer = answers.get(url) ?? ask(url);
      answers.set(url, answer);
      void answer.then(({ body, status }) => {
        requests.push({ at, status });
        response.writeHead(status, {
          "content-type": "application/vnd.segment.v1+json",
          "content-length": body.length,
        });
        response.end(body);
      });
    });
    server.keepAliveTimeout = 60_000;
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
      () =>
        Effect.promise(async () => {
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        }),
    );
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token, requests };
  });
