import { assert, describe, it } from "@effect/vitest";
import type { Name } from "@segmeter/domain";
import { type Page, SegmentClient, type SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import { readSources } from "../src/index.ts";
import { notFound } from "./Setting.ts";

const source = (id: string, slug = id): Name.Source => ({
  id,
  slug,
  name: slug,
  type: "javascript",
  enabled: true,
  labels: [],
});

type Answer = Pick<Page<Name.Source>, "rows"> & { readonly next?: string };

/** Reads from a service whose pages are named by their cursors; the first is `first`. */
const read = (pages: Readonly<Record<string, Answer | SegmentError>>) => {
  const cursors: Array<string | undefined> = [];
  const unused = Effect.die("not part of the script");
  const client = SegmentClient.of({
    workspace: unused,
    usagePage: () => unused,
    throttledMs: Effect.succeed(0),
    serviceClock: Effect.succeed(undefined),
    sourcesPage: (cursor) => {
      cursors.push(cursor);
      const page = pages[cursor ?? "first"]!;
      if (!("rows" in page)) return Effect.fail(page);
      return Effect.succeed({ rows: page.rows, next: page.next, totalEntries: undefined, pageSize: 1_000 });
    },
  });
  return { cursors, result: Effect.provideService(readSources, SegmentClient, client) };
};

describe("readSources", () => {
  it.effect("reads all pages, in the service's order", () =>
    Effect.gen(function* () {
      const { cursors, result } = read({
        first: { rows: [source("b"), source("a")], next: "x" },
        x: { rows: [source("c")], next: "y" },
        y: { rows: [] },
      });
      assert.deepStrictEqual(yield* result, [source("b"), source("a"), source("c")]);
      assert.deepStrictEqual(cursors, [undefined, "x", "y"]);
    }),
  );

  it.effect("gives a source that comes twice once, as it was last", () =>
    Effect.gen(function* () {
      const { result } = read({
        first: { rows: [source("a", "old"), source("b")], next: "x" },
        x: { rows: [source("a", "new")] },
      });
      assert.deepStrictEqual(yield* result, [source("a", "new"), source("b")]);
    }),
  );

  it.effect("fails when a cursor is repeated", () =>
    Effect.gen(function* () {
      const { cursors, result } = read({
        first: { rows: [], next: "x" },
        x: { rows: [], next: "y" },
        y: { rows: [], next: "x" },
      });
      const error = yield* Effect.flip(result);
      assert.include(error.message, "same cursor twice");
      assert.strictEqual(cursors.length, 3);
    }),
  );

  it.effect("fails when the same sources come under ever new cursors", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 9 }, (_, index) => String(index));
      for (const rows of [[source("a")], []]) {
        const { cursors, result } = read(
          Object.fromEntries(["first", ...names].map((name, index) => [name, { rows, next: String(index) }])),
        );
        assert.include((yield* Effect.flip(result)).message, "again and again");
        assert.strictEqual(cursors.length, 4);
      }
    }),
  );

  it.effect("fails as the client does", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(read({ first: { rows: [], next: "x" }, x: notFound }).result), notFound);
    }),
  );
});
