import { assert, describe, it } from "@effect/vitest";
import { Unavailable } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { extract } from "../src/Extract.ts";
import { FlowError } from "../src/index.ts";
import {
  notFound,
  paged,
  partition,
  refusal,
  type Script,
  scripted,
  stage,
  walks,
  wireDays,
  wireMtu,
} from "./Setting.ts";

const of = partition("workspace-mtu");

const collect = (script: Script, pages = Number.POSITIVE_INFINITY) => {
  const service = scripted(script);
  const { events, provide } = stage(service);
  const collected = provide(extract(of).pipe(Stream.take(pages), Stream.runCollect));
  return { service, events, collected };
};

const reasonOf = (error: unknown): string =>
  error instanceof FlowError ? error.reason : (error as { readonly reason: { readonly _tag: string } }).reason._tag;

describe("extract", () => {
  it.effect("gives the pages in order, each asked for once by the cursor of the one before", () =>
    Effect.gen(function* () {
      const rows = wireDays(7);
      const { collected, events, service } = collect(walks(paged(rows, 3, 7)));
      const pages = yield* collected;
      assert.deepStrictEqual(
        pages.flatMap((page) => page.rows),
        rows,
      );
      assert.deepStrictEqual(
        service.requests.map(({ cursor }) => cursor),
        [undefined, "page-2", "page-3"],
      );
      assert.deepStrictEqual(
        events.map((event) => event._tag === "PageRead" && event.rows),
        [3, 3, 1],
      );
    }),
  );

  it.effect("asks for the next page only when it is wanted", () =>
    Effect.gen(function* () {
      for (const wanted of [1, 2, 3]) {
        const { collected, service } = collect(walks(paged(wireDays(9), 3)), wanted);
        assert.strictEqual((yield* collected).length, wanted);
        assert.strictEqual(service.requests.length, wanted);
      }
    }),
  );

  const page = { rows: [wireMtu(1)] };
  const cycles = {
    "at once": [page, { ...page, next: "page-2" }],
    "after others": [page, page, page, { ...page, next: "page-3" }],
    "from the first": [page, page, { ...page, next: "page-2" }],
  };
  for (const [when, pages] of Object.entries(cycles)) {
    it.effect(`fails when a cursor is repeated ${when}`, () =>
      Effect.gen(function* () {
        const { collected, service } = collect(walks(pages));
        const error = yield* Effect.flip(collected);
        assert.strictEqual(reasonOf(error), "RepeatedCursor");
        assert.strictEqual(service.requests.length, pages.length, "the repeated page is not asked for again");
      }),
    );
  }

  const circles = {
    "the same row": [{ rows: [wireMtu(3), wireMtu(4)] }],
    nothing: [{ rows: [] }],
    "a few rows in turn": [{ rows: [wireMtu(1)] }, { rows: [wireMtu(2)] }, { rows: [wireMtu(3)] }],
  };
  for (const [what, circle] of Object.entries(circles)) {
    it.effect(`fails when pages under ever new cursors begin with ${what}`, () =>
      Effect.gen(function* () {
        const endless = Array.from({ length: 100 }, (_, index) => circle[index % circle.length]!);
        const { collected, service } = collect(walks(endless));
        assert.strictEqual(reasonOf(yield* Effect.flip(collected)), "EndlessWalk");
        assert.strictEqual(service.requests.length, 3 * circle.length + 1);
      }),
    );
  }

  it.effect("goes on when days that arrive shift a whole page, twice", () =>
    Effect.gen(function* () {
      const { collected } = collect(walks([page, page, page, { rows: [wireMtu(2)] }]));
      assert.strictEqual((yield* collected).length, 4);
    }),
  );

  it.effect("takes a 404 on a later page for a month that vanished while it was read", () =>
    Effect.gen(function* () {
      const { collected } = collect(walks([page, notFound]));
      assert.strictEqual(reasonOf(yield* Effect.flip(collected)), "Vanished");
    }),
  );

  it.effect("leaves a 404 on the first page as it is: there is no such month", () =>
    Effect.gen(function* () {
      const { collected } = collect(walks([notFound]));
      assert.strictEqual(yield* Effect.flip(collected), notFound);
    }),
  );

  it.effect("leaves other failures as they are, on any page", () =>
    Effect.gen(function* () {
      const unavailable = refusal(new Unavailable({ status: 503 }));
      assert.strictEqual(yield* Effect.flip(collect(walks([unavailable])).collected), unavailable);
      assert.strictEqual(yield* Effect.flip(collect(walks([page, page, unavailable])).collected), unavailable);
    }),
  );
});
