import { type Capture, type DatasetName, datasetNames, Partition, type SinkName } from "@segmeter/domain";
import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import { plan, type PlanRequest, rangeTargets, type Task } from "../src/index.ts";
import type { CaptureTask } from "../src/Plan.ts";
import { instant, month, partition, workspaceId } from "./Setting.ts";

interface Version {
  readonly id: string;
  readonly at: string;
  readonly state: Capture.State;
  readonly rows?: number;
}

const captureOf = (of: Partition.Partition, { at, id, rows = 31, state }: Version): Capture.Capture => ({
  captureId: id,
  runId: "run",
  partition: of,
  state,
  outcome: "captured",
  rows,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt: instant(at),
});

const settled: Version = { id: "settled", at: "2024-03-01", state: "settled" };
const open: Version = { id: "open", at: "2024-01-20", state: "open" };
const mtu = partition("workspace-mtu");

/** The plan for one partition that sinks hold versions of, or do not. */
const planFor = (versions: Partial<Record<SinkName, Version | undefined>>, changes: Partial<PlanRequest> = {}) =>
  plan({
    workspaceId,
    targets: rangeTargets([mtu.month], ["workspace-mtu"], false),
    holdings: Object.entries(versions).map(([sink, version]) => ({
      sink: sink as SinkName,
      held: version === undefined ? [] : [captureOf(mtu, version)],
    })),
    pageSize: 1_000,
    ...changes,
  });

describe("plan", () => {
  it("captures what no sink holds", () => {
    assert.deepStrictEqual(planFor({ parquet: undefined, duckdb: undefined }), {
      tasks: [{ _tag: "Capture", partition: mtu, held: undefined, isUneven: false }],
      skipped: 0,
      leastRequests: 1,
    });
  });

  it("skips what all sinks hold settled", () => {
    assert.deepStrictEqual(planFor({ parquet: settled, duckdb: settled }), { tasks: [], skipped: 1, leastRequests: 0 });
  });

  it("captures again what is open, and names the capture that it is compared with", () => {
    assert.deepStrictEqual(planFor({ parquet: open, duckdb: open }).tasks, [
      { _tag: "Capture", partition: mtu, held: { sink: "parquet", capture: captureOf(mtu, open) }, isUneven: false },
    ]);
  });

  it("captures again what is open in the newest capture, though an older one is settled", () => {
    const older = { ...settled, at: "2024-01-10" };
    assert.deepStrictEqual(planFor({ parquet: older, duckdb: open }).tasks, [
      {
        _tag: "Capture",
        partition: mtu,
        held: { sink: "duckdb", capture: captureOf(mtu, open) },
        isUneven: true,
      },
    ]);
  });

  it("brings up a sink that lacks the partition, at no request", () => {
    assert.deepStrictEqual(planFor({ parquet: settled, duckdb: undefined }), {
      tasks: [{ _tag: "CatchUp", partition: mtu, from: "parquet", to: ["duckdb"] }],
      skipped: 0,
      leastRequests: 0,
    });
  });

  it("brings up a sink that holds an older capture, from the one that has the newest", () => {
    assert.deepStrictEqual(planFor({ parquet: open, duckdb: settled, memory: undefined }).tasks, [
      { _tag: "CatchUp", partition: mtu, from: "duckdb", to: ["parquet", "memory"] },
    ]);
  });

  it("captures settled partitions again on refresh", () => {
    const { skipped, tasks } = planFor(
      { parquet: settled, duckdb: settled },
      { targets: rangeTargets([mtu.month], ["workspace-mtu"], true) },
    );
    assert.deepStrictEqual(
      tasks.map(({ _tag }) => _tag),
      ["Capture"],
    );
    assert.strictEqual(skipped, 0);
  });

  it("knows nothing of the captures of another workspace", () => {
    const other = { ...mtu, workspaceId: "another" };
    const { tasks } = planFor({}, { holdings: [{ sink: "parquet", held: [captureOf(other, settled)] }] });
    assert.deepStrictEqual(tasks, [{ _tag: "Capture", partition: mtu, held: undefined, isUneven: false }]);
  });

  it("plans by month, and in a month the workspace before its sources, whatever order was asked for", () => {
    const { tasks } = planFor(
      {},
      { targets: rangeTargets([month("2023-12"), month("2024-01")], [...datasetNames].reverse(), false) },
    );
    assert.deepStrictEqual(
      tasks.map(({ partition: of }) => `${of.month} ${of.dataset}`),
      [
        "2023-12 workspace-mtu",
        "2023-12 workspace-api-calls",
        "2023-12 source-mtu",
        "2023-12 source-api-calls",
        "2024-01 workspace-mtu",
        "2024-01 workspace-api-calls",
        "2024-01 source-mtu",
        "2024-01 source-api-calls",
      ],
    );
  });

  it("counts a request for each page that is held, and one for what is not", () => {
    const requests = (rows: number) => planFor({ parquet: { ...open, rows } }, { pageSize: 100 }).leastRequests;
    assert.deepStrictEqual([0, 1, 100, 101, 1_000].map(requests), [1, 1, 1, 2, 10]);
  });
});

