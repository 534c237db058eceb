/**
 * The contract on revisions: versions that no longer stand change together with the rows that took their place.
 */
import { assert } from "@effect/vitest";
import {
  byVersion,
  Capture,
  datasetNames,
  datasetOf,
  revisionTables,
  type Row,
  type Sink,
  type Table,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { revisionsInTable, sampleHistory } from "./Histories.ts";
import { partition, sample } from "./Samples.ts";
import { byId, byKey, holds, inTable, type SinkTest, tableOf } from "./SinkStore.ts";

/** The sink has exactly this history of the partition. */
const remembers = Effect.fn("remembers")(function* (sink: Sink, expected: Capture.History) {
  yield* holds(sink, expected);
  assert.deepStrictEqual(yield* sink.revisions(expected.capture.partition), expected.revisions);
});

const revisionsOf = ({ capture }: Capture.History): Table => revisionTables[datasetOf(capture.partition.dataset).table];

/** Rows of a revisions table in key order. */
const stored = (...histories: ReadonlyArray<Capture.History>): ReadonlyArray<Row> =>
  histories.flatMap(revisionsInTable).toSorted(byKey(revisionsOf(histories[0]!)));

export const revisionsContract = (test: SinkTest): void => {
  for (const dataset of datasetNames) {
    test(`keeps every version that was superseded: ${dataset}`, ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const steps = sampleHistory(partition(dataset));
        yield* using((sink) =>
          Effect.forEach(steps, ({ history, superseded }) =>
            Effect.andThen(sink.replace(history, superseded), remembers(sink, history)),
          ),
        );
        const { history } = steps[3];
        assert.isAbove(history.revisions.length, 5);
        assert.deepStrictEqual(history.revisions, history.revisions.toSorted(byVersion));
        assert.deepStrictEqual(yield* rowsOf(revisionsOf(history)), stored(history));
        assert.deepStrictEqual(yield* rowsOf(tableOf(history.capture.partition)), inTable(history));
        yield* using((sink) => remembers(sink, history));
      }));
  }

  test("knows no revisions of what it never got", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* sink.revisions(partition("source-mtu")), []);
        yield* sink.replace(sample(partition("source-mtu")));
        assert.deepStrictEqual(yield* sink.revisions(partition("source-mtu")), []);
      }),
    ));

  test("twice the same revisions equal once, and so do those of a capture that did not get through", ({
    rowsOf,
    using,
  }) =>
    Effect.gen(function* () {
      const [first, second, third] = sampleHistory(partition("source-mtu"));
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(first.history);
          yield* sink.replace(second.history, second.superseded);
          yield* sink.replace(second.history, second.superseded);
          yield* remembers(sink, second.history);
          yield* sink.replace(third.history, third.superseded);
          // What lies after `since` gives way, whatever it is; what was superseded at that very instant stays.
          const other = third.superseded.revisions.slice(1, 3);
          yield* sink.replace(third.history, { ...third.superseded, revisions: other });
          const kept = [...second.history.revisions, ...other].toSorted(byVersion);
          yield* remembers(sink, { ...third.history, revisions: kept });
          yield* sink.replace(third.history, third.superseded);
          yield* remembers(sink, third.history);
          assert.lengthOf(yield* sink.captures(), 3);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(revisionsOf(third.history)), stored(third.history));
    }));

  test("a capture that superseded nothing leaves the revisions as they are", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const [first, second] = sampleHistory(partition("workspace-mtu"));
      const later = sample(partition("workspace-mtu"), { days: 12 });
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(first.history);
          yield* sink.replace(second.history, second.superseded);
          yield* sink.replace(later);
          yield* remembers(sink, { ...later, revisions: second.history.revisions });
          const { capturedAt } = second.history.capture;
          yield* sink.replace(second.history, { since: capturedAt, revisions: [], captures: [] });
          yield* remembers(sink, second.history);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(revisionsOf(first.history)), stored(second.history));
    }));

  test("a whole history takes the place of another, or of none, with the captures that led there", ({
    rowsOf,
    using,
  }) =>
    Effect.gen(function* () {
      const of = partition("source-api-calls");
      const steps = sampleHistory(of);
      const others = sampleHistory(of);
      const { history } = steps[3];
      const captures = steps.map((step) => step.history.capture);
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(others[0].history);
          yield* sink.replace(others[1].history, others[1].superseded);
          yield* sink.replace(history, Capture.wholly(history, captures.slice(0, 3)));
          yield* sink.replace(history, Capture.wholly(history, captures.slice(0, 3)));
          yield* remembers(sink, history);
          assert.deepStrictEqual(yield* sink.held(of.workspaceId), [history.capture]);
          const ledger = [...captures, others[0].history.capture, others[1].history.capture];
          assert.deepStrictEqual(yield* sink.captures(of.workspaceId), ledger.toSorted(Capture.byTime));
          const february = sampleHistory(partition("source-api-calls", "2024-02"))[2].history;
          yield* sink.replace(february, Capture.wholly(february, []));
          yield* remembers(sink, february);
          yield* remembers(sink, history);
          // And back: a history may be shorter than the one before.
          yield* sink.replace(steps[1].history, Capture.wholly(steps[1].history, []));
          yield* remembers(sink, steps[1].history);
          yield* sink.replace(history, Capture.wholly({ ...history, revisions: [] }, []));
          yield* remembers(sink, { ...history, revisions: [] });
          yield* remembers(sink, february);
        }),
      );
      const february = sampleHistory(partition("source-api-calls", "2024-02"))[2].history;
      assert.deepStrictEqual(yield* rowsOf(revisionsOf(history)), stored(february));
    }));

  test("revisions of other partitions and workspaces stay as they are", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const of = partition("source-mtu", "2024-02", "workspace-b");
      const neighbours = [
        partition("source-mtu", "2024-01", "workspace-b"),
        partition("source-mtu", "2024-03", "workspace-b"),
        partition("source-mtu", "2024-02", "workspace-a"),
        partition("workspace-mtu", "2024-02", "workspace-b"),
        partition("source-api-calls", "2024-02", "workspace-b"),
      ].map((neighbour) => sampleHistory(neighbour)[2].history);
      const steps = sampleHistory(of);
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* Effect.forEach(neighbours, (each) => sink.replace(each, Capture.wholly(each, [])));
          for (const { history, superseded } of steps) {
            yield* sink.replace(history, superseded);
            yield* Effect.forEach(neighbours, (neighbour) => remembers(sink, neighbour));
          }
          yield* sink.replace(steps[1].history, Capture.wholly(steps[1].history, []));
          yield* Effect.forEach([...neighbours, steps[1].history], (each) => remembers(sink, each));
        }),
      );
      for (const same of [[...neighbours.slice(0, 3), steps[1].history], neighbours.slice(3, 4), neighbours.slice(4)]) {
        assert.deepStrictEqual(yield* rowsOf(revisionsOf(same[0]!)), stored(...same));
      }
    }));

  test("several histories at once lose nothing", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        const months = ["2024-01", "2024-02", "2024-03"];
        const all = months.flatMap((month) => datasetNames.map((dataset) => sampleHistory(partition(dataset, month))));
        for (const step of [0, 1, 2, 3] as const) {
          yield* Effect.forEach(all, (steps) => sink.replace(steps[step].history, steps[step].superseded), {
            concurrency: "unbounded",
          });
        }
        yield* Effect.forEach(all, (steps) => remembers(sink, steps[3].history));
        const captures = all.flatMap((steps) => steps.map(({ history }) => history.capture));
        assert.deepStrictEqual(byId(yield* sink.captures()), byId(captures));
      }),
    ));
};

