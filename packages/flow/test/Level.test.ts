/**
 * Sinks that lag are brought up from those that know more, and no ledger names a held capture before it is part of the history.
 */
import { assert, describe, it } from "@effect/vitest";
import { type MemorySink, sinkError, type SourceRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { copyTo, isLevelIn, knownOf, level, levelBooks, partiesOf } from "../src/Level.ts";
import { momentAfter } from "../src/Revise.ts";
import { rowsAt } from "../src/History.ts";
import { calls, captureInto, earlierCalls, start } from "./Captures.ts";
import { captureOf, heldIn, memorySink, partition, plainRows, replacing, workspaceId } from "./Setting.ts";

const captures = (sink: MemorySink): ReadonlyArray<string> => [...sink.ledger.keys()].sort();

/** parquet saw 1, 2 and 4; duckdb 1, 3 and 5. */
const apart = Effect.fnUntraced(function* () {
  const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
  for (const [id, figures, sinks] of [
    [1, [1n, 2n], [parquet, duckdb]],
    [2, [1n, 3n], [parquet]],
    [3, [1n], [duckdb]],
    [4, [1n, 3n, 4n], [parquet]],
    [5, [2n, 3n], [duckdb]],
  ] as const) {
    yield* captureInto(sinks, id, figures);
  }
  return { parquet, duckdb };
});

const levelled = (sinks: ReadonlyArray<MemorySink>, at = calls) =>
  Effect.flatMap(partiesOf(workspaceId, sinks), (parties) => level(at, parties));

describe("level", () => {
  it.effect(
    "brings two sinks that each know more than the other to one history, and to the captures it came from",
    () =>
      Effect.gen(function* () {
        const { duckdb, parquet } = yield* apart();
        const { known, to } = yield* levelled([parquet, duckdb]);
        assert.sameMembers([...to], ["parquet", "duckdb"]);
        assert.strictEqual(known.history.capture.captureId, "c5");
        for (const sink of [parquet, duckdb]) {
          assert.deepStrictEqual(captures(sink), ["c1", "c2", "c3", "c4", "c5"]);
          const history = { ...heldIn(sink, calls)!, revisions: yield* sink.revisions(calls) };
          assert.deepStrictEqual(
            [1, 2, 3, 4, 5].map((id) => plainRows(rowsAt(history, start + id)).map((row) => row["api_calls"])),
            [["1", "2"], ["1", "3"], ["1"], ["1", "3", "4"], ["2", "3"]],
          );
        }
      }),
  );

  it.effect("writes to no sink that has seen everything, and to none the second time", () =>
    Effect.gen(function* () {
      const parquet = memorySink("parquet");
      yield* captureInto([parquet], 1, [1n]);
      yield* captureInto([parquet], 2, [2n]);
      const [duckdb, empty] = [memorySink("duckdb"), memorySink("memory")];
      yield* captureInto([duckdb], 1, [1n]);
      const untouched = replacing(parquet, () => Effect.fail(sinkError("replace", "Broken", "It was written.")));
      assert.deepStrictEqual((yield* levelled([untouched, duckdb, empty])).to, ["duckdb", "memory"]);
      assert.deepStrictEqual((yield* levelled([untouched, duckdb, empty])).to, []);
      for (const sink of [duckdb, empty]) {
        assert.deepStrictEqual(sink.partitions, parquet.partitions);
        assert.deepStrictEqual(sink.superseded, parquet.superseded);
        assert.deepStrictEqual(sink.ledger, parquet.ledger);
      }
    }),
  );

  it.effect("brings up what lacks captures though it holds the newest", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      yield* captureInto([parquet], 1, [1n]);
      yield* captureInto([parquet], 2, [2n]);
      yield* captureInto([duckdb], 2, [2n]);
      for (const sinks of [
        [parquet, duckdb],
        [duckdb, parquet],
      ]) {
        assert.deepStrictEqual((yield* levelled(sinks)).to, sinks[0] === parquet ? ["duckdb"] : []);
      }
      assert.deepStrictEqual(duckdb.superseded, parquet.superseded);
    }),
  );

  it.effect("leaves, when it is cut off, a sink behind that shows it, and loses nothing", () =>
    Effect.gen(function* () {
      for (const order of [0, 1]) {
        for (const failing of [0, 1]) {
          const { duckdb, parquet } = yield* apart();
          const sinks = order === 0 ? [parquet, duckdb] : [duckdb, parquet];
          const spoiled = sinks.map((sink, index) =>
            index === failing ? replacing(sink, () => Effect.fail(sinkError("replace", "Full", "It is full."))) : sink,
          );
          yield* Effect.flip(levelled(spoiled));
          const ledgers = yield* Effect.forEach(sinks, (sink) => sink.held(workspaceId));
          assert.isFalse(isLevelIn(ledgers)(calls), "until both are done they hold different captures");
          yield* levelled(sinks);
          assert.deepStrictEqual(captures(parquet), ["c1", "c2", "c3", "c4", "c5"]);
          assert.deepStrictEqual(parquet.superseded, duckdb.superseded);
          assert.deepStrictEqual(parquet.partitions, duckdb.partitions);
        }
      }
    }),
  );

  it.effect("fails as damaged where no sink has what one of them listed", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(levelled([memorySink("parquet"), memorySink("duckdb")]));
      assert.strictEqual(error.reason, "Damaged");
      assert.include(error.operation, "workspace-api-calls 2024-01");
    }),
  );
});

