/**
 * Cursors, which are opaque: whatever text the service gives for one comes back to it as it was, once.
 */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest";
import { SegmentClient, type SegmentClientShape } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import * as FastCheck from "fast-check";
import { extract } from "../../packages/flow/src/Extract.ts";
import { partition } from "../../packages/flow/test/Setting.ts";
import { clientFor, scripted } from "../../packages/segment/test/Setting.ts";
import { fuzz } from "./Fuzz.ts";
import { outcomeOf } from "./Typed.ts";

const scope = Effect.runSync(Scope.make());
let client: SegmentClientShape;
/** Given one after the other, then no more. */
let given: ReadonlyArray<string>;
/** As they came, percent signs and all. */
let received: Array<string | undefined>;

beforeAll(async () => {
  const opened = Effect.gen(function* () {
    const service = yield* scripted((response, _, { url }) => {
      received.push(/[?&]pagination\.cursor=([^&]*)/.exec(url)?.[1]);
      const next = given[received.length - 1];
      const pagination = next === undefined ? {} : { next };
      // Another row on each page: those that go on with the same ones are ended for that.
      response.end(JSON.stringify({ data: { dailyWorkspaceMTUUsage: [{ page: received.length }], pagination } }));
    });
    return yield* clientFor(service.url, { maxTries: 1 });
  });
  client = await Effect.runPromise(Scope.provide(opened, scope));
});

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)));

/** What stood in a query, in bytes: a plus is a blank. */
const bytesOf = (sent: string | undefined): string =>
  Buffer.from(
    (sent ?? "")
      .replaceAll("+", " ")
      .replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("hex");

const hex = (text: string): string => Buffer.from(text).toString("hex");

const cursor = FastCheck.oneof(
  FastCheck.string({ unit: "binary", maxLength: 60 }),
  FastCheck.string({ unit: "grapheme", maxLength: 60 }),
  FastCheck.base64String({ minLength: 1 }),
  FastCheck.constantFrom(
    "a",
    "b",
    "",
    " ",
    "+",
    "%2B",
    "&pagination.count=1",
    "a#b",
    "\0",
    "\r\n\r\nGET /",
    "\u{1f600}",
    "é",
    "e\u0301",
  ),
  FastCheck.constantFrom("\ud800", "a\udfff", "../..", "?", "=", "\uFEFF", "__proto__", "null", "undefined"),
  FastCheck.integer({ min: 100, max: 5_000 }).map((length) => "x".repeat(length)),
);

describe("a cursor", () => {
  fuzz(
    "comes back byte for byte, once, and a second time ends the walk",
    80,
    FastCheck.asyncProperty(FastCheck.array(cursor, { maxLength: 6 }), async (cursors) => {
      given = cursors;
      received = [];
      const walked = Stream.runCollect(extract(partition("workspace-mtu"))).pipe(
        Effect.provideService(SegmentClient, client),
      );
      const outcome = outcomeOf(await Effect.runPromiseExit(walked));
      const ends = cursors.findIndex(
        (text, index) => text === "" || !text.isWellFormed() || cursors.indexOf(text) < index,
      );
      const followed = ends < 0 ? cursors : cursors.slice(0, ends);
      assert.deepStrictEqual(received.map(bytesOf), ["", ...followed.map(hex)]);
      if (ends < 0 || cursors[ends] === "") return assert.isTrue("value" in outcome);
      const reason = "error" in outcome ? outcome.error.reason : undefined;
      if (!cursors[ends]!.isWellFormed()) return assert.propertyVal(reason, "_tag", "UnexpectedBody");
      return assert.strictEqual(reason, "RepeatedCursor");
    }),
  );

  fuzz(
    "that is longer than a request may be is an error that says so",
    2,
    FastCheck.asyncProperty(FastCheck.integer({ min: 20_000, max: 2_000_000 }), async (length) => {
      given = ["x".repeat(length)];
      received = [];
      const page = client.usagePage({ ...partition("workspace-mtu"), cursor: given[0] });
      assert.isTrue("error" in outcomeOf(await Effect.runPromiseExit(page)));
    }),
  );
});
