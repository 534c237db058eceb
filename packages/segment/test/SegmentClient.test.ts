import { assert, describe, it } from "@effect/vitest";
import { type DatasetName, datasetNames } from "@segmeter/domain";
import { canary } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Result from "effect/Result";
import { usageOperations, type WireRow } from "../src/index.ts";
import { isToken, type SegmentClientShape } from "../src/SegmentClient.ts";
import {
  clientFor,
  counted,
  decodedRows,
  errorBody,
  january,
  month,
  say,
  scripted,
  simulated,
  walk,
  workspaceBody,
} from "./Setting.ts";

const walkUsage = (client: SegmentClientShape, dataset: DatasetName, of = january) =>
  walk((cursor) =>
    Effect.map(client.usagePage({ dataset, month: of, cursor }), ({ next, rows }) => ({
      next,
      rows: decodedRows(dataset, rows),
    })),
  );

describe("the operations", () => {
  it.live("workspace: says whose token it is", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated();
      const { id, name, slug } = simulator.workspaces[0]!;
      assert.deepStrictEqual(yield* client.workspace, { id, slug, name });
    }),
  );

  it.live("sources: all of them, and nothing secret", () =>
    Effect.gen(function* () {
      const { client, id, simulator } = yield* simulated({}, { pageSize: 2 });
      const { pages, rows } = yield* walk(client.sourcesPage);
      const truth = simulator.sources(id);
      assert.isAbove(pages, 1);
      assert.deepStrictEqual(
        rows,
        truth.map((source) => ({
          id: source.id,
          slug: source.slug,
          name: source.name ?? source.slug,
          type: source.metadata.slug,
          enabled: source.enabled,
          labels: source.labels,
        })) as never,
      );
      assert.include(JSON.stringify(truth), canary);
      assert.notInclude(JSON.stringify(rows), canary);
    }),
  );

  for (const dataset of datasetNames) {
    it.live(`${dataset}: every row of the month, in pages of any size`, () =>
      Effect.gen(function* () {
        const { client, id, simulator } = yield* simulated();
        const small = yield* clientFor(simulator.url, { pageSize: 7 });
        const truth = decodedRows(dataset, simulator.truth(id, dataset, "2024-01"));
        const whole = yield* walkUsage(client, dataset);
        const inPages = yield* walkUsage(small, dataset);
        assert.isAbove(truth.length, 7);
        assert.deepStrictEqual(whole, { rows: truth, pages: 1 });
        assert.deepStrictEqual(inPages.rows, truth);
        assert.strictEqual(inPages.pages, Math.ceil(truth.length / 7));
      }),
    );
  }

  it.live("are asked for as documented", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response, _, { url }) => {
        const rows = '"sources":[],"dailyPerSourceMTUUsage":[],"dailyWorkspaceMTUUsage":[]';
        const lists = `${rows},"dailyWorkspaceAPICallsUsage":[],"dailyPerSourceAPICallsUsage":[]`;
        const page = `{"data":{${lists},"pagination":{"current":"MA=="}}}`;
        say(response, 200, url === "/" ? workspaceBody : page);
      });
      const client = yield* clientFor(service.url, { pageSize: 500 });
      yield* client.workspace;
      yield* client.sourcesPage(undefined);
      for (const dataset of datasetNames)
        yield* client.usagePage({ dataset, month: month("2021-02"), cursor: "M+/Q==&x" });
      const cursor = "pagination.cursor=M%2B%2FQ%3D%3D%26x";
      const query = `?period=2021-02-01&pagination.count=500&${cursor}`;
      assert.deepStrictEqual(
        service.received.map(({ method, url }) => `${method} ${url}`),
        [
          "GET /",
          "GET /sources?pagination.count=500",
          `GET /usage/mtu/daily${query}`,
          `GET /usage/api-calls/daily${query}`,
          `GET /usage/mtu/sources/daily${query}`,
          `GET /usage/api-calls/sources/daily${query}`,
        ],
      );
      for (const { headers } of service.received) {
        assert.strictEqual(headers.authorization, "Bearer simulator-token");
        assert.strictEqual(headers.accept, "application/vnd.segment.v1+json");
        assert.strictEqual(headers["user-agent"], "segmeter/test");
      }
    }),
  );

  it.live("are logged by the simulator as they were sent", () =>
    Effect.gen(function* () {
      const { client, id, simulator } = yield* simulated({}, { pageSize: 20 });
      yield* walkUsage(client, "workspace-mtu");
      const [first, second] = simulator.requests;
      assert.deepStrictEqual(first?.query, { period: "2024-01-01", "pagination.count": "20" });
      assert.sameMembers(Object.keys(second?.query ?? {}), ["period", "pagination.count", "pagination.cursor"]);
      assert.strictEqual(first?.userAgent, "segmeter/test");
      assert.strictEqual(first?.accept, "application/vnd.segment.v1+json");
      assert.strictEqual(first?.workspaceId, id);
    }),
  );

  it.live("keep a path in front, with or without a slash at its end", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response) => say(response, 200, workspaceBody));
      for (const base of ["/segment", "/segment/"]) yield* (yield* clientFor(service.url + base)).workspace;
      assert.deepStrictEqual(
        service.received.map(({ url }) => url),
        ["/segment/", "/segment/"],
      );
    }),
  );
});

