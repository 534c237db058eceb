/**
 * The contract on replacing: whole or not at all, once or twice, one at a time or many at once.
 */
import { assert } from "@effect/vitest";
import { bookTables, datasetNames, usageTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { partition, sample, sampleCapture, sampleWithout } from "./Samples.ts";
import { byId, byKey, holds, inTable, type SinkTest } from "./SinkStore.ts";

export const replaceContract = (test: SinkTest): void => {
  test("replacing twice with the same capture equals once", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const captured = sample(partition("source-mtu"));
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(captured);
          yield* sink.replace(captured);
          yield* holds(sink, captured);
          assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
          assert.lengthOf(yield* sink.held(captured.capture.partition.workspaceId), 1);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), inTable(captured));
      assert.lengthOf(yield* rowsOf(bookTables.captures), 1);
    }));

  test("a capture with fewer, more or other rows takes the place of the held one", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const of = partition("source-api-calls");
      const neighbour = sample(partition("source-api-calls", "2024-02"));
      const versions = [
        sample(of, { days: 20 }),
        sample(of, { days: 5 }),
        sample(of, { days: 31, sources: ["src-a", "src-b", "src-c", "src-d"] }),
        sample(of, { days: 31, sources: ["others", "only"] }),
        sample(of, { count: (row) => BigInt(row) + 1n }),
      ];
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(neighbour);
          for (const captured of versions) {
            yield* sink.replace(captured);
            yield* holds(sink, captured);
            const held = yield* sink.held(of.workspaceId);
            assert.deepStrictEqual(byId(held), byId([neighbour.capture, captured.capture]));
          }
          yield* holds(sink, neighbour);
        }),
      );
      const expected = [...inTable(versions.at(-1)!), ...inTable(neighbour)];
      const table = usageTables.source_api_calls_daily;
      assert.deepStrictEqual(yield* rowsOf(table), expected.toSorted(byKey(table)));
    }));

  test("a capture of the very rows of another takes its place, whatever is held", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const of = partition("source-mtu");
      const table = usageTables.source_mtu_daily;
      const [first, again] = [
        sample(of),
        { ...sample(of), capture: sampleCapture(of, { rows: sample(of).rows.length }) },
      ];
      for (const held of [first, sample(of, { days: 5 }), undefined]) {
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(sample(of, { days: 2 }));
            if (held !== undefined) yield* sink.replace(held);
            yield* sink.replace({ ...again, unchangedFrom: first.capture.captureId });
            yield* holds(sink, again);
          }),
        );
        assert.deepStrictEqual(yield* rowsOf(table), inTable(again));
      }
    }));

  for (const outcome of ["empty", "absent"] as const) {
    test(`a month without rows is held: ${outcome}`, ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const of = partition("source-mtu");
        const without = sampleWithout(of, outcome);
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(without);
            yield* holds(sink, without);
            assert.deepStrictEqual(yield* sink.held(of.workspaceId), [without.capture]);
            const captured = sample(of);
            yield* sink.replace(captured);
            yield* holds(sink, captured);
            const again = sampleWithout(of, outcome);
            yield* sink.replace(again);
            yield* holds(sink, again);
            assert.deepStrictEqual(yield* sink.held(of.workspaceId), [again.capture]);
            assert.deepStrictEqual(yield* sink.captures(), [without.capture, captured.capture, again.capture]);
          }),
        );
        assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), []);
      }));
  }

  test("workspaces are kept apart", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const a = sample(partition("source-mtu", "2024-01", "workspace-a"));
      const b = sample(partition("source-mtu", "2024-01", "workspace-b"), { days: 3 });
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(a);
          yield* sink.replace(b);
          yield* holds(sink, a);
          yield* holds(sink, b);
          assert.deepStrictEqual(yield* sink.held("workspace-a"), [a.capture]);
          assert.deepStrictEqual(yield* sink.held("workspace-b"), [b.capture]);
          assert.deepStrictEqual(yield* sink.captures("workspace-a"), [a.capture]);
          assert.deepStrictEqual(yield* sink.captures(), [a.capture, b.capture]);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), [...inTable(a), ...inTable(b)]);
    }));

  test("several replaces at once lose nothing", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const months = ["2024-01", "2024-02", "2024-03", "2024-04"];
      const all = months.flatMap((period) => datasetNames.map((dataset) => sample(partition(dataset, period))));
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* Effect.forEach(all, (captured) => sink.replace(captured), { concurrency: "unbounded" });
          yield* Effect.forEach(all, (captured) => holds(sink, captured));
          const captures = all.map(({ capture }) => capture);
          assert.deepStrictEqual(byId(yield* sink.captures()), byId(captures));
          assert.deepStrictEqual(byId(yield* sink.held(captures[0]!.partition.workspaceId)), byId(captures));
        }),
      );
      assert.lengthOf(yield* rowsOf(bookTables.captures), all.length);
    }));

  test("of several replaces of one partition at once, one stands whole", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        const all = [3, 9, 27].map((days) => sample(partition("source-mtu"), { days }));
        yield* Effect.forEach(all, (captured) => sink.replace(captured), { concurrency: "unbounded" });
        const found = yield* sink.read(partition("source-mtu"));
        const winner = all.find(({ capture }) => capture.captureId === found?.capture.captureId);
        assert.deepStrictEqual(found, winner);
        assert.deepStrictEqual(byId(yield* sink.captures()), byId(all.map(({ capture }) => capture)));
      }),
    ));

  test("opened again, it holds the same", ({ using }) =>
    Effect.gen(function* () {
      const all = [
        ...datasetNames.map((dataset) => sample(partition(dataset))),
        sampleWithout(partition("source-mtu", "2024-02"), "absent"),
      ];
      const failed = sampleCapture(partition("source-mtu", "2024-03"), { outcome: "failed" });
      yield* using((sink) =>
        Effect.andThen(
          Effect.forEach(all, (captured) => sink.replace(captured)),
          sink.record(failed),
        ),
      );
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* Effect.forEach(all, (captured) => holds(sink, captured));
          const captures = all.map(({ capture }) => capture);
          assert.deepStrictEqual(byId(yield* sink.held(failed.partition.workspaceId)), byId(captures));
          assert.deepStrictEqual(yield* sink.captures(), [...captures, failed]);
        }),
      );
    }));
};

