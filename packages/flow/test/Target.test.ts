import { assert, describe, it } from "@effect/vitest";
import { Capture, type DatasetName, datasetNames, Instant, UsageMonth } from "@segmeter/domain";
import * as fc from "fast-check";
import { inEachZone } from "../../domain/test/Zones.ts";
import { nightlyTargets, plan, rangeTargets, type Target } from "../src/index.ts";
import type { NightlyRequest } from "../src/Target.ts";
import { captureOf, instant, month, partition, workspaceId } from "./Setting.ts";

const mtu = "workspace-mtu";

const entry = (period: string, dataset: DatasetName = mtu, changes: Partial<Capture.Capture> = {}): Capture.Capture =>
  captureOf(partition(dataset, period), changes);

const nightly = (now: string, changes: Partial<NightlyRequest> = {}): ReadonlyArray<Target> =>
  nightlyTargets({
    datasets: [mtu],
    ledger: [],
    now: instant(now),
    settleDays: 7,
    lookback: 0,
    refresh: false,
    ...changes,
  });

const monthsOf = (targets: ReadonlyArray<Target>): ReadonlyArray<string> => targets.map((target) => target.month);

describe("a range", () => {
  it("is every dataset in every month, in the order of capture", () => {
    assert.deepStrictEqual(rangeTargets([month("2023-12"), month("2024-01")], ["source-mtu", mtu], true), [
      { dataset: mtu, month: month("2023-12"), refresh: true },
      { dataset: "source-mtu", month: month("2023-12"), refresh: true },
      { dataset: mtu, month: month("2024-01"), refresh: true },
      { dataset: "source-mtu", month: month("2024-01"), refresh: true },
    ]);
    assert.deepStrictEqual(rangeTargets([], datasetNames, false), []);
  });
});

