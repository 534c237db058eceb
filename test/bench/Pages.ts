/**
 * Services to be measured against: the simulator itself, with latency and limits; and one that has every answer ready, so that
 * what is measured is the reader.
 */
import { resolveConfig, type SimulatorOptions, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RateLimiter, rateHeaders, refuse } from "../../packages/simulator/src/RateLimit.ts";
import type { RateLimitOptions } from "../../packages/simulator/src/SimulatorConfig.ts";

export interface Service {
  readonly url: string;
  readonly token: string;
  /** Requests so far, in the order in which they were answered. */
  readonly requests: ReadonlyArray<Answered>;
}

export interface Answered {
  readonly status: number | undefined;
  /** Without its query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

/** Pages of the longest walk among the answers, which no concurrency can shorten. */
export const longestWalk = (answers: ReadonlyArray<Answered>): number => {
  const pages = new Map<string, Set<string | undefined>>();
  for (const { path, query } of answers) {
    const walk = `${path} ${query["period"]}`;
    pages.set(walk, (pages.get(walk) ?? new Set()).add(query["pagination.cursor"]));
  }
  return Math.max(...[...pages.values()].map(({ size }) => size));
};

/** Calls that no reader of a month can do without: one for its workspace, and one for each page of what it has. */
export const leastCalls = (
  { token, url }: Service,
  paths: ReadonlyArray<string>,
  month: string,
): Effect.Effect<number> =>
  Effect.promise(async () => {
    const pages = await Promise.all(
      paths.map(async (path) => {
        const query = new URLSearchParams({ period: `${month}-01`, "pagination.count": "1000" });
        const headers = { authorization: `Bearer ${token}` };
        const { data } = (await (await fetch(`${url}${path}?${query}`, { headers })).json()) as {
          readonly data: { readonly pagination: { readonly totalEntries: number } };
        };
        return Math.ceil(data.pagination.totalEntries / 1000);
      }),
    );
    return pages.reduce((sum, count) => sum + count, 1);
  });

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

interface Prepared extends Service {
  /** The same answers again, under a limit for each second. */
  readonly limitedTo: (limit: number) => Effect.Effect<Service, never, Scope.Scope>;
}

/** Asks a simulator once for each page, and answers from memory from then on, each call after so many milliseconds. */
export const prepared = (options: SimulatorOptions, latencyMs = 0): Effect.Effect<Prepared, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { token, url: origin } = yield* simulated(options);
    const answers = new Map<string, Promise<Answer>>();
    const ask = async (path: string): Promise<Answer> => {
      const response = await fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    };
    const answerTo = (path: string): Promise<Answer> => {
      const answer = answers.get(path) ?? ask(path);
      answers.set(path, answer);
      return answer;
    };
    const config = (limit: number) => resolveConfig({ rateLimit: { limit, windowMs: 1_000 } });
    return {
      ...(yield* served(answerTo, token, latencyMs)),
      limitedTo: (limit) =>
        Effect.flatMap(Effect.orDie(config(limit)), ({ rateLimit }) => served(answerTo, token, latencyMs, rateLimit)),
    };
  });

const served = (
  answerTo: (path: string) => Promise<Answer>,
  token: string,
  latencyMs: number,
  rateLimit?: RateLimitOptions,
): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Answered> = [];
    const limiter = rateLimit && new RateLimiter(rateLimit);
    const server = createServer(({ url = "/" }, response) => {
      const now = Date.now();
      const verdict = limiter?.take(token, now);
      const told = verdict === undefined || rateLimit?.headers !== true ? {} : rateHeaders(verdict);
      const refusal = verdict?.isAllowed === false ? refuse(verdict, now, rateLimit!.refusal) : undefined;
      const answer =
        refusal === undefined ? answerTo(url) : Promise.resolve({ status: 429, body: Buffer.from(refusal.body) });
      const due = latencyMs === 0 ? answer : new Promise<Answer>((resolve) => setTimeout(resolve, latencyMs, answer));
      void due.then(({ body, status }) => {
        const { pathname, searchParams } = new URL(url, "http://127.0.0.1");
        requests.push({ status, path: pathname, query: Object.fromEntries(searchParams) });
        response.writeHead(status, {
          ...(refusal?.headers ?? told),
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