/** Only for sinks that there is something too large for. */
export const refusalContract = (test: SinkTest): void => {
  for (const tooLarge of [2n ** 63n, -(2n ** 63n) - 1n]) {
    test(`a count that the store cannot hold fails the replace, which changes nothing: ${tooLarge}`, ({
      rowsOf,
      using,
    }) =>
      Effect.gen(function* () {
        const captured = sample(partition("source-mtu"));
        const fresh = partition("source-mtu", "2024-02");
        const good = sample(fresh);
        const count = (row: number): bigint => (row === 40 ? tooLarge : 1n);
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(captured);
            for (const of of [captured.capture.partition, fresh]) {
              const error = yield* Effect.flip(sink.replace(sample(of, { count })));
              assert.strictEqual(error._tag, "SinkError");
              assert.strictEqual(error.reason, "Unrepresentable");
              assert.include(error.detail, String(tooLarge));
            }
            yield* holds(sink, captured);
            assert.isUndefined(yield* sink.read(fresh));
            assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
            assert.deepStrictEqual(yield* sink.held(fresh.workspaceId), [captured.capture]);
            yield* sink.replace(good);
            yield* holds(sink, good);
          }),
        );
        const table = usageTables.source_mtu_daily;
        const expected = [...inTable(captured), ...inTable(good)];
        assert.deepStrictEqual(yield* rowsOf(table), expected.toSorted(byKey(table)));
      }));
  }
};