describe("what a sink knows", () => {
  it.effect("is its history and the held captures of the partition in its ledger, that it holds among them", () =>
    Effect.gen(function* () {
      const sink = memorySink();
      yield* captureInto([sink], 1, [1n]);
      yield* captureInto([sink], 2, [2n]);
      yield* captureInto([sink], 3, [2n], earlierCalls);
      yield* sink.record(captureOf(calls, { captureId: "failure", outcome: "failed" }));
      const [party] = yield* partiesOf(workspaceId, [sink]);
      const known = yield* knownOf(party!, calls);
      assert.deepStrictEqual(
        known?.captures.map(({ captureId }) => captureId),
        ["c1", "c2"],
      );
      assert.deepStrictEqual(known?.history, { ...heldIn(sink, calls)!, revisions: yield* sink.revisions(calls) });
      const behind = { sink, books: { ...party!.books, captures: [] } };
      assert.deepStrictEqual((yield* knownOf(behind, calls))?.captures, [known!.history.capture]);
      assert.isUndefined(yield* knownOf(party!, partition("source-mtu")));
    }),
  );

  it.effect("takes the place of everything that another knew, when it is copied", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* apart();
      const [party] = yield* partiesOf(workspaceId, [parquet]);
      yield* copyTo(duckdb, (yield* knownOf(party!, calls))!);
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
      assert.deepStrictEqual(duckdb.superseded, parquet.superseded);
    }),
  );
});

const source = (id: string, changes: Partial<SourceRow> = {}): SourceRow => ({
  id,
  slug: id,
  name: id,
  type: "javascript",
  enabled: true,
  labels: "[]",
  first_seen: 1,
  last_seen: 1,
  ...changes,
});

const run = (id: string, started: number, ended: number | null = null) => ({
  run_id: id,
  command: "nightly",
  arguments: "{}",
  version: "1",
  started,
  ended,
  exit: ended === null ? null : 0n,
  totals: ended === null ? null : "{}",
});

describe("levelBooks", () => {
  it.effect("gives every sink the runs, names and failures of the others, and says how many lacked some", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      const workspace = { id: workspaceId, slug: "acme", name: "Acme", first_seen: 1, last_seen: 2 };
      const failure = captureOf(calls, { captureId: "failure", outcome: "failed" });
      yield* parquet.addBooks(workspaceId, {
        captures: [failure],
        runs: [run("r1", 1, 5)],
        workspaces: [{ ...workspace, name: "Acme before" }],
        sources: [source("a", { last_seen: 3 }), source("b")],
      });
      yield* duckdb.addBooks(workspaceId, {
        captures: [],
        runs: [run("r1", 1), run("r2", 2)],
        workspaces: [{ ...workspace, first_seen: 2, last_seen: 4 }],
        sources: [source("a", { name: "before", last_seen: 2 }), source("c")],
      });
      const both = [parquet, duckdb];
      const levelled = Effect.flatMap(partiesOf(workspaceId, both), (parties) =>
        levelBooks(workspaceId, parties, () => true),
      );
      assert.strictEqual(yield* levelled, 2);
      for (const sink of both) {
        assert.deepStrictEqual(yield* sink.books(workspaceId), {
          captures: [failure],
          runs: [run("r1", 1, 5), run("r2", 2)],
          workspaces: [{ ...workspace, last_seen: 4 }],
          sources: [source("a", { last_seen: 3 }), source("b"), source("c")],
        });
      }
      assert.strictEqual(yield* levelled, 0);
    }),
  );

  it.effect("names no held capture to a sink that has not seen it, but every failure", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      yield* captureInto([parquet], 1, [1n]);
      yield* captureInto([duckdb], 2, [1n]);
      yield* captureInto([parquet, duckdb], 3, [1n], earlierCalls);
      yield* parquet.record(captureOf(calls, { captureId: "failure", outcome: "forbidden" }));
      const sinks = [parquet, duckdb];
      const parties = yield* partiesOf(workspaceId, sinks);
      const held = yield* Effect.forEach(sinks, (sink) => sink.held(workspaceId));
      assert.strictEqual(yield* levelBooks(workspaceId, parties, isLevelIn(held)), 1);
      assert.deepStrictEqual(captures(parquet), ["c1", "c3", "failure"]);
      assert.deepStrictEqual(captures(duckdb), ["c2", "c3", "failure"]);
    }),
  );

  it.effect("gives a held capture to a ledger that is behind its own sink", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      yield* captureInto([parquet, duckdb], 1, [1n]);
      duckdb.ledger.clear();
      const parties = yield* partiesOf(workspaceId, [parquet, duckdb]);
      const held = yield* Effect.forEach([parquet, duckdb], (sink) => sink.held(workspaceId));
      assert.strictEqual(yield* levelBooks(workspaceId, parties, isLevelIn(held)), 1);
      assert.deepStrictEqual(duckdb.ledger, parquet.ledger);
    }),
  );
});

describe("isLevelIn", () => {
  const [one, two] = [captureOf(calls, { captureId: "1" }), captureOf(calls, { captureId: "2" })];
  it("says whether all hold the same capture, or none", () => {
    assert.isTrue(isLevelIn([[one], [one]])(calls));
    assert.isFalse(isLevelIn([[one], [two]])(calls));
    assert.isFalse(isLevelIn([[one], []])(calls));
    assert.isFalse(isLevelIn([[one], [one], [two]])(calls));
    assert.isTrue(isLevelIn([[one], [two]])(earlierCalls));
    assert.isTrue(isLevelIn([[one]])(calls));
  });
});

describe("the moment of a capture", () => {
  it("is the present, and later than that of the capture before", () => {
    const before = captureOf(calls, { capturedAt: 100 });
    assert.strictEqual(momentAfter(50, undefined), 50);
    assert.deepStrictEqual(
      [50, 100, 101, 102].map((present) => momentAfter(present, before)),
      [101, 101, 101, 102],
    );
  });
});
