/**
 * The contract on giving books from one sink to another.
 */
import { assert } from "@effect/vitest";
import { type Books, bookTables, Capture, Instant, type RunRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { fillBooks, names, noon, run } from "./SampleBooks.ts";
import { partition, sample, sampleCapture } from "./Samples.ts";
import type { SinkTest } from "./SinkStore.ts";

/** Everything but what is given. */
const other = (books: Books.Books): Books.Books => ({
  captures: books.captures.map((capture) => ({ ...capture, captureId: `${capture.captureId}-other` })),
  runs: books.runs.map((row) => ({ ...row, run_id: `${row.run_id}-other`, started: row.started + 10 })),
  workspaces: [],
  sources: books.sources.map((row) => ({ ...row, id: `${row.id}-other` })),
});

export const addBooksContract = (test: SinkTest): void => {
  test("books have everything of one workspace, in their order", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        yield* fillBooks(sink, "w1");
        yield* fillBooks(sink, "w2");
        const books = yield* sink.books("w1");
        assert.deepStrictEqual(books.captures, yield* sink.captures("w1"));
        assert.deepStrictEqual(books.captures, books.captures.toSorted(Capture.byTime));
        assert.lengthOf(books.captures, 6);
        assert.deepStrictEqual(
          books.runs.map((row) => row.run_id),
          ["first", "later"],
        );
        assert.deepStrictEqual(
          books.workspaces.map((row) => row.name),
          ["“w1”"],
        );
        assert.deepStrictEqual(
          books.sources.map((row) => row.id),
          ["s1", "s2", "😀", "～"],
        );
      }),
    ));

  test("captures of one instant are in the order of their ids", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        const of = partition("workspace-mtu");
        const all = ["c", "a", "～", "b", "😀"].map((captureId) => sampleCapture(of, { captureId, capturedAt: noon }));
        yield* Effect.forEach(all, (each) => sink.record(each));
        assert.deepStrictEqual(yield* sink.captures(), all.toSorted(Capture.byTime));
        assert.deepStrictEqual((yield* sink.books(of.workspaceId)).captures, all.toSorted(Capture.byTime));
      }),
    ));

  test("a sink without anything has no workspaces, and empty books", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* sink.workspaceIds, []);
        assert.deepStrictEqual(yield* sink.books("nobody"), { captures: [], runs: [], workspaces: [], sources: [] });
      }),
    ));

  test("workspaces are all that anything is known of, once each, in order", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        yield* sink.saveRun(run("r", "～", noon));
        yield* sink.replace(sample(partition("source-mtu", "2024-01", "w2")));
        yield* sink.record(sampleCapture(partition("source-mtu", "2024-01", "w1"), { outcome: "failed" }));
        yield* sink.saveNames(names("😀", noon));
        yield* fillBooks(sink, "w2");
        assert.deepStrictEqual(yield* sink.workspaceIds, ["w1", "w2", "😀", "～"]);
      }),
    ));

  test("books added to an empty sink are the books of the other, once or twice", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const books = yield* using((sink) => Effect.andThen(fillBooks(sink, "w1"), sink.books("w1")));
      const tables = Object.values(bookTables);
      const before = yield* Effect.forEach(tables, rowsOf);
      // The same books under another id, for the sink of a test is one.
      const copied: Books.Books = {
        captures: books.captures.map((capture) => ({
          ...capture,
          captureId: `${capture.captureId}-copy`,
          partition: { ...capture.partition, workspaceId: "w2" },
        })),
        runs: books.runs.map((row) => ({ ...row, run_id: `${row.run_id}-copy` })),
        workspaces: books.workspaces.map((row) => ({ ...row, id: "w2" })),
        sources: books.sources,
      };
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.addBooks("w2", copied);
          assert.deepStrictEqual(yield* sink.books("w2"), copied);
          yield* sink.addBooks("w2", copied);
          assert.deepStrictEqual(yield* sink.books("w2"), copied);
          assert.deepStrictEqual(yield* sink.books("w1"), books);
          // Captures in the ledger alone are none that is held.
          assert.deepStrictEqual(yield* sink.held("w2"), []);
          assert.deepStrictEqual(yield* sink.workspaceIds, ["w1", "w2"]);
        }),
      );
      const after = yield* Effect.forEach(tables, rowsOf);
      assert.deepStrictEqual(
        after.map((rows) => rows.length),
        before.map((rows) => 2 * rows.length),
      );
      assert.deepStrictEqual(
        after.map((rows) => rows.filter((row) => row["workspace_id"] === "w1")),
        before,
      );
    }));

  test("books that are added take nothing away, and what they say stands", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        yield* fillBooks(sink, "w1");
        yield* fillBooks(sink, "w2");
        const [before, neighbour] = [yield* sink.books("w1"), yield* sink.books("w2")];
        const added = other(before);
        yield* sink.addBooks("w1", added);
        const both = {
          captures: [...before.captures, ...added.captures].toSorted(Capture.byTime),
          runs: [...before.runs, ...added.runs],
          workspaces: before.workspaces,
          sources: [...before.sources, ...added.sources].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        };
        assert.deepStrictEqual(yield* sink.books("w1"), both);
        const ended: RunRow = { ...both.runs[0]!, ended: noon + 5, exit: 1n, totals: "{}" };
        const entry: Capture.Capture = { ...both.captures[0]!, requests: 77 };
        const workspace = { ...both.workspaces[0]!, name: "renamed" };
        const source = { ...both.sources[1]!, name: "renamed", enabled: false };
        yield* sink.addBooks("w1", { captures: [entry], runs: [ended], workspaces: [workspace], sources: [source] });
        assert.deepStrictEqual(yield* sink.books("w1"), {
          captures: both.captures.with(0, entry),
          runs: both.runs.with(0, ended),
          workspaces: [workspace],
          sources: both.sources.with(1, source),
        });
        assert.deepStrictEqual(yield* sink.books("w2"), neighbour);
        yield* sink.addBooks("w1", { captures: [], runs: [], workspaces: [], sources: [] });
        assert.deepStrictEqual((yield* sink.books("w1")).runs, both.runs.with(0, ended));
      }),
    ));

  test("names that are seen again on the same day stay as they are", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      yield* using((sink) => sink.saveNames(names("w1", noon, "s1", "s2")));
      const tables = [bookTables.workspaces, bookTables.sources];
      const before = yield* Effect.forEach(tables, rowsOf);
      yield* using((sink) => sink.saveNames(names("w1", noon + Instant.microsPerDay / 4, "s2", "s1")));
      assert.deepStrictEqual(yield* Effect.forEach(tables, rowsOf), before);
      yield* using((sink) => sink.saveNames(names("w1", noon + Instant.microsPerDay, "s1", "s2")));
      const [[workspace] = [], sources = []] = yield* Effect.forEach(tables, rowsOf);
      assert.deepStrictEqual(workspace, { ...before[0]![0], last_seen: noon + Instant.microsPerDay });
      assert.deepStrictEqual(
        sources.map((row) => row["last_seen"]),
        [noon + Instant.microsPerDay, noon + Instant.microsPerDay],
      );
    }));
};
