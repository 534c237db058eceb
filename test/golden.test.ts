/**
 * Every folder of `fixtures` is a case: the exchanges of a service, and what must be held after them. The client and the flow
 * are the real ones, over HTTP; only the store is in memory. A further folder is a further case.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import { assert, describe, it } from "@effect/vitest";
import {
  type Capture,
  type DatasetName,
  datasetOf,
  Instant,
  makeMemorySink,
  Now,
  Partition,
  UsageMonth,
  type UsageRow,
  usageTables,
  type Value,
} from "@segmeter/domain";
import {
  defaults as flowDefaults,
  type FlowConfig,
  makeFindings,
  makeProgress,
  partiesOf,
  plan,
  rangeTargets,
  type Reject,
  Rejects,
  runPlan,
} from "@segmeter/flow";
import { defaults, SegmentClient } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Redacted from "effect/Redacted";
import * as Result from "effect/Result";

interface Exchange {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string>>;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    /** One of the two. */
    readonly json?: unknown;
    readonly text?: string;
  };
}

interface Exchanges {
  readonly about: string;
  readonly run: {
    /** The instants at which the plan is carried out, one run after the other. */
    readonly at: ReadonlyArray<string>;
    readonly months: ReadonlyArray<string>;
    readonly datasets: ReadonlyArray<DatasetName>;
    readonly pageSize: number;
  } & Partial<Pick<FlowConfig, "badRows" | "gates">>;
  readonly exchanges: ReadonlyArray<Exchange>;
}

const folder = new URL("../fixtures/", import.meta.url);
const workspaceId = "9aQ1Lj62S4bomZKLF4DPqW";
const token = "fixture-token";

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

/** Answers each request with the first exchange left that fits it, and 599 where none does. */
const serve = (exchanges: ReadonlyArray<Exchange>) => {
  const left = [...exchanges];
  const unmatched: Array<string> = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(request.url!, "http://fixture");
    const key = describeRequest({ method: request.method!, path: pathname, query: Object.fromEntries(searchParams) });
    const { accept, authorization } = request.headers;
    const isOurs = authorization === `Bearer ${token}` && accept === "application/vnd.segment.v1+json";
    const at = isOurs ? left.findIndex((exchange) => describeRequest(exchange.request) === key) : -1;
    const [exchange] = at < 0 ? [] : left.splice(at, 1);
    if (exchange === undefined) {
      unmatched.push(key);
      response.writeHead(599).end();
      return;
    }
    const { headers, json, status, text } = exchange.response;
    response.writeHead(status, headers).end(text ?? JSON.stringify(json));
  };
  const server = createServer(answer);
  const listening = Effect.callback<URL>((resume) => {
    server.listen(0, "127.0.0.1", () =>
      resume(Effect.succeed(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))),
    );
  });
  const closed = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void));
    server.closeAllConnections();
  });
  return Effect.map(
    Effect.acquireRelease(listening, () => closed),
    (url) => ({ url, left, unmatched }),
  );
};

const describeRequest = ({ method, path, query }: Exchange["request"]): string =>
  `${method} ${path} ${JSON.stringify(Object.entries(query).sort())}`;

