import { assert, describe, it } from "@effect/vitest";
import { sinkError } from "@segmeter/domain";
import { Forbidden, Unavailable } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { type Findings, makeFindings, tellFindings } from "../src/index.ts";
import { makeIdleGate } from "../src/Idle.ts";
import {
  heldIn,
  instant,
  memorySink,
  notFound,
  partition,
  refusal,
  replacing,
  type Script,
  scripted,
  settledNow,
  stage,
} from "./Setting.ts";
import { run, rowOf, oneRow, outcomes, year } from "./RunSetting.ts";

describe("runPlan", () => {
  it.effect("counts what became of every partition", () =>
    Effect.gen(function* () {
      const answers: Record<string, Script> = {
        "2023-01": oneRow,
        "2023-02": () => Effect.succeed({ rows: [], totalEntries: 0 }),
        "2023-03": () => Effect.fail(notFound),
        "2023-04": () => Effect.fail(refusal(new Forbidden())),
        "2023-05": () => Effect.fail(refusal(new Unavailable({ status: 500 }))),
        "2023-06": oneRow,
      };
      const { progress, result, sinks } = run({
        months: Object.keys(answers),
        script: (request) => answers[request.month]!(request),
      });
      yield* result;
      assert.deepStrictEqual(progress, {
        captured: 2,
        skipped: 0,
        empty: 1,
        absent: 1,
        failed: 2,
        rows: 2,
        revisions: 0,
      });
      assert.deepStrictEqual(outcomes(sinks[0]!), {
        "workspace-mtu 2023-01": "captured",
        "workspace-mtu 2023-02": "empty",
        "workspace-mtu 2023-03": "absent",
        "workspace-mtu 2023-04": "forbidden",
        "workspace-mtu 2023-05": "failed",
        "workspace-mtu 2023-06": "captured",
      });
    }),
  );

  it.effect("asks for nothing that is settled, and only for what failed, the second time", () =>
    Effect.gen(function* () {
      const sinks = [memorySink("parquet"), memorySink("duckdb")];
      yield* run({
        months: year,
        sinks,
        script: (request) => (request.month === "2023-07" ? Effect.fail(refusal(new Forbidden())) : oneRow(request)),
      }).result;
      const second = run({ months: year, sinks, script: oneRow });
      yield* second.result;
      assert.deepStrictEqual(
        second.service.requests.map((request) => request.month),
        ["2023-07"],
      );
      assert.deepStrictEqual(second.progress, {
        captured: 1,
        skipped: 11,
        empty: 0,
        absent: 0,
        failed: 0,
        rows: 1,
        revisions: 0,
      });
    }),
  );

  it.effect("counts the revisions of a refresh", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      yield* run({ sinks, script: oneRow }).result;
      const script: Script = (request) => Effect.succeed({ rows: [{ ...rowOf(request), identified: "6" }] });
      const { progress, result } = run({ sinks, script, config: { refresh: true } });
      yield* result;
      assert.strictEqual(progress.revisions, 1);
    }),
  );

  it.effect("keeps the pages of no more partitions than --concurrency says", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 3, 8]) {
        const inFlight = new Set<string>();
        let most = 0;
        // No answer comes before as many are asked for as may be: a service that answers at once keeps the reader busy with fewer.
        const full = yield* Deferred.make<void>();
        const anotherGate = yield* makeIdleGate();
        const script: Script = (request) =>
          Effect.gen(function* () {
            inFlight.add(`${request.dataset} ${request.month}`);
            most = Math.max(most, inFlight.size);
            // And not before one more would have had all the time that it needs to come, too.
            if (inFlight.size === concurrency && most === concurrency) {
              yield* Effect.forkChild(
                Effect.andThen(Effect.repeat(anotherGate, { times: 9 }), Deferred.succeed(full, undefined)),
              );
            }
            yield* Deferred.await(full);
            yield* Effect.yieldNow;
            return {
              rows: [rowOf(request)],
              next: request.cursor === undefined ? "page-2" : undefined,
              totalEntries: 1,
            };
          });
        const sink = memorySink();
        const finishing = replacing(sink, ({ capture }) =>
          Effect.sync(() => void inFlight.delete(`${capture.partition.dataset} ${capture.partition.month}`)),
        );
        yield* run({
          months: year,
          datasets: ["workspace-mtu", "source-mtu", "workspace-api-calls", "source-api-calls"],
          sinks: [finishing],
          config: { concurrency },
          script,
        }).result;
        assert.strictEqual(sink.partitions.size, 48);
        assert.strictEqual(most, concurrency);
      }
    }),
  );

  it.effect("asks the service while the run is being booked, and writes nothing before it is", () =>
    Effect.gen(function* () {
      const [asked, booked] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
      const { result, sinks } = run({
        booked: Deferred.await(booked),
        datasets: ["workspace-mtu", "source-mtu"],
        config: { concurrency: 2 },
        script: (request) =>
          request.dataset === "source-mtu"
            ? Effect.andThen(Deferred.succeed(asked, undefined), Effect.fail(refusal(new Unavailable({ status: 503 }))))
            : oneRow(request),
      });
      const running = yield* Effect.forkChild(result);
      yield* Deferred.await(asked);
      for (let turn = 0; turn < 20; turn++) yield* Effect.promise(() => new Promise<void>(setImmediate));
      assert.deepStrictEqual([sinks[0]!.partitions.size, sinks[0]!.ledger.size], [0, 0]);
      yield* Deferred.succeed(booked, undefined);
      yield* Fiber.join(running);
      assert.deepStrictEqual([sinks[0]!.partitions.size, sinks[0]!.ledger.size], [1, 2]);
    }),
  );

  it.effect("writes a partition to all sinks side by side, and where one fails the others end what they began", () =>
    Effect.gen(function* () {
      for (const fails of [false, true]) {
        const [one, other] = [memorySink("parquet"), memorySink("duckdb")];
        const [begun, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
        const slow = replacing(one, () =>
          Effect.asVoid(Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(ended))),
        );
        const quick = replacing(other, () =>
          Effect.andThen(
            Effect.andThen(Deferred.await(begun), Deferred.succeed(ended, undefined)),
            fails ? Effect.fail(sinkError("replace", "Broken", "It broke.")) : Effect.void,
          ),
        );
        const { progress, result } = run({ script: oneRow, sinks: [slow, quick] });
        yield* result;
        assert.deepStrictEqual([one.partitions.size, other.partitions.size], [1, fails ? 0 : 1]);
        assert.deepStrictEqual([progress.captured, progress.failed], fails ? [0, 1] : [1, 0]);
      }
    }),
  );

  it.effect("stamps captures and rows by the clock that is set, not by the one that paces", () =>
    Effect.gen(function* () {
      const { result, sinks } = run({ script: oneRow });
      yield* result;
      const held = heldIn(sinks[0]!, partition("workspace-mtu"))!;
      assert.strictEqual(held.capture.capturedAt, instant(settledNow));
      assert.deepStrictEqual(
        held.rows.map(({ observed_at }) => observed_at),
        [instant(settledNow)],
      );
    }),
  );
});

