import { assert, describe, it } from "@effect/vitest";
import type { FaultRule } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Result from "effect/Result";
import { CallTally, isTokenRefused, makeCallTally } from "../src/index.ts";
import {
  clientFor,
  counted,
  decodedRows,
  errorBody,
  january,
  say,
  scripted,
  simulated,
  workspaceBody,
} from "./Setting.ts";

const usage = { dataset: "workspace-mtu", month: january, cursor: undefined } as const;
const operation = "GET /usage/mtu/daily 2024-01";

describe("a status", () => {
  it.live.each<[number, string, boolean]>([
    [301, "UnexpectedStatus", false],
    [400, "UnexpectedStatus", false],
    [401, "Unauthorized", false],
    [403, "Forbidden", false],
    [404, "NotFound", false],
    [408, "Unavailable", true],
    [409, "UnexpectedStatus", false],
    [413, "TooLarge", false],
    [422, "InvalidRequest", false],
    [425, "Unavailable", true],
    [429, "RateLimited", true],
    [500, "Unavailable", true],
    [502, "Unavailable", true],
    [503, "Unavailable", true],
    [504, "Unavailable", true],
    [599, "Unavailable", true],
    [201, "UnexpectedStatus", false],
    [206, "UnexpectedStatus", false],
  ])("is a typed error: %j", ([status, tag, isRetryable]) =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated({}, { maxTries: 2 });
      simulator.faults.add({ kind: "status", status, message: "Said so", times: Infinity });
      const { requests, result, retries } = yield* counted(client.usagePage(usage));
      const error = Result.isFailure(result) ? result.failure : assert.fail("it was taken");
      assert.strictEqual(error._tag, "SegmentError");
      assert.strictEqual(error.operation, operation);
      assert.strictEqual(error.reason._tag, tag);
      assert.strictEqual(error.reason.isRetryable, isRetryable);
      assert.strictEqual(error.detail, `The service answered ${status}, and said: "Said so".`);
      assert.match(error.hint, /^[A-Zs].{20,}\.$/);
      assert.strictEqual(error.message, `${operation}: ${error.detail} ${error.hint}`);
      if ("status" in error.reason) assert.strictEqual(error.reason.status, status);
      assert.strictEqual(isTokenRefused(error), status === 401);
      assert.deepStrictEqual([requests, retries], isRetryable ? [2, 1] : [1, 0]);
      assert.strictEqual(simulator.stats().total, requests);
    }),
  );

  it.live("is explained by the envelope alone", () =>
    Effect.gen(function* () {
      const bodies: ReadonlyArray<[string, string]> = [
        ["<html>502</html>", "The service answered 403."],
        ["", "The service answered 403."],
        ["null", "The service answered 403."],
        ["[]", "The service answered 403."],
        ['{"errors":[]}', "The service answered 403."],
        ['{"errors":[null]}', "The service answered 403."],
        ['{"errors":"no"}', "The service answered 403."],
        ['{"errors":[{"type":"x"}]}', "The service answered 403."],
        ['{"errors":[{"message":5,"field":{}}]}', "The service answered 403."],
        [errorBody('a "b"\n'), 'The service answered 403, and said: "a \\"b\\"\\n".'],
      ];
      const service = yield* scripted((response, turn) => say(response, 403, bodies[turn]![0]));
      const client = yield* clientFor(service.url);
      for (const [body, detail] of bodies)
        assert.strictEqual((yield* Effect.flip(client.workspace)).detail, detail, body);
      assert.strictEqual(service.received.length, bodies.length);
    }),
  );

  it.live("stands when its explanation breaks off, and is cut when it is long", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response, turn) => {
        if (turn > 0) return say(response, 404, errorBody("x".repeat(100_000)));
        response.writeHead(404, { "content-length": "100" });
        response.write("{", () => response.socket?.destroy());
      });
      const client = yield* clientFor(service.url);
      const broken = yield* Effect.flip(client.workspace);
      assert.strictEqual(broken.reason._tag, "NotFound");
      const long = yield* Effect.flip(client.workspace);
      assert.isBelow(long.message.length, 600);
      assert.strictEqual(service.received.length, 2);
    }),
  );

  it.live("of the wrong region is told from a plan's", () =>
    Effect.gen(function* () {
      for (const region of ["eu", "us"] as const) {
        const { client, simulator } = yield* simulated({ region });
        const error = yield* Effect.flip(client.workspace);
        assert.strictEqual(error.reason._tag, "WrongRegion");
        assert.isTrue(isTokenRefused(error));
        assert.include(error.hint, "--region");
        assert.strictEqual(simulator.stats().total, 1);
      }
      const { client } = yield* simulated({ plan: "free" });
      const error = yield* Effect.flip(client.usagePage(usage));
      assert.strictEqual(error.reason._tag, "Forbidden");
      assert.isFalse(isTokenRefused(error));
    }),
  );

  it.live("401 comes of an unknown token and of a revoked one", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated();
      simulator.faults.add({ kind: "revoked-token" });
      const { result } = yield* counted(client.workspace);
      assert.strictEqual(Result.isFailure(result) && result.failure.reason._tag, "Unauthorized");
      assert.strictEqual((yield* Effect.flip(client.workspace)).reason._tag, "Unauthorized");
      assert.deepStrictEqual(simulator.stats().byStatus, { "401": 2 });
    }),
  );

  it.live("404 is what a month beyond the retention gets", () =>
    Effect.gen(function* () {
      const { client } = yield* simulated({ retentionMonths: 1 });
      assert.strictEqual((yield* Effect.flip(client.usagePage(usage))).reason._tag, "NotFound");
    }),
  );
});