/** Carries the plan out as often as the case says, and gives what is held then, in the words of `expected.json`. */
const replay = Effect.fnUntraced(function* ({ exchanges, run }: Exchanges) {
  const { at, badRows = flowDefaults.badRows, datasets, gates = flowDefaults.gates, pageSize } = run;
  const months = run.months.map((text) => Option.getOrThrow(UsageMonth.parse(text)));
  const config: FlowConfig = { ...flowDefaults, concurrency: 1, badRows, gates };
  const service = yield* serve(exchanges);
  const client = SegmentClient.layer({
    ...defaults,
    apiUrl: service.url,
    token: Redacted.make(token),
    userAgent: "segmeter-golden",
    pageSize,
    maxTries: 3,
    backoffMs: 1,
    maxBackoffMs: 2,
  }).pipe(Layer.provide(NodeHttpClient.layerUndici));
  const sink = makeMemorySink();
  const rejected = new Map<string, { readonly of: Partition.Partition; readonly list: ReadonlyArray<Reject> }>();
  const rejects = Layer.succeed(Rejects, {
    keep: ({ captureId, partition }, list) => Effect.sync(() => void rejected.set(captureId, { of: partition, list })),
    settle: ({ captureId, partition }) =>
      Effect.sync(() => {
        for (const [id, { of }] of rejected) {
          if (id !== captureId && Partition.equals(of, partition)) rejected.delete(id);
        }
      }),
    sweep: () => Effect.die("no business of the flow's"),
  });
  const progress = makeProgress();
  const findings = makeFindings();

  const runAt = Effect.fnUntraced(function* (instant: string) {
    const holdings = [{ sink: sink.name, held: yield* sink.held(workspaceId) }];
    const planned = plan({ workspaceId, targets: rangeTargets(months, datasets, false), holdings, pageSize });
    const parties = yield* partiesOf(workspaceId, [sink]);
    yield* runPlan({ booked: Effect.void, plan: planned, runId: "golden", config, parties, progress, findings }).pipe(
      Effect.provideService(Now, Effect.succeed(Option.getOrThrow(Instant.parse(instant)))),
    );
  });
  const ended = yield* Effect.forEach(at, runAt, { discard: true }).pipe(
    Effect.provide(Layer.merge(client, rejects)),
    Effect.result,
  );

  const order = (partition: Partition.Partition): string => `${partition.month} ${datasets.indexOf(partition.dataset)}`;
  const found = {
    ...(Result.isSuccess(ended) ? {} : { ends: reasonOf(ended.failure) }),
    captures: [...sink.ledger.values()].map(toEntry),
    held: [...sink.partitions.values()]
      .sort((a, b) => (order(a.capture.partition) < order(b.capture.partition) ? -1 : 1))
      .map(({ capture: { partition }, rows }) => ({
        dataset: partition.dataset,
        month: partition.month,
        rows: rows.map(plainRow(partition.dataset)),
      })),
    revisions: progress.revisions,
    rejects: [...rejected.values()].flatMap(({ list, of: { dataset, month } }) =>
      list.map(({ page, position, row }) => ({ dataset, month, page, position, row })),
    ),
  };
  return { found, left: service.left, unmatched: service.unmatched };
});

const reasonOf = (error: { readonly reason: string | { readonly _tag: string } }): string =>
  typeof error.reason === "string" ? error.reason : error.reason._tag;

const toEntry = ({ outcome, pages, partition, requests, retries, rows, state, warnings }: Capture.Capture) => ({
  dataset: partition.dataset,
  month: partition.month,
  outcome,
  state,
  rows,
  pages,
  requests,
  retries,
  warnings: warnings.map(({ gate }) => gate),
});

/** The row as plain JSON: counts as decimal strings, days and instants as ISO-8601. */
const plainRow =
  (dataset: DatasetName) =>
  (row: UsageRow): Record<string, string> => {
    const columns = usageTables[datasetOf(dataset).table].columns;
    assert.deepStrictEqual(
      Object.keys(row),
      columns.map(({ name }) => name),
    );
    const plain = (type: string, value: Value): string =>
      type === "DATE"
        ? Instant.formatDay(value as number)
        : type === "TIMESTAMP"
          ? Instant.format(value as number)
          : String(value);
    return Object.fromEntries(
      columns.map(({ name, type }) => [name, plain(type, (row as Readonly<Record<string, Value>>)[name]!)]),
    );
  };

const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe("the fixtures", () => {
  for (const { name } of cases) {
    it.live(name, () =>
      Effect.gen(function* () {
        const { found, left, unmatched } = yield* replay(read(`${name}/exchanges.json`) as Exchanges);
        assert.deepStrictEqual(unmatched, [], "requests that the case does not know");
        assert.deepStrictEqual(found, read(`${name}/expected.json`) as typeof found);
        assert.deepStrictEqual(
          left.map(({ request }) => describeRequest(request)),
          [],
          "exchanges that were not asked for",
        );
      }),
    );
  }

  it("are there", () => {
    assert.isNotEmpty(cases);
  });
});