describe("pages", () => {
  it.live("are the last without a next cursor, however that is written", () =>
    Effect.gen(function* () {
      const { client } = yield* simulated({ nullCursors: true, totalEntries: false });
      const page = yield* client.usagePage({
        dataset: "workspace-mtu",
        month: january,
        cursor: undefined,
      });
      assert.isUndefined(page.next);
      assert.isUndefined(page.totalEntries);
      assert.strictEqual(page.pageSize, 1_000);

      const endings = ["", ',"next":null', ',"next":""'];
      const service = yield* scripted((response, turn) =>
        say(response, 200, `{"data":{"sources":[],"pagination":{"current":"a"${endings[turn]}}}}`),
      );
      const other = yield* clientFor(service.url);
      for (const _ of endings) assert.isUndefined((yield* other.sourcesPage(undefined)).next);
    }),
  );

  it.live("say how many rows there are in all", () =>
    Effect.gen(function* () {
      const { client, id, simulator } = yield* simulated({}, { pageSize: 3 });
      const page = yield* client.usagePage({
        dataset: "source-mtu",
        month: january,
        cursor: undefined,
      });
      assert.strictEqual(page.totalEntries, simulator.truth(id, "source-mtu", "2024-01").length);
      assert.deepStrictEqual([page.rows.length, page.pageSize], [3, 3]);
      assert.isString(page.next);
    }),
  );

  it.live("fall back to 200 rows, once and for all, when the service refuses more by name", () =>
    Effect.gen(function* () {
      const { client, id, simulator } = yield* simulated({
        maxPageSize: 200,
        workspaces: [{ sources: 20 }],
      });
      const { result, requests, retries } = yield* counted(walkUsage(client, "source-mtu"));
      const truth = decodedRows("source-mtu", simulator.truth(id, "source-mtu", "2024-01"));
      assert.deepStrictEqual(Result.getOrThrow(result).rows, truth);
      assert.isAbove(truth.length, 200);
      assert.deepStrictEqual([requests, retries], [1 + Math.ceil(truth.length / 200), 0]);
      assert.deepStrictEqual(
        simulator.requests.map(({ query, status }) => [status, query["pagination.count"]]),
        simulator.requests.map((_, at) => (at === 0 ? [422, "1000"] : [200, "200"])),
      );
      const page = yield* client.sourcesPage(undefined);
      assert.strictEqual(page.pageSize, 200);
    }),
  );

  it.live("fall back together when they were asked for side by side", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated({ maxPageSize: 200 });
      const pages = yield* Effect.forEach(
        datasetNames,
        (dataset) => client.usagePage({ dataset, month: january, cursor: undefined }),
        { concurrency: "unbounded" },
      );
      assert.deepStrictEqual(
        pages.map(({ pageSize }) => pageSize),
        [200, 200, 200, 200],
      );
      assert.isAtMost(simulator.stats().byStatus["422"]!, 4);
    }),
  );

  it.live("do not fall back for another field, nor from 200 or less", () =>
    Effect.gen(function* () {
      const { simulator } = yield* simulated({ maxPageSize: 100 });
      const small = yield* clientFor(simulator.url, { pageSize: 200 });
      const { requests, result } = yield* counted(small.sourcesPage(undefined));
      const failure = Result.isFailure(result) ? result.failure : undefined;
      assert.deepStrictEqual({ ...failure?.reason }, {
        _tag: "InvalidRequest",
        field: "pagination.count",
        isRetryable: false,
      } as never);
      assert.strictEqual(requests, 1);

      const service = yield* scripted((response) =>
        say(response, 422, errorBody('"period" is required', { field: "period" })),
      );
      const client = yield* clientFor(service.url);
      const refused = yield* Effect.flip(client.sourcesPage(undefined));
      assert.deepInclude(refused.reason, { _tag: "InvalidRequest", field: "period" });
      assert.strictEqual(service.received.length, 1);
    }),
  );

  it.live("fall back when only the message names the parameter", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response, turn) =>
        turn === 0
          ? say(response, 422, errorBody('"pagination.count" must be at most 200'))
          : say(response, 200, '{"data":{"sources":[],"pagination":{}}}'),
      );
      const client = yield* clientFor(service.url);
      assert.strictEqual((yield* client.sourcesPage(undefined)).pageSize, 200);
    }),
  );
});

