import { assert, describe, it } from "@effect/vitest";
import { Unavailable } from "@segmeter/segment";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import {
  captureOf,
  gatesOf,
  heldIn,
  memorySink,
  partition,
  refusal,
  type Script,
  wireMtu,
  workspaceMtu,
} from "./Setting.ts";
import { run, oneRow, outcomes, captured } from "./RunSetting.ts";

describe("sources and their workspace", () => {
  const datasets = ["workspace-mtu", "source-mtu"] as const;
  const source = partition("source-mtu");

  /** The source counts more people than the workspace does. */
  const aboveWorkspace: Script = ({ dataset }) =>
    Effect.succeed({ rows: [dataset === "source-mtu" ? wireMtu(1, { sourceId: "s", identified: "50" }) : wireMtu(1)] });

  it.effect("are compared within one run, the workspace's figures first", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2]) {
        const { result, sinks } = run({ datasets, config: { concurrency }, script: aboveWorkspace });
        yield* result;
        assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
      }
    }),
  );

  it.effect("are compared with the figures just captured, not with those held before", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      const held = [workspaceMtu(1, { identified: 1_000n })];
      yield* sinks[0]!.replace({ capture: captureOf(partition("workspace-mtu")), rows: held });
      const { result } = run({ datasets, sinks, config: { refresh: true, concurrency: 2 }, script: aboveWorkspace });
      yield* result;
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
    }),
  );

  it.effect("are compared with what is held when the workspace's figures are not captured", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      yield* sinks[0]!.replace({ capture: captureOf(partition("workspace-mtu")), rows: [workspaceMtu(1)] });
      const { result, service } = run({ datasets, sinks, script: aboveWorkspace });
      yield* result;
      assert.deepStrictEqual(
        service.requests.map(({ dataset }) => dataset),
        ["source-mtu"],
      );
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
    }),
  );

  it.effect("are compared with what is held when the workspace's capture fails", () =>
    Effect.gen(function* () {
      const sinks = [memorySink()];
      yield* sinks[0]!.replace({ capture: captureOf(partition("workspace-mtu")), rows: [workspaceMtu(1)] });
      const { result } = run({
        datasets,
        sinks,
        config: { refresh: true, concurrency: 2 },
        script: (request) =>
          request.dataset === "workspace-mtu"
            ? Effect.fail(refusal(new Unavailable({ status: 500 })))
            : aboveWorkspace(request),
      });
      yield* result;
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), ["source-above-workspace"]);
    }),
  );

  it.effect("are not compared where there is nothing to compare with", () =>
    Effect.gen(function* () {
      const { result, sinks } = run({ datasets: ["source-mtu"], script: aboveWorkspace });
      yield* result;
      assert.deepStrictEqual(gatesOf(heldIn(sinks[0]!, source)!.capture.warnings), []);
    }),
  );

  it.effect("wait for the workspace's figures though their own have come", () =>
    Effect.gen(function* () {
      const sourcesCame = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const { events, result, sinks } = run({
        datasets,
        config: { concurrency: 2 },
        script: (request) =>
          request.dataset === "workspace-mtu"
            ? Effect.andThen(Deferred.await(released), aboveWorkspace(request))
            : Effect.andThen(Deferred.succeed(sourcesCame, undefined), aboveWorkspace(request)),
      });
      const fiber = yield* Effect.forkChild(result);
      yield* Deferred.await(sourcesCame);
      for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow;
      assert.strictEqual(sinks[0]!.partitions.size, 0);
      yield* Deferred.succeed(released, undefined);
      yield* Fiber.join(fiber);
      assert.deepStrictEqual(captured(events), ["workspace-mtu 2024-01", "source-mtu 2024-01"]);
    }),
  );

  it.effect("are captured though the workspace's own fail, whatever the concurrency", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2, 8]) {
        const { result, sinks } = run({
          datasets: ["workspace-mtu", "source-mtu", "workspace-api-calls", "source-api-calls"],
          months: ["2023-12", "2024-01"],
          config: { concurrency },
          script: (request) =>
            request.dataset.startsWith("workspace")
              ? Effect.fail(refusal(new Unavailable({ status: 500 })))
              : oneRow(request),
        });
        yield* result;
        assert.deepStrictEqual(outcomes(sinks[0]!), {
          "workspace-mtu 2023-12": "failed",
          "workspace-api-calls 2023-12": "failed",
          "source-mtu 2023-12": "captured",
          "source-api-calls 2023-12": "captured",
          "workspace-mtu 2024-01": "failed",
          "workspace-api-calls 2024-01": "failed",
          "source-mtu 2024-01": "captured",
          "source-api-calls 2024-01": "captured",
        });
      }
    }),
  );
});
