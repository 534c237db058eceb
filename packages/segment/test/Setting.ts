/**
 * What the tests of the client stand on: a client over real HTTP, and services to call, the simulator or one that follows a script.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import { assert } from "@effect/vitest";
import { type DatasetName, datasetOf, Instant, isColumns, rowsOf, UsageMonth, usageTables } from "@segmeter/domain";
import { type Simulator, type SimulatorOptions, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Redacted from "effect/Redacted";
import * as Result from "effect/Result";
import type * as Scope from "effect/Scope";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CallTally, decodeWireRow, defaults, makeCallTally, SegmentClient, type WireRow } from "../src/index.ts";
import type { SegmentClientShape, UsagePage } from "../src/SegmentClient.ts";
import type { SegmentConfig } from "../src/SegmentConfig.ts";

export const month = (text: string): UsageMonth.UsageMonth => Option.getOrThrow(UsageMonth.parse(text));

export const january = month("2024-01");

/** A setting for tests: failures are tried again almost at once. */
export const configFor = (url: string, more: Partial<SegmentConfig> = {}): SegmentConfig => ({
  ...defaults,
  apiUrl: new URL(url),
  token: Redacted.make("simulator-token"),
  userAgent: "segmeter/test",
  backoffMs: 1,
  ...more,
});

/** A client with a connection pool and a rate budget of its own. */
export const clientFor = (
  url: string,
  more: Partial<SegmentConfig> = {},
): Effect.Effect<SegmentClientShape, never, Scope.Scope> =>
  SegmentClient.layer(configFor(url, more)).pipe(
    Layer.provide(NodeHttpClient.layerUndici),
    Layer.build,
    Effect.map(Context.get(SegmentClient)),
  );

/** The simulator in June 2024, and a client of it. */
export const simulated = (
  options: SimulatorOptions = {},
  more: Partial<SegmentConfig> = {},
): Effect.Effect<
  { readonly simulator: Simulator; readonly client: SegmentClientShape; readonly id: string },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const simulator = yield* Effect.orDie(
      startSimulator({ now: "2024-06-15T02:00:00Z", workspaces: [{ sources: 5 }], ...options }),
    );
    const client = yield* clientFor(simulator.url, more);
    return { simulator, client, id: simulator.workspaces[0]!.id };
  });

/** How something ended, and the requests that it took. */
export const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const tally = makeCallTally();
    const result = yield* Effect.result(Effect.provideService(effect, CallTally, tally));
    return { result, requests: tally.requests, retries: tally.retries };
  });

/** A request as it came over the wire. */
export interface Received {
  readonly method: string;
  /** Path and query, not decoded. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

export interface Scripted {
  readonly url: string;
  readonly received: ReadonlyArray<Received>;
}

/** A service that answers as it is told; `turn` counts the requests from 0. It is gone when the scope closes. */
export const scripted = (
  answer: (response: ServerResponse, turn: number, received: Received) => void,
): Effect.Effect<Scripted, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Scripted & { readonly close: () => void }>((resume) => {
      const received: Array<Received> = [];
      const server = createServer((request, response) => {
        const { headers, method = "", url = "" } = request;
        received.push({ method, url, headers });
        answer(response, received.length - 1, { method, url, headers });
      });
      server.keepAliveTimeout = 60_000;
      const close = () => {
        server.close();
        server.closeAllConnections();
      };
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, received, close }));
      });
    }),
    ({ close }) => Effect.sync(close),
  );

/** Answers with a body and nothing else. */
export const say = (
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void => void response.writeHead(status, headers).end(body);

export const errorBody = (message: string, more: Record<string, unknown> = {}): string =>
  JSON.stringify({ errors: [{ type: "made-up", message, ...more }] });

export const workspaceBody = '{"data":{"workspace":{"id":"w1","slug":"acme","name":"Acme"}}}';

/** Rows of usage, as sent or by column, decoded; those that cannot be are their reason. */
export const decodedRows = (dataset: DatasetName, rows: UsagePage["rows"]): ReadonlyArray<WireRow | string> => {
  if (!isColumns(rows)) return rows.map((row) => Result.merge(decodeWireRow(dataset)(row)));
  const { level, measure, table } = datasetOf(dataset);
  const names =
    measure === "mtu" ? ["anonymous", "anonymous_identified", "identified", "never_identified"] : ["api_calls"];
  return rowsOf(usageTables[table], rows).map((row) => {
    const { day, observed_at, snapshot_at: timestamp } = row as Record<string, number>;
    assert.strictEqual(observed_at, 0);
    assert.strictEqual(day, Instant.dayOf(timestamp!));
    return {
      sourceId: level === "source" ? (row["source_id"] as string) : undefined,
      period:
        measure === "mtu" ? { start: row["period_start"] as number, end: row["period_end"] as number } : undefined,
      counts: names.map((name) => row[name] as bigint),
      timestamp: timestamp!,
      unknownFields: [],
    };
  });
};

/** All rows of a walk, page by page. */
export const walk = <A, E>(
  page: (
    cursor: string | undefined,
  ) => Effect.Effect<{ readonly rows: ReadonlyArray<A>; readonly next: string | undefined }, E>,
): Effect.Effect<{ readonly rows: ReadonlyArray<A>; readonly pages: number }, E> =>
  Effect.gen(function* () {
    const rows: Array<A> = [];
    let pages = 0;
    let cursor: string | undefined;
    do {
      const { next, rows: more } = yield* page(cursor);
      rows.push(...more);
      pages++;
      cursor = next;
    } while (cursor !== undefined);
    return { rows, pages };
  });