/** Sinks that hold any versions of any partitions; versions from `settledFrom` on are settled. */
const request = fc.record({
  months: fc.subarray(["2023-11", "2023-12", "2024-01"].map(month)),
  datasets: fc.subarray([...datasetNames]),
  sinks: fc.subarray<SinkName>(["parquet", "duckdb", "memory"]),
  settledFrom: fc.integer({ min: 1, max: 4 }),
  refresh: fc.boolean(),
  held: fc.array(
    fc.record({
      sink: fc.constantFrom<SinkName>("parquet", "duckdb", "memory"),
      dataset: fc.constantFrom<DatasetName>(...datasetNames),
      month: fc.constantFrom(...["2023-10", "2023-11", "2023-12", "2024-01"].map(month)),
      version: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 60 },
  ),
});

describe("plan, for any holdings", () => {
  it("puts every partition into exactly one of captured, caught up and skipped, for the right reason", () => {
    fc.assert(
      fc.property(request, ({ datasets, held, months, refresh, settledFrom, sinks }) => {
        const version = new Map<string, number>();
        const key = (sink: SinkName, of: Pick<Partition.Partition, "dataset" | "month">) =>
          `${sink} ${of.dataset} ${of.month}`;
        for (const one of held) version.set(key(one.sink, one), one.version);
        const holdings = sinks.map((sink) => ({
          sink,
          held: (["2023-10", "2023-11", "2023-12", "2024-01"] as const).flatMap((period) =>
            datasetNames.flatMap((dataset) => {
              const of = partition(dataset, period);
              const number = version.get(key(sink, of));
              const state = number !== undefined && number >= settledFrom ? "settled" : "open";
              return number === undefined
                ? []
                : [captureOf(of, { id: `${Partition.label(of)} ${number}`, at: `2024-03-0${number}`, state })];
            }),
          ),
        }));

        const planned = plan({
          workspaceId,
          targets: rangeTargets(months, datasets, refresh),
          holdings,
          pageSize: 10,
        });

        const tasks = new Map<string, Task>(planned.tasks.map((task) => [Partition.label(task.partition), task]));
        assert.strictEqual(tasks.size, planned.tasks.length, "no partition twice");
        let skipped = 0;
        let leastRequests = 0;
        for (const period of months) {
          for (const dataset of datasets) {
            const of = partition(dataset, period);
            const versions = sinks.map((sink) => version.get(key(sink, of)) ?? 0);
            const newest = Math.max(0, ...versions);
            const task = tasks.get(Partition.label(of));
            tasks.delete(Partition.label(of));
            if (refresh || newest < settledFrom) {
              assert.strictEqual(task?._tag, "Capture");
              assert.strictEqual(
                (task as CaptureTask).held?.sink,
                newest === 0 ? undefined : sinks[versions.indexOf(newest)],
              );
              assert.strictEqual((task as CaptureTask).isUneven, new Set(versions).size > 1);
              leastRequests += newest === 0 ? 1 : 4;
            } else if (versions.every((one) => one === newest)) {
              assert.isUndefined(task);
              skipped++;
            } else {
              assert.deepStrictEqual(task, {
                _tag: "CatchUp",
                partition: of,
                from: sinks[versions.indexOf(newest)]!,
                to: sinks.filter((_, index) => versions[index] !== newest),
              });
            }
          }
        }
        assert.strictEqual(tasks.size, 0, "nothing that was not asked for");
        assert.strictEqual(planned.skipped, skipped);
        assert.strictEqual(planned.leastRequests, leastRequests);

        const order = planned.tasks.map(({ partition: of }) => `${of.month} ${datasetNames.indexOf(of.dataset)}`);
        assert.deepStrictEqual(order, [...order].sort());
      }),
    );
  });
});