/** Only for sinks that there is something too large for. */
export const revisionsRefusalContract = (test: SinkTest): void => {
  test("a replace that fails leaves rows, revisions and ledger as they were", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const [first, second, third] = sampleHistory(partition("source-mtu"));
      const tooLarge = <R extends object>(row: R): R => ({ ...row, identified: 2n ** 63n });
      const lastTooLarge = <R extends object>(rows: ReadonlyArray<R>): ReadonlyArray<R> =>
        rows.map((row, index) => (index === rows.length - 1 ? tooLarge(row) : row));
      const { history, superseded } = third;
      const badRows = { ...history, rows: lastTooLarge(history.rows) };
      const badRevisions = { ...superseded, revisions: lastTooLarge(superseded.revisions) };
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(first.history);
          yield* sink.replace(second.history, second.superseded);
          for (const bad of [
            sink.replace(badRows, superseded),
            sink.replace(badRows, Capture.wholly(history, [])),
            sink.replace(history, badRevisions),
            sink.replace(history, { ...badRevisions, since: 0 }),
          ]) {
            const error = yield* Effect.flip(bad);
            assert.strictEqual(error.reason, "Unrepresentable");
            yield* remembers(sink, second.history);
          }
          assert.deepStrictEqual(yield* sink.captures(), [first.history.capture, second.history.capture]);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(revisionsOf(history)), stored(second.history));
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* remembers(sink, second.history);
          yield* sink.replace(history, superseded);
          yield* remembers(sink, history);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(revisionsOf(history)), stored(history));
    }));
};
