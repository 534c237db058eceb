import { assert, describe, it } from "@effect/vitest";
import * as Option from "effect/Option";
import * as fc from "fast-check";
import { Books, type Capture, type RunRow, type SourceRow, UsageMonth, type WorkspaceRow } from "../src/index.ts";

const month = Option.getOrThrow(UsageMonth.parse("2024-01"));

const capture = (captureId: string, capturedAt: number): Capture.Capture => ({
  captureId,
  runId: "r1",
  partition: { workspaceId: "w1", dataset: "workspace-api-calls", month },
  state: "open",
  outcome: "captured",
  rows: 1,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt,
});

const run = (run_id: string, started: number, ended: number | null = null): RunRow => ({
  run_id,
  command: "nightly",
  arguments: "{}",
  version: "1",
  started,
  ended,
  exit: ended === null ? null : 0n,
  totals: ended === null ? null : "{}",
});

const workspace = (name: string, first_seen: number, last_seen: number): WorkspaceRow => ({
  id: "w1",
  slug: "acme",
  name,
  first_seen,
  last_seen,
});

const source = (id: string, name: string, first_seen: number, last_seen: number): SourceRow => ({
  id,
  slug: id,
  name,
  type: "javascript",
  enabled: true,
  labels: "[]",
  first_seen,
  last_seen,
});

const books = (changes: Partial<Books.Books>): Books.Books => ({ ...Books.empty, ...changes });

describe("two books as one", () => {
  it("have the captures of both, once, in the order in which they were made", () => {
    const a = books({ captures: [capture("c1", 1), capture("c4", 4)] });
    const b = books({ captures: [capture("c1", 1), capture("b", 2), capture("a", 2)] });
    assert.deepStrictEqual(
      Books.merge(a, b).captures.map(({ captureId }) => captureId),
      ["c1", "a", "b", "c4"],
    );
  });

  it("have the runs of both, as they ended where one of them knows it, in the order in which they began", () => {
    const a = books({ runs: [run("r2", 2, 5), run("r3", 3)] });
    const b = books({ runs: [run("r1", 1), run("r2", 2), run("r3", 3, 6), run("r0", 3)] });
    const expected = [run("r1", 1), run("r2", 2, 5), run("r0", 3), run("r3", 3, 6)];
    assert.deepStrictEqual(Books.merge(a, b).runs, expected);
    assert.deepStrictEqual(Books.merge(b, a).runs, expected);
  });

  it("call everything what it was called last, and know it since it was seen first", () => {
    const a = books({
      workspaces: [workspace("Acme", 1, 9)],
      sources: [source("b", "B", 5, 9), source("a", "A", 1, 1)],
    });
    const b = books({ workspaces: [workspace("Before", 0, 8)], sources: [source("b", "Before", 2, 8)] });
    for (const merged of [Books.merge(a, b), Books.merge(b, a)]) {
      assert.deepStrictEqual(merged.workspaces, [workspace("Acme", 0, 9)]);
      assert.deepStrictEqual(merged.sources, [source("a", "A", 1, 1), source("b", "B", 2, 9)]);
    }
  });

  it("are empty where both are", () => assert.deepStrictEqual(Books.merge(Books.empty, Books.empty), Books.empty));
});

const id = fc.integer({ min: 1, max: 4 });

/** Books as a sink has them: one entry an id, what is called the same at the same time says the same. */
const booksArbitrary: fc.Arbitrary<Books.Books> = fc
  .record({
    captures: fc.uniqueArray(id),
    runs: fc.uniqueArray(fc.tuple(id, fc.boolean()), { selector: ([one]) => one }),
    sources: fc.uniqueArray(fc.tuple(id, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 3, max: 5 })), {
      selector: ([one]) => one,
    }),
  })
  .map(({ captures, runs, sources }) =>
    Books.merge(Books.empty, {
      captures: captures.map((one) => capture(`c${one}`, one)),
      runs: runs.map(([one, hasEnded]) => run(`r${one}`, one, hasEnded ? one + 10 : null)),
      workspaces: [],
      sources: sources.map(([one, first, last]) => source(`s${one}`, `seen ${last}`, first, last)),
    }),
  );

describe("books as one, for any books", () => {
  it("are the same from either side, in any grouping, and again", () => {
    fc.assert(
      fc.property(booksArbitrary, booksArbitrary, booksArbitrary, (a, b, c) => {
        const merged = Books.merge(a, b);
        assert.deepStrictEqual(Books.merge(b, a), merged);
        assert.deepStrictEqual(Books.merge(merged, c), Books.merge(a, Books.merge(b, c)));
        assert.deepStrictEqual(Books.merge(merged, a), merged);
        assert.deepStrictEqual(Books.merge(a, a), a);
        assert.deepStrictEqual(Books.merge(a, Books.empty), a);
      }),
    );
  });
});