describe("counts", () => {
  for (const countsAsNumbers of [false, true]) {
    it.live(`up to 2^63 − 1 are exact, sent as ${countsAsNumbers ? "numbers" : "strings"}`, () =>
      Effect.gen(function* () {
        const { client, id, simulator } = yield* simulated({ counts: "huge", countsAsNumbers });
        let largest = 0n;
        for (const dataset of datasetNames) {
          const { rows } = yield* walkUsage(client, dataset);
          const truth = simulator.truth(id, dataset, "2024-01");
          assert.deepStrictEqual(rows, decodedRows(dataset, truth));
          for (const [at, row] of rows.entries()) {
            const { counts } = row as WireRow;
            const sent = truth[at] as unknown as Record<string, string>;
            assert.deepStrictEqual(
              counts,
              usageOperations[dataset].counts.map((name) => BigInt(sent[name]!)),
            );
            for (const count of counts) if (count > largest) largest = count;
          }
        }
        assert.isTrue(largest > 2n ** 53n, String(largest));
      }),
    );
  }
});

describe("the client", () => {
  it.live("tells the service's clock", () =>
    Effect.gen(function* () {
      const date = "Thu, 01 Feb 2024 00:00:57 GMT";
      const service = yield* scripted((response, turn) => {
        response.sendDate = false;
        say(response, 200, workspaceBody, turn === 1 ? { Date: date } : {});
      });
      const client = yield* clientFor(service.url);
      yield* client.workspace;
      assert.isUndefined(yield* client.serviceClock);
      yield* client.workspace;
      const clock = yield* client.serviceClock;
      assert.strictEqual(clock?.serviceMs, Date.parse(date));
      assert.closeTo(clock?.localMs ?? 0, Date.now(), 10_000);
      yield* client.workspace;
      assert.deepStrictEqual(yield* client.serviceClock, clock);
    }),
  );

  it("takes for a token what a header may hold", () => {
    for (const text of ["sgp_a1B2", "a", "!~"]) assert.isTrue(isToken(Redacted.make(text)), text);
    for (const text of ["", " ", "a b", "a\n", "a\tb", "é", "a\u0000", "“a”", "\u007f"])
      assert.isFalse(isToken(Redacted.make(text)), JSON.stringify(text));
  });
});