describe("a failure that may pass", () => {
  const cases: ReadonlyArray<[string, FaultRule]> = [
    ["html-502", { kind: "html-502" }],
    ["reset", { kind: "reset" }],
    ["reset midway", { kind: "reset-midway", keepPermille: 400 }],
    ["truncated body", { kind: "truncated-body" }],
    ["body cut to nothing", { kind: "truncated-body", keepPermille: 0 }],
    ["not JSON", { kind: "not-json" }],
    ["empty body", { kind: "empty-body" }],
    ["wrong envelope", { kind: "wrong-envelope" }],
    ["errors with 200", { kind: "errors-with-200" }],
    ["status 500", { kind: "status", status: 500 }],
    ["status 408", { kind: "status", status: 408 }],
    ["hang", { kind: "hang" }],
  ];

  it.live.each(cases)("is tried again until it does, and counted: %j", ([, rule]) =>
    Effect.gen(function* () {
      const { client, id, simulator } = yield* simulated({}, { timeoutMs: 150 });
      simulator.faults.add({ ...rule, times: 2 });
      const { requests, result, retries } = yield* counted(client.usagePage(usage));
      const truth = simulator.truth(id, "workspace-mtu", "2024-01");
      assert.deepStrictEqual(
        decodedRows(usage.dataset, Result.getOrThrow(result).rows),
        decodedRows(usage.dataset, truth),
      );
      assert.deepStrictEqual([requests, retries], [3, 2]);
      assert.strictEqual(simulator.stats().total, 3);
    }),
  );

  it.live.each<[FaultRule, string, RegExp]>([
    [{ kind: "html-502" }, "Unavailable", /^The service answered 502\.$/],
    [{ kind: "reset" }, "Unreachable", /^No answer came \((ECONNRESET|UND_ERR_SOCKET)\)\.$/],
    [{ kind: "reset-midway" }, "BrokenBody", /^The answer broke off\.$/],
    [{ kind: "truncated-body" }, "BrokenBody", /^The answer is not whole JSON\.$/],
    [{ kind: "not-json" }, "BrokenBody", /^The answer is not whole JSON\.$/],
    [{ kind: "empty-body" }, "BrokenBody", /^The answer is not whole JSON\.$/],
    [
      { kind: "errors-with-200" },
      "UnexpectedBody",
      /^The answer is JSON, but not the documented body\. It said: "Something went wrong"\.$/,
    ],
    [{ kind: "hang" }, "TimedOut", /^No whole answer came in 0\.1 s\.$/],
    [{ kind: "slow-body" }, "TimedOut", /^No whole answer came in 0\.1 s\.$/],
  ])("is given up after all tries: %j", ([rule, tag, detail]) =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated({}, { timeoutMs: 100, maxTries: 2 });
      simulator.faults.add({ ...rule, times: Infinity });
      const { requests, result, retries } = yield* counted(client.usagePage(usage));
      const error = Result.isFailure(result) ? result.failure : assert.fail("it was taken");
      assert.strictEqual(error.reason._tag, tag);
      assert.match(error.detail, detail);
      assert.isTrue(error.reason.isRetryable);
      assert.deepStrictEqual([requests, retries], [2, 1]);
    }),
  );

  it.live("is larger than is taken: it is not tried again, and the rest of it is not read", () =>
    Effect.gen(function* () {
      let sent = 0;
      const { received, url } = yield* scripted((response) => {
        response.writeHead(200);
        response.write('{"data":');
        const blanks = Buffer.alloc(2 ** 16, " ");
        // It never ends; it stops when nobody takes it.
        const more = () => {
          while (!response.destroyed && response.write(blanks)) sent += blanks.length;
        };
        response.on("drain", more);
        more();
      });
      const client = yield* clientFor(url, { maxBodyBytes: 2 ** 20 });
      const error = yield* Effect.flip(client.usagePage(usage));
      assert.strictEqual(error.message, `${operation}: The answer is larger than 1 MiB. Use a smaller --page-size.`);
      assert.lengthOf(received, 1);
      assert.isBelow(sent, 16 * 2 ** 20);
    }),
  );

  it.live("says its text as it was sent, wherever it is cut on the way", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from(workspaceBody.replace("Acme", "Zürich 日本 🎉"));
      const { url } = yield* scripted((response) => {
        response.writeHead(200);
        const next = (at: number): void => {
          if (at === bytes.length) return void response.end();
          response.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
        };
        next(0);
      });
      const client = yield* clientFor(url);
      assert.strictEqual((yield* client.workspace).name, "Zürich 日本 🎉");
    }),
  );

  it.live.each([1, 3, 5])("is tried %d times at most", (maxTries) =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated({}, { maxTries });
      simulator.faults.add({ kind: "status", status: 503, times: Infinity });
      const { requests, retries } = yield* counted(client.workspace);
      assert.deepStrictEqual([requests, retries], [maxTries, maxTries - 1]);
    }),
  );

  it.live("may be a port that nobody listens on", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(scripted(() => undefined));
      const client = yield* clientFor(url, { maxTries: 3 });
      const { requests, result } = yield* counted(client.workspace);
      const error = Result.isFailure(result) ? result.failure : assert.fail("it was taken");
      assert.deepInclude(error.reason, { _tag: "Unreachable", code: "ECONNREFUSED" });
      assert.strictEqual(error.detail, "No answer came (ECONNREFUSED).");
      assert.strictEqual(requests, 3);
    }),
  );

  it.live("counts in every tally above", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated();
      simulator.faults.add({ kind: "html-502" });
      const run = makeCallTally();
      const partitions = [makeCallTally(run), makeCallTally(run)];
      for (const tally of partitions) yield* Effect.provideService(client.workspace, CallTally, tally);
      assert.deepStrictEqual(
        [...partitions, run].map(({ requests, retries }) => [requests, retries]),
        [
          [2, 1],
          [1, 0],
          [3, 1],
        ],
      );
    }),
  );
});