describe("what a run found", () => {
  const told = (findings: Findings) =>
    Effect.gen(function* () {
      const { events, provide } = stage(scripted(oneRow));
      yield* provide(tellFindings(findings));
      return events;
    });

  it.effect("is told at its end: unknown fields once for all partitions, then restatements by month", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      const months = ["2023-12", "2024-01"];
      const datasets = ["workspace-mtu", "workspace-api-calls"] as const;
      yield* run({ months, datasets, sinks, script: oneRow }).result;
      const { events, findings, result } = run({
        months: [...months, "2023-11"],
        datasets,
        sinks,
        config: { refresh: true, concurrency: 4 },
        script: (request) =>
          Effect.succeed({
            rows: [
              {
                ...rowOf(request),
                ...(request.dataset === "workspace-mtu" ? { identified: "6", zone: 1 } : { apiCalls: "7" }),
                cost: 1,
              },
            ],
          }),
      });
      yield* result;
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "FiguresRestated",
        "not while it goes on",
      );
      assert.deepStrictEqual(
        (yield* told(findings)).map((event) =>
          event._tag === "FiguresRestated"
            ? `${event.restatement.partition.month} ${event.restatement.partition.dataset}`
            : event,
        ),
        [
          {
            _tag: "UnknownFieldsSeen",
            fields: [
              { name: "cost", datasets: ["workspace-api-calls", "workspace-mtu"] },
              { name: "zone", datasets: ["workspace-mtu"] },
            ],
          },
          "2023-12 workspace-api-calls",
          "2023-12 workspace-mtu",
          "2024-01 workspace-api-calls",
          "2024-01 workspace-mtu",
        ],
      );
    }),
  );

  it.effect("is nothing where figures only came", () =>
    Effect.gen(function* () {
      const { findings, result } = run({ months: year, script: oneRow });
      yield* result;
      assert.deepStrictEqual(yield* told(findings), []);
      assert.deepStrictEqual(yield* told(makeFindings()), []);
    }),
  );
});
