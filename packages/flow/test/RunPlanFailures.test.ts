import { assert, describe, it } from "@effect/vitest";
import { Unauthorized } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { heldIn, memorySink, month, partition, refusal, replacing, type Script } from "./Setting.ts";
import { run, rowOf, oneRow, outcomes, year, failingIn } from "./RunSetting.ts";

describe("a sink that fails", () => {
  it.effect("for one partition's sake leaves the others be", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 4]) {
        const sinks = [memorySink("parquet"), replacing(memorySink("duckdb"), failingIn("2023-02", "Unrepresentable"))];
        const { progress, result } = run({ months: year, sinks, config: { concurrency }, script: oneRow });
        yield* result;
        assert.deepStrictEqual(progress, {
          captured: 11,
          skipped: 0,
          empty: 0,
          absent: 0,
          failed: 1,
          rows: 11,
          revisions: 0,
        });
        assert.strictEqual(sinks[1]!.partitions.size, 11);
      }
    }),
  );

  it.effect("because it is full ends the run, and what was committed stays", () =>
    Effect.gen(function* () {
      const sinks = [memorySink("parquet"), replacing(memorySink("duckdb"), failingIn("2023-03", "Full"))];
      const { progress, result, service } = run({ months: year, sinks, script: oneRow });
      const error = yield* Effect.flip(result);
      assert.strictEqual(error._tag === "SinkError" && error.reason, "Full");
      // One month more may be walked while another is written.
      const asked = service.requests.map((request) => request.month);
      assert.deepStrictEqual(asked.slice(0, 3), ["2023-01", "2023-02", "2023-03"]);
      assert.isAtMost(asked.length, 4);
      assert.strictEqual(sinks[1]!.partitions.size, 2);
      assert.strictEqual(progress.captured, 2);
    }),
  );

  it.effect("behind another is brought up from it by the next run, without a request", () =>
    Effect.gen(function* () {
      const parquet = memorySink("parquet");
      const duckdb = memorySink("duckdb");
      yield* Effect.flip(
        run({ months: year, sinks: [parquet, replacing(duckdb, failingIn("2023-03", "Full"))], script: oneRow }).result,
      );
      const { events, progress, result, service } = run({
        months: year.slice(0, 3),
        sinks: [parquet, duckdb],
        script: oneRow,
      });
      yield* result;
      assert.deepStrictEqual(service.requests, []);
      assert.deepStrictEqual(events, [
        { _tag: "PartitionCaughtUp", partition: partition("workspace-mtu", "2023-03"), from: "parquet", to: "duckdb" },
      ]);
      assert.strictEqual(progress.skipped, 3);
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
      assert.deepStrictEqual(duckdb.ledger, parquet.ledger);
    }),
  );
});

describe("sinks that were asked for by turns", () => {
  it.effect("are brought to one history without a request, once nothing is open", () =>
    Effect.gen(function* () {
      const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
      const saying =
        (identified: string): Script =>
        (request) =>
          Effect.succeed({ rows: [{ ...rowOf(request), identified }] });
      yield* run({ sinks: [parquet], script: saying("1") }).result;
      yield* run({ sinks: [parquet], script: saying("2"), config: { refresh: true } }).result;
      yield* run({ sinks: [duckdb], script: saying("3"), now: "2024-03-02T02:00:00Z" }).result;
      const { result, service } = run({ sinks: [parquet, duckdb], script: saying("4") });
      yield* result;
      assert.deepStrictEqual(service.requests, []);
      for (const sink of [parquet, duckdb]) {
        const versions = [
          ...(yield* sink.revisions(partition("workspace-mtu"))),
          ...heldIn(sink, partition("workspace-mtu"))!.rows,
        ];
        assert.deepStrictEqual(
          versions.map((row) => "identified" in row && row.identified),
          [1n, 2n, 3n],
        );
        assert.strictEqual(sink.ledger.size, 3);
      }
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
    }),
  );
});