describe("a wait that the service orders", () => {
  it.live("is no failure", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated({}, { maxTries: 1 });
      for (const refusal of ["all", "ms-before-next"] as const)
        simulator.faults.add({ kind: "rate-limit-storm", waitMs: 1, times: 2, refusal });
      const { requests, result } = yield* counted(client.workspace);
      assert.isTrue(Result.isSuccess(result));
      assert.strictEqual(requests, 5);
      assert.deepStrictEqual(simulator.stats().byStatus, { "429": 4, "200": 1 });
      assert.isAbove(yield* client.throttledMs, 0);
    }),
  );

  it.live("may come with another status that may pass", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response, turn) =>
        turn < 2
          ? say(response, turn === 0 ? 503 : 500, errorBody("Later"), { "Retry-After": "0" })
          : say(response, 200, workspaceBody),
      );
      const client = yield* clientFor(service.url, { maxTries: 1 });
      assert.strictEqual((yield* client.workspace).id, "w1");
      assert.strictEqual(service.received.length, 3);
    }),
  );

  it.live("does not make a refusal for good another one", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response) => say(response, 403, errorBody("No"), { "Retry-After": "0" }));
      const client = yield* clientFor(service.url);
      assert.strictEqual((yield* Effect.flip(client.workspace)).reason._tag, "Forbidden");
      assert.strictEqual(service.received.length, 1);
    }),
  );

  it.live("is obeyed a bounded number of times", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated({}, { maxTries: 5, maxOrderedWaits: 2 });
      simulator.faults.add({ kind: "rate-limit-storm", waitMs: 1, times: Infinity });
      const { requests, result } = yield* counted(client.workspace);
      const error = Result.isFailure(result) ? result.failure : assert.fail("it was taken");
      assert.deepInclude(error.reason, { _tag: "RateLimited", ordered: true });
      assert.include(error.hint, "--requests-per-minute");
      assert.strictEqual(requests, 3);
    }),
  );

  it.live("is a failure like any other when no time is named", () =>
    Effect.gen(function* () {
      const service = yield* scripted((response) => say(response, 429, errorBody("Slower")));
      const client = yield* clientFor(service.url, { maxTries: 2 });
      const { requests, result } = yield* counted(client.workspace);
      const error = Result.isFailure(result) ? result.failure : assert.fail("it was taken");
      assert.deepInclude(error.reason, { _tag: "RateLimited", ordered: false });
      assert.strictEqual(requests, 2);
    }),
  );
});

