/**
 * The contract on values: what goes in comes out, exactly, whatever it is.
 */
import { assert } from "@effect/vitest";
import { bookTables, datasetNames, usageTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { partition, sample } from "./Samples.ts";
import { byKey, holds, inTable, type SinkTest, tableOf } from "./SinkStore.ts";

/** Ids that would leave the directory, be taken for a number or a pattern, or decode twice if a sink were careless. */
const oddIds = [
  "../x",
  "..",
  "a/b",
  "a\\b",
  `it's "quoted"`,
  "%2F",
  "100%",
  "0042",
  "12345678901234567890",
  "2024-01-01",
  "two words",
  " padded ",
  "a=b&c=d",
  "*?[a-z]{1}",
  "true",
  "null",
  "__HIVE_DEFAULT_PARTITION__",
  "ünïcödé",
  "日本語",
  "😀",
  "line\nbreak",
];

const exactCounts = [0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

export const valuesContract = (test: SinkTest): void => {
  for (const dataset of datasetNames) {
    test(`gives back what was put in: ${dataset}`, ({ rowsOf, using }) =>
      Effect.gen(function* () {
        const captured = sample(partition(dataset));
        yield* using((sink) =>
          Effect.gen(function* () {
            yield* sink.replace(captured);
            yield* holds(sink, captured);
            const { workspaceId } = captured.capture.partition;
            assert.deepStrictEqual(yield* sink.held(workspaceId), [captured.capture]);
            assert.deepStrictEqual(yield* sink.captures(workspaceId), [captured.capture]);
            assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
          }),
        );
        assert.deepStrictEqual(yield* rowsOf(tableOf(captured.capture.partition)), inTable(captured));
      }));
  }

  test("knows nothing of what it never got", ({ using }) =>
    using((sink) =>
      Effect.gen(function* () {
        assert.isUndefined(yield* sink.read(partition("source-mtu")));
        assert.deepStrictEqual(yield* sink.held("nobody"), []);
        assert.deepStrictEqual(yield* sink.captures("nobody"), []);
        assert.deepStrictEqual(yield* sink.captures(), []);
        yield* sink.replace(sample(partition("source-mtu")));
        assert.isUndefined(yield* sink.read(partition("source-mtu", "2024-02")));
        assert.isUndefined(yield* sink.read(partition("workspace-mtu")));
        assert.isUndefined(yield* sink.read(partition("source-mtu", "2024-01", "nobody")));
        assert.deepStrictEqual(yield* sink.held("nobody"), []);
      }),
    ));

  test("counts come back exactly, over the whole range of a BIGINT", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const count = (row: number): bigint => exactCounts[row % exactCounts.length]!;
      const mtu = sample(partition("source-mtu"), { count });
      const calls = sample(partition("workspace-api-calls"), { count });
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* sink.replace(mtu);
          yield* sink.replace(calls);
          yield* holds(sink, mtu);
          yield* holds(sink, calls);
        }),
      );
      assert.deepStrictEqual(yield* rowsOf(usageTables.source_mtu_daily), inTable(mtu));
      assert.deepStrictEqual(yield* rowsOf(usageTables.workspace_api_calls_daily), inTable(calls));
    }));

  test("instants keep their microseconds", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const captured = sample(partition("workspace-mtu"), { micros: 123_457 }, { capturedAt: 1_709_251_200_000_001 });
      yield* using((sink) => Effect.andThen(sink.replace(captured), holds(sink, captured)));
      assert.deepStrictEqual(yield* rowsOf(usageTables.workspace_mtu_daily), inTable(captured));
      const [entry] = yield* rowsOf(bookTables.captures);
      assert.strictEqual(entry!["captured_at"], 1_709_251_200_000_001);
    }));

  test("ids may be any text", ({ rowsOf, using }) =>
    Effect.gen(function* () {
      const all = oddIds.map((id) => sample(partition("source-mtu", "2024-01", id), { days: 2, sources: oddIds }));
      yield* using((sink) =>
        Effect.gen(function* () {
          yield* Effect.forEach(all, (captured) => sink.replace(captured));
          yield* Effect.forEach(all, (captured) => holds(sink, captured));
          for (const { capture } of all) {
            assert.deepStrictEqual(yield* sink.held(capture.partition.workspaceId), [capture]);
            assert.deepStrictEqual(yield* sink.captures(capture.partition.workspaceId), [capture]);
          }
        }),
      );
      const table = usageTables.source_mtu_daily;
      assert.deepStrictEqual(yield* rowsOf(table), all.flatMap(inTable).toSorted(byKey(table)));
    }));
};