describe("a partition that cannot be brought up", () => {
  it.effect("fails by name, and the others go on", () =>
    Effect.gen(function* () {
      const parquet = memorySink("parquet");
      yield* run({ months: ["2023-03", "2023-04"], sinks: [parquet], script: oneRow }).result;
      const duckdb = memorySink("duckdb");
      const refusing = replacing(duckdb, failingIn("2023-03", "Unrepresentable"));
      const { events, progress, result, service } = run({
        months: ["2023-03", "2023-04", "2023-05"],
        sinks: [parquet, refusing],
        script: oneRow,
      });
      yield* result;
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Partition")),
        ["PartitionFailed", "PartitionCaughtUp", "PartitionCaptured"],
      );
      assert.deepStrictEqual(
        service.requests.map((request) => request.month),
        [month("2023-05")],
      );
      assert.include(progress, { failed: 1, skipped: 1, captured: 1 });
      assert.strictEqual(outcomes(duckdb)["workspace-mtu 2023-03"], "failed");
      assert.isDefined(heldIn(parquet, partition("workspace-mtu", "2023-03")));
      assert.isUndefined(heldIn(duckdb, partition("workspace-mtu", "2023-03")));
    }),
  );
});

describe("a token that is refused midway", () => {
  it.effect("ends the run, and what was committed stays", () =>
    Effect.gen(function* () {
      const { progress, result, service, sinks } = run({
        months: year,
        script: (request) => (request.month === "2023-03" ? Effect.fail(refusal(new Unauthorized())) : oneRow(request)),
      });
      const error = yield* Effect.flip(result);
      assert.strictEqual(error._tag === "SegmentError" && error.reason._tag, "Unauthorized");
      assert.deepStrictEqual(outcomes(sinks[0]!), {
        "workspace-mtu 2023-01": "captured",
        "workspace-mtu 2023-02": "captured",
      });
      assert.deepStrictEqual(
        service.requests.map((request) => request.month),
        ["2023-01", "2023-02", "2023-03"],
      );
      assert.strictEqual(progress.captured, 2);
    }),
  );

  it.effect("leaves nobody waiting for the workspace's figures", () =>
    Effect.gen(function* () {
      const sourcesCame = yield* Deferred.make<void>();
      const { result, sinks } = run({
        datasets: ["workspace-mtu", "source-mtu"],
        config: { concurrency: 2 },
        script: (request) =>
          request.dataset === "workspace-mtu"
            ? Effect.andThen(Deferred.await(sourcesCame), Effect.fail(refusal(new Unauthorized())))
            : Effect.andThen(Deferred.succeed(sourcesCame, undefined), oneRow(request)),
      });
      const error = yield* Effect.flip(result);
      assert.strictEqual(error._tag === "SegmentError" && error.reason._tag, "Unauthorized");
      assert.isUndefined(heldIn(sinks[0]!, partition("workspace-mtu")));
    }),
  );
});

describe("an interrupted run", () => {
  it.effect("keeps what was committed, in all sinks or in none", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const parquet = memorySink("parquet");
      const duckdb = memorySink("duckdb");
      const slow = replacing(duckdb, ({ capture }) =>
        capture.partition.month === "2023-04"
          ? Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(released))
          : Effect.void,
      );
      const { progress, result } = run({
        months: year,
        sinks: [parquet, slow],
        config: { concurrency: 2 },
        script: (request) => (request.month > "2023-04" ? Effect.never : oneRow(request)),
      });
      const fiber = yield* Effect.forkChild(result);
      yield* Deferred.await(begun);
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true });
      yield* Deferred.succeed(released, undefined);
      yield* Fiber.join(interruption);
      const months = ["2023-01", "2023-02", "2023-03", "2023-04"].map((period) => `workspace-mtu ${period}`);
      assert.deepStrictEqual(Object.keys(outcomes(parquet)), months);
      assert.deepStrictEqual(duckdb.partitions, parquet.partitions);
      assert.deepStrictEqual(duckdb.ledger, parquet.ledger);
      assert.isAtLeast(progress.captured, 3);

      const again = run({ months: year, sinks: [parquet, duckdb], script: oneRow });
      yield* again.result;
      assert.deepStrictEqual(
        again.service.requests.map((request) => request.month),
        year.slice(4),
      );
      assert.strictEqual(again.progress.skipped, 4);
    }),
  );
});