describe("a redirect", () => {
  it.live.each([301, 302, 303, 307, 308])("is not followed, nor the token taken along: %d", (status) =>
    Effect.gen(function* () {
      const elsewhere = yield* scripted((response) => say(response, 200, workspaceBody));
      const { client, simulator } = yield* simulated();
      simulator.faults.add({ kind: "redirect", to: elsewhere.url, status });
      const error = yield* Effect.flip(client.workspace);
      assert.deepInclude(error.reason, { _tag: "UnexpectedStatus", status });
      assert.strictEqual(elsewhere.received.length, 0);
      assert.strictEqual(simulator.stats().total, 1);
    }),
  );
});

describe("a body that is JSON, but not the documented one", () => {
  const page = (data: unknown) => JSON.stringify({ data });
  it.live.each([
    "null",
    "true",
    "5",
    '"text"',
    "[]",
    "[[]]",
    "{}",
    '{"data":null}',
    '{"data":"text"}',
    '{"data":[]}',
    page({ dailyWorkspaceMTUUsage: [] }),
    page({ pagination: { current: "a" } }),
    page({ dailyWorkspaceMTUUsage: [], pagination: null }),
    page({ dailyWorkspaceMTUUsage: [], pagination: [] }),
    page({ dailyWorkspaceMTUUsage: null, pagination: {} }),
    page({ dailyWorkspaceMTUUsage: {}, pagination: {} }),
    page({ dailyWorkspaceMTUUsage: "rows", pagination: {} }),
    page({ dailyWorkspaceMTUUsage: [], pagination: { next: 5 } }),
    page({ dailyWorkspaceMTUUsage: [], pagination: { totalEntries: "63" } }),
    page({ dailyWorkspaceMTUUsage: [], pagination: { totalEntries: 1.5 } }),
    JSON.stringify({ dailyWorkspaceMTUUsage: [], pagination: {} }),
  ])("is an error, for usage: %s", (body) =>
    Effect.gen(function* () {
      const service = yield* scripted((response) => say(response, 200, body));
      const client = yield* clientFor(service.url, { maxTries: 2 });
      const error = yield* Effect.flip(client.usagePage(usage));
      assert.strictEqual(error.reason._tag, "UnexpectedBody");
      assert.strictEqual(service.received.length, 2);
    }),
  );

  it.live("is an error, for the workspace and its sources", () =>
    Effect.gen(function* () {
      const bodies = [
        "null",
        "[]",
        '"text"',
        '{"data":{"workspace":{"slug":"a","name":"A"}}}',
        '{"data":{"workspace":{"id":"","slug":"a","name":"A"}}}',
        page({ sources: [null], pagination: {} }),
        page({ sources: [{ id: "", slug: "a", enabled: true }], pagination: {} }),
        page({ sources: [{ id: "a", slug: "a", enabled: "yes" }], pagination: {} }),
      ];
      const service = yield* scripted((response, turn) => say(response, 200, bodies[turn >> 1]!));
      const client = yield* clientFor(service.url, { maxTries: 1 });
      for (const body of bodies) {
        const ofWorkspace = yield* Effect.flip(client.workspace);
        const ofSources = yield* Effect.flip(client.sourcesPage(undefined));
        assert.strictEqual(ofWorkspace.reason._tag, "UnexpectedBody", body);
        assert.strictEqual(ofSources.reason._tag, "UnexpectedBody", body);
      }
    }),
  );

  it.live("is none where only optional fields are missing", () =>
    Effect.gen(function* () {
      const bare = { id: "a", slug: "a-slug", enabled: false };
      const nulls = { ...bare, name: null, metadata: null, labels: null };
      const service = yield* scripted((response) =>
        say(response, 200, page({ sources: [bare, nulls], pagination: {} })),
      );
      const client = yield* clientFor(service.url);
      const source = { ...bare, name: "a-slug", type: "", labels: [] };
      assert.deepStrictEqual((yield* client.sourcesPage(undefined)).rows, [source, source]);
    }),
  );
});

describe("a request that is interrupted", () => {
  it.live("lets the next one pass", () =>
    Effect.gen(function* () {
      const { client, simulator } = yield* simulated();
      simulator.faults.add({ kind: "hang" });
      const hanging = yield* Effect.forkChild(client.workspace);
      yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => simulator.stats().total === 1 }));
      const behind = yield* Effect.forkChild(client.workspace);
      yield* Effect.yieldNow;
      yield* Fiber.interrupt(hanging);
      yield* Fiber.join(behind);
      yield* client.workspace;
      assert.strictEqual(simulator.stats().byStatus["200"], 2);
    }),
  );
});
