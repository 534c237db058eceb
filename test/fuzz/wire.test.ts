/**
 * Answers of the service, of any kind: each is an error that says so, or rows that say what it said, digit for digit.
 *
 * The bodies go over real HTTP, through the client and the whole walk. What they say is read from their text by a reader of the
 * test's own.
 */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest";
import { type DatasetName, datasetNames, usageRowsOf, usageTableOf } from "@segmeter/domain";
import { SegmentClient, type SegmentClientShape } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as FastCheck from "fast-check";
import type { ServerResponse } from "node:http";
import { partition } from "../../packages/flow/test/Setting.ts";
import { defaults } from "@segmeter/flow";
import { walk } from "../../packages/flow/src/Walk.ts";
import { clientFor, scripted } from "../../packages/segment/test/Setting.ts";
import { fuzz } from "./Fuzz.ts";
import { assertSaid, outcomeOf } from "./Typed.ts";
import { folded, type Said, saidIn, textOf } from "./UsageText.ts";
import { inBytes, sourcesBody, usageBody, workspaceBody } from "./WireText.ts";

const scope = Effect.runSync(Scope.make());
let client: SegmentClientShape;
/** Given to a request without a cursor; with one, the answer is a last page without rows. */
let answer: { readonly status: number; readonly bytes: Uint8Array; readonly headers?: Record<string, string> };

const lastPage =
  '{"data":{"dailyWorkspaceMTUUsage":[],"dailyPerSourceMTUUsage":[],"dailyWorkspaceAPICallsUsage":[],"dailyPerSourceAPICallsUsage":[],"sources":[],"pagination":{}}}';

beforeAll(async () => {
  const respond = (response: ServerResponse, url: string) =>
    url.includes("pagination.cursor=")
      ? response.end(lastPage)
      : response.writeHead(answer.status, answer.headers).end(answer.bytes);
  const opened = Effect.gen(function* () {
    const service = yield* scripted((response, _, { url }) => void respond(response, url));
    return yield* clientFor(service.url, { maxTries: 1, maxOrderedWaits: 0, timeoutMs: 20_000 });
  });
  client = await Effect.runPromise(Scope.provide(opened, scope));
});

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)));

const decoded = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

type Walked = Effect.Success<ReturnType<typeof walk>>;

/** Fails unless the walk kept what was said, and set aside the rest. */
const assertKept = (dataset: DatasetName, { rejects, rows }: Walked, said: Said): void => {
  const bad = said.rows.flatMap((row, index) => (row === undefined ? [index + 1] : []));
  assert.deepStrictEqual(
    rejects.map(({ page, position }) => [page, position]),
    bad.map((position) => [1, position]),
  );
  const expected = folded(said.rows.filter((row) => row !== undefined));
  assert.notStrictEqual(expected, "conflict", "two figures of one moment passed");
  assert.deepStrictEqual(
    usageRowsOf(usageTableOf({ dataset }), rows)
      .map((row) => textOf({ ...row }))
      .toSorted(),
    expected === "conflict" ? [] : [...expected.values()].map(textOf).toSorted(),
  );
};

