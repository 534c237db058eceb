/**
 * The contract on looking at everything that a sink has.
 */
import { assert } from "@effect/vitest";
import { bookTables, datasetNames } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { sampleHistory } from "./Histories.ts";
import { fillBooks } from "./SampleBooks.ts";
import { partition, sampleCapture, sampleWithout } from "./Samples.ts";
import { byId, type SinkTest } from "./SinkStore.ts";

export const inspectContract = (test: SinkTest): void => {
  test("an inspection finds nothing wrong with what was replaced and recorded, and changes nothing", ({
    rowsOf,
    using,
  }) =>
    Effect.gen(function* () {
      const histories = datasetNames.map((dataset) => sampleHistory(partition(dataset)));
      const without = [
        sampleWithout(partition("source-mtu", "2024-02"), "absent"),
        sampleWithout(partition("source-mtu", "2024-02", "w2"), "empty"),
      ];
      const kept = yield* using((sink) =>
        Effect.gen(function* () {
          const nothing = yield* sink.inspect;
          assert.deepStrictEqual([nothing.faults, nothing.held, nothing.rows], [[], [], 0]);
          for (const { history, superseded } of histories.flat()) yield* sink.replace(history, superseded);
          yield* Effect.forEach(without, (each) => sink.replace(each));
          yield* sink.record(sampleCapture(partition("source-mtu"), { outcome: "failed" }));
          yield* sink.record(sampleCapture(partition("source-mtu", "2024-03"), { outcome: "forbidden" }));
          yield* fillBooks(sink, "w3");
          return [...(yield* sink.held("w2")), ...(yield* sink.held("w3"))];
        }),
      );
      const expected = [...histories.map((steps) => steps[3].history.capture), without[0]!.capture, ...kept];
      const before = yield* Effect.forEach(Object.values(bookTables), rowsOf);
      yield* using((sink) =>
        Effect.gen(function* () {
          for (const _ of ["once", "twice"]) {
            const { faults, held, rows } = yield* sink.inspect;
            assert.deepStrictEqual(faults, []);
            assert.deepStrictEqual(byId(held), byId(expected));
            assert.isAtLeast(rows, 100);
          }
          yield* Effect.forEach(histories, ([, , , { history }]) =>
            Effect.map(sink.revisions(history.capture.partition), (found) =>
              assert.deepStrictEqual(found, history.revisions),
            ),
          );
        }),
      );
      assert.deepStrictEqual(yield* Effect.forEach(Object.values(bookTables), rowsOf), before);
    }));
};