describe("a nightly run", () => {
  it("begins, where nothing was ever captured, with the first month that a capture would not settle", () => {
    for (const [now, months] of [
      ["2024-03-20T02:00:00Z", ["2024-03"]],
      ["2024-03-01T00:00:00Z", ["2024-02", "2024-03"]],
      ["2024-03-07T23:59:59.999999Z", ["2024-02", "2024-03"]],
      ["2024-03-08T00:00:00Z", ["2024-03"]],
      // The end of a year, and a leap day.
      ["2024-01-01T00:00:00Z", ["2023-12", "2024-01"]],
      ["2024-02-29T23:59:59Z", ["2024-02"]],
    ] as const) {
      assert.deepStrictEqual(monthsOf(nightly(now)), [...months], now);
    }
  });

  it("takes the settle days as they are set", () => {
    assert.deepStrictEqual(monthsOf(nightly("2024-03-01T00:00:00Z", { settleDays: 0 })), ["2024-03"]);
    assert.deepStrictEqual(monthsOf(nightly("2024-03-20T00:00:00Z", { settleDays: 50 })), [
      "2024-01",
      "2024-02",
      "2024-03",
    ]);
    assert.deepStrictEqual(monthsOf(nightly("1970-01-02T00:00:00Z", { settleDays: 50 })), ["1970-01"]);
  });

  it("takes up every month since the first in the ledger, also those that no run has come to", () => {
    const ledger = [entry("2023-11"), entry("2024-01")];
    assert.deepStrictEqual(monthsOf(nightly("2024-05-03T02:00:00Z", { ledger })), [
      "2023-11",
      "2023-12",
      "2024-01",
      "2024-02",
      "2024-03",
      "2024-04",
      "2024-05",
    ]);
  });

  it("takes up what is open by the calendar, though the ledger begins later: a first run may have been killed", () => {
    const ledger = [entry("2024-03")];
    assert.deepStrictEqual(monthsOf(nightly("2024-03-02T02:00:00Z", { ledger })), ["2024-02", "2024-03"]);
    assert.deepStrictEqual(monthsOf(nightly("2024-03-08T00:00:00Z", { ledger })), ["2024-03"]);
  });

  it("takes up what was only tried in vain", () => {
    for (const outcome of ["failed", "forbidden"] as const) {
      const ledger = [entry("2024-01", mtu, { outcome })];
      assert.deepStrictEqual(monthsOf(nightly("2024-03-20T02:00:00Z", { ledger })), ["2024-01", "2024-02", "2024-03"]);
    }
  });

  it("begins each dataset with its own first month, and puts the workspace before its sources", () => {
    const targets = nightly("2024-03-20T02:00:00Z", {
      datasets: ["source-mtu", "source-api-calls", mtu],
      ledger: [entry("2024-02", mtu), entry("2024-01", "source-mtu"), entry("2020-01", "workspace-api-calls")],
    });
    assert.deepStrictEqual(
      targets.map((target) => `${target.month} ${target.dataset}`),
      [
        "2024-01 source-mtu",
        "2024-02 workspace-mtu",
        "2024-02 source-mtu",
        "2024-03 workspace-mtu",
        "2024-03 source-mtu",
        "2024-03 source-api-calls",
      ],
    );
  });

  it("looks back as many months as it is told to, settled or not, and no further", () => {
    const refreshed = (targets: ReadonlyArray<Target>) =>
      targets.map((target) => `${target.month}${target.refresh ? " again" : ""}`);
    const ledger = [entry("2023-11")];
    assert.deepStrictEqual(refreshed(nightly("2024-02-20T02:00:00Z", { ledger, lookback: 2 })), [
      "2023-11",
      "2023-12 again",
      "2024-01 again",
      "2024-02 again",
    ]);
    assert.deepStrictEqual(refreshed(nightly("2024-01-20T02:00:00Z", { lookback: 2 })), [
      "2023-11 again",
      "2023-12 again",
      "2024-01 again",
    ]);
    assert.deepStrictEqual(refreshed(nightly("2024-01-20T02:00:00Z", { ledger })), ["2023-11", "2023-12", "2024-01"]);
    assert.deepStrictEqual(refreshed(nightly("2024-01-20T02:00:00Z", { ledger, refresh: true })), [
      "2023-11 again",
      "2023-12 again",
      "2024-01 again",
    ]);
  });

  it("aims at nothing after the clock, though the ledger is ahead of it", () => {
    const ledger = [entry("2025-06"), entry("2025-07")];
    assert.deepStrictEqual(monthsOf(nightly("2024-01-20T02:00:00Z", { ledger })), ["2024-01"]);
  });

  it("is the same in every time zone", () => {
    const request = () => nightly("2024-01-01T00:00:00Z", { ledger: [entry("2023-11")], lookback: 1 });
    const expected = request();
    assert.deepStrictEqual(monthsOf(expected), ["2023-11", "2023-12", "2024-01"]);
    inEachZone((zone) => assert.deepStrictEqual(request(), expected, zone));
  });

  it("captures, once planned, what is not settled, and leaves the rest", () => {
    const held = [
      entry("2023-11"),
      entry("2023-12", mtu, { state: "open" }),
      entry("2024-02", mtu, { outcome: "absent", rows: 0 }),
    ];
    const planned = (lookback: number) =>
      plan({
        workspaceId,
        targets: nightly("2024-03-20T02:00:00Z", { ledger: held, lookback }),
        holdings: [{ sink: "parquet", held }],
        pageSize: 1_000,
      });
    assert.deepStrictEqual(
      planned(0).tasks.map((task) => `${task._tag} ${task.partition.month}`),
      ["Capture 2023-12", "Capture 2024-01", "Capture 2024-03"],
    );
    assert.strictEqual(planned(0).skipped, 2);
    assert.strictEqual(planned(1).skipped, 1, "the month before is read again");
  });
});

describe("nightly runs, night after night", () => {
  it("see every month from the first on until it is settled, however many nights are missed", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5_000 }),
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 40 }),
        (first, gaps, settleDays) => {
          let now = instant("2015-01-01T02:00:00Z") + first * Instant.microsPerDay;
          const held = new Map<UsageMonth.UsageMonth, Capture.Capture>();
          for (const gap of gaps) {
            now += gap * Instant.microsPerDay;
            const targets = nightlyTargets({
              datasets: [mtu],
              ledger: [...held.values()],
              now,
              settleDays,
              lookback: 0,
              refresh: false,
            });
            const { tasks } = plan({
              workspaceId,
              targets,
              holdings: [{ sink: "parquet", held: [...held.values()] }],
              pageSize: 1_000,
            });
            for (const { partition: of } of tasks) {
              const state = Capture.stateAt(now, UsageMonth.end(of.month), settleDays);
              held.set(of.month, captureOf(of, { state, capturedAt: now }));
            }
            const current = UsageMonth.of(now);
            const earliest = [...held.keys()].sort()[0]!;
            assert.deepStrictEqual([...held.keys()].sort(), [...UsageMonth.range(earliest, current)], "no gap");
            for (const [period, { capturedAt, state }] of held) {
              const isOver = now >= UsageMonth.end(period) + settleDays * Instant.microsPerDay;
              assert.strictEqual(state === "settled", isOver);
              assert.isTrue(isOver || capturedAt === now, "what is open is captured every night");
            }
          }
        },
      ),
    );
  });
});