describe("an answer", () => {
  const usage = FastCheck.constantFrom(...datasetNames).chain((dataset) =>
    FastCheck.record({
      dataset: FastCheck.constant(dataset),
      bytes: inBytes(usageBody(dataset)),
      badRows: FastCheck.constantFrom("fail" as const, "quarantine" as const),
    }),
  );

  fuzz(
    "of usage is kept digit for digit, or refused",
    269,
    FastCheck.asyncProperty(usage, async ({ badRows, bytes, dataset }) => {
      answer = { status: 200, bytes };
      const text = decoded(bytes);
      const said = text === undefined ? undefined : saidIn(dataset, text);
      const config = { ...defaults, badRows, gates: "warn", maxWalks: 1 } as const;
      const walked = walk(partition(dataset), config).pipe(Effect.provideService(SegmentClient, client));
      const outcome = outcomeOf(await Effect.runPromiseExit(walked));
      if ("value" in outcome) {
        assert.isDefined(said, "what is no body of usage passed");
        for (const { message } of outcome.value.warnings) assertSaid(message);
        for (const { reason } of outcome.value.rejects) assertSaid(reason);
        return assertKept(dataset, outcome.value, said!);
      }
      const { error } = outcome;
      if (said === undefined) return assert.strictEqual(error._tag, "SegmentError");
      const isBad = badRows === "fail" && said.rows.includes(undefined);
      if (isBad) return assert.strictEqual(error.reason, "BadRow");
      // Both snapshots of a moment are of rows that are right.
      if (folded(said.rows.filter((row) => row !== undefined)) === "conflict") {
        return assert.strictEqual(error.reason, "ConflictingRows");
      }
      return assert.isTrue(error.reason === "ShortPage" && said.next !== undefined, `refused: ${error.message}`);
    }),
  );

  fuzz(
    "of sources or of the workspace is names as they were sent, or refused",
    60,
    FastCheck.asyncProperty(
      FastCheck.constantFrom("sources" as const, "workspace" as const).chain((what) =>
        FastCheck.tuple(FastCheck.constant(what), inBytes(what === "sources" ? sourcesBody : workspaceBody)),
      ),
      async ([what, bytes]) => {
        answer = { status: 200, bytes };
        const call: Effect.Effect<unknown, unknown> =
          what === "sources" ? client.sourcesPage(undefined) : client.workspace;
        const outcome = outcomeOf(await Effect.runPromiseExit(call));
        if ("error" in outcome) return;
        const body = JSON.parse(decoded(bytes) ?? "null").data;
        const found = (
          what === "sources" ? (outcome.value as { rows: unknown }).rows : [outcome.value]
        ) as ReadonlyArray<Readonly<Record<string, unknown>>>;
        const sent = what === "sources" ? body.sources : [body.workspace];
        assert.strictEqual(found.length, sent.length);
        for (const [index, { id, name, slug }] of found.entries()) {
          assert.deepStrictEqual([id, slug], [sent[index].id, sent[index].slug.toWellFormed()]);
          assert.isTrue(String(id).isWellFormed() && String(name).isWellFormed() && String(slug).isWellFormed());
        }
      },
    ),
  );

  fuzz(
    "with any status, headers and body is an error that says so",
    60,
    FastCheck.asyncProperty(
      FastCheck.record({
        status: FastCheck.oneof(
          FastCheck.integer({ min: 200, max: 599 }),
          FastCheck.constantFrom(401, 403, 404, 422, 503),
        ),
        message: FastCheck.oneof(FastCheck.string({ unit: "binary" }), FastCheck.constant("x".repeat(100_000))),
        bytes: FastCheck.oneof(FastCheck.constant(undefined), FastCheck.uint8Array(), inBytes(FastCheck.json())),
        date: FastCheck.string(),
        retry: FastCheck.constantFrom(
          "",
          "0",
          "-1",
          "1e9",
          "soon",
          "Thu, 01 Jan 1970 00:00:00 GMT",
          "99999999999999999999",
        ),
      }),
      async ({ bytes, date, message, retry, status }) => {
        const said = { errors: [{ type: message, message, field: message, data: { msBeforeNext: 1e300 } }] };
        // A wait that is ordered is obeyed, and may be long.
        const waits = status === 429 || status === 503 || status === 408 || status === 425 || status >= 500;
        answer = {
          status,
          bytes: bytes ?? Buffer.from(JSON.stringify(said)),
          headers: {
            ...(/^[\x20-\x7e]*$/.test(date) ? { date } : {}),
            ...(waits || retry === "" ? {} : { "retry-after": retry }),
          },
        };
        if (status === 429) return;
        const outcome = outcomeOf(await Effect.runPromiseExit(client.workspace));
        assert.isTrue("error" in outcome || status === 200);
      },
    ),
  );

  fuzz(
    "that is deep, however deep, is refused",
    3,
    FastCheck.asyncProperty(
      FastCheck.constantFrom(...datasetNames),
      FastCheck.integer({ min: 60, max: 500_000 }),
      FastCheck.constantFrom(["[", "]"], ['{"a":', "}"]),
      FastCheck.nat(3),
      async (dataset, levels, [open, close], place) => {
        const inner = open!.repeat(levels) + (open === "[" ? "" : "1") + close!.repeat(levels);
        const row = `{"apiCalls":1,"timestamp":"2024-01-01","deep":${inner}}`;
        const key = JSON.parse(lastPage).data;
        const list = Object.keys(key).find(
          (name) => saidIn(dataset, `{"data":{"${name}":[],"pagination":{}}}`) !== undefined,
        );
        const places = [
          `{"data":{"${list}":[${row}],"pagination":{}}}`,
          inner,
          `{"data":{"${list}":[],"pagination":{"next":${inner}}}}`,
          `{"data":${inner}}`,
        ];
        answer = { status: 200, bytes: Buffer.from(places[place]!) };
        const page = client.usagePage({ dataset, month: partition(dataset).month, cursor: undefined });
        assert.isTrue("error" in outcomeOf(await Effect.runPromiseExit(page)));
      },
    ),
  );
});
