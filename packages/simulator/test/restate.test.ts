/** Restatements: figures already reported change, at both levels. */
import { assert, describe, it } from "@effect/vitest";
import type { Restatement, Simulator } from "../src/index.ts";
import { get, usageQuery, withSimulator } from "./Probe.ts";

const month = "2025-01";

/** Figures of both levels before and after a restatement of a workspace with five sources. */
function restated(
  make: (simulator: Simulator, sourceId: string) => Omit<Restatement, "workspaceId" | "month">,
  test: (before: Figures, after: Figures, sourceId: string) => void,
): Promise<void> {
  return withSimulator({ workspaces: [{ sources: 3 }] }, async (simulator) => {
    const workspaceId = simulator.workspaces[0]?.id as string;
    const sourceId = simulator.sources(workspaceId)[1]?.id as string;
    const before = figures(simulator);
    const other = simulator.truth(workspaceId, "source-mtu", "2024-12");
    simulator.restate({ workspaceId, month, ...make(simulator, sourceId) });
    test(before, figures(simulator), sourceId);
    assert.deepStrictEqual(simulator.truth(workspaceId, "source-mtu", "2024-12"), other, "other months stay");
  });
}

type Figures = ReturnType<typeof figures>;

function figures(simulator: Simulator) {
  const id = simulator.workspaces[0]?.id as string;
  return {
    mtu: simulator.truth(id, "workspace-mtu", month),
    sourceMtu: simulator.truth(id, "source-mtu", month),
    calls: simulator.truth(id, "workspace-api-calls", month),
    sourceCalls: simulator.truth(id, "source-api-calls", month),
  };
}

describe("restate", () => {
  it("by a delta moves the source and the workspace by as much", () =>
    restated(
      (_, sourceId) => ({ sourceId, delta: 17n, fromDay: 11 }),
      (before, after, sourceId) => {
        before.sourceMtu.forEach((row, at) => {
          const moved = row.sourceId === sourceId && row.timestamp >= "2025-01-11";
          assert.strictEqual(Number(after.sourceMtu[at]?.identified) - Number(row.identified), moved ? 17 : 0);
          assert.strictEqual(after.sourceMtu[at]?.anonymous, row.anonymous);
        });
        before.mtu.forEach((row, at) =>
          assert.strictEqual(Number(after.mtu[at]?.identified) - Number(row.identified), at >= 10 ? 17 : 0),
        );
        before.calls.forEach((row, at) =>
          assert.strictEqual(Number(after.calls[at]?.apiCalls) - Number(row.apiCalls), at >= 10 ? 17 : 0),
        );
      },
    ));

  it("by a delta downwards makes a cumulative figure fall, but never below what it can be", () =>
    restated(
      (_, sourceId) => ({ sourceId, delta: -1_000_000_000, fromDay: 11 }),
      (_, after, sourceId) => {
        const rows = after.sourceMtu.filter((row) => row.sourceId === sourceId);
        const calls = after.sourceCalls.filter((row) => row.sourceId === sourceId);
        assert.strictEqual(rows[20]?.identified, rows[20]?.anonymousIdentified);
        assert.isAbove(Number(calls[9]?.apiCalls), 0);
        assert.strictEqual(calls[10]?.apiCalls, "0");
        assert.isBelow(Number(after.calls[10]?.apiCalls), Number(after.calls[9]?.apiCalls));
      },
    ));

  it("by a factor scales every source, and the workspace with them", () =>
    restated(
      () => ({ factorPermille: 900 }),
      (before, after) => {
        after.sourceMtu.forEach((row, at) =>
          assert.strictEqual(BigInt(row.identified), (BigInt(before.sourceMtu[at]!.identified) * 900n) / 1000n),
        );
        assert.closeTo(Number(after.mtu[30]?.identified), Number(before.mtu[30]?.identified) * 0.9, 5);
        assert.closeTo(Number(after.calls[30]?.apiCalls), Number(before.calls[30]?.apiCalls) * 0.9, 5);
      },
    ));

  it("of one dataset moves its kind of figure at both levels, and no other", () =>
    restated(
      () => ({ factorPermille: 500, dataset: "source-api-calls" }),
      (before, after) => {
        assert.deepStrictEqual(after.mtu, before.mtu);
        assert.deepStrictEqual(after.sourceMtu, before.sourceMtu);
        assert.notDeepEqual(after.calls, before.calls);
        assert.notDeepEqual(after.sourceCalls, before.sourceCalls);
      },
    ));

  it("can withdraw a source: its rows vanish, and the workspace's figures fall", () =>
    restated(
      (_, sourceId) => ({ sourceId, withdraw: true }),
      (before, after, sourceId) => {
        assert.deepStrictEqual(
          after.sourceMtu,
          before.sourceMtu.filter((row) => row.sourceId !== sourceId),
        );
        assert.deepStrictEqual(
          after.sourceCalls,
          before.sourceCalls.filter((row) => row.sourceId !== sourceId),
        );
        after.mtu.forEach((row, at) => assert.isBelow(Number(row.identified), Number(before.mtu[at]?.identified)));
        after.calls.forEach((row, at) => assert.isBelow(Number(row.apiCalls), Number(before.calls[at]?.apiCalls)));
      },
    ));

  it("can hold days back, and let them in later", () =>
    withSimulator({ workspaces: [{ sources: 3 }] }, async (simulator) => {
      const workspaceId = simulator.workspaces[0]?.id as string;
      const before = figures(simulator);
      simulator.restate({ workspaceId, month, lastDay: 25 });
      const early = figures(simulator);
      assert.deepStrictEqual(early.mtu, before.mtu.slice(0, 25));
      assert.deepStrictEqual(early.sourceMtu, before.sourceMtu.slice(0, 75));
      simulator.restate({ workspaceId, month, lastDay: 31 });
      assert.deepStrictEqual(figures(simulator), before);
      simulator.restate({ workspaceId, month, lastDay: 0 });
      assert.isEmpty(figures(simulator).calls);
    }));

  it("adds up, and is served at once", () =>
    withSimulator({ workspaces: [{ sources: 3 }] }, async (simulator) => {
      const workspaceId = simulator.workspaces[0]?.id as string;
      const path = `/usage/api-calls/daily${usageQuery(month, 1)}`;
      const served = async () => Number(/"apiCalls":"(\d+)"/.exec((await get(simulator, path)).text)?.[1]);
      const before = await served();
      simulator.restate({ workspaceId, month, delta: 10 });
      simulator.restate({ workspaceId, month, delta: 5 });
      assert.strictEqual(await served(), before + 3 * 15, "each of three sources is moved");
    }));

  it("keeps the workspace between its largest source and their sum", () =>
    withSimulator({ workspaces: [{ sources: 6 }] }, async (simulator) => {
      const workspaceId = simulator.workspaces[0]?.id as string;
      simulator.sources(workspaceId).forEach(({ id: sourceId }, at) => {
        simulator.restate({ workspaceId, month, sourceId, delta: at % 2 === 0 ? 4000 : -4000 });
        simulator.restate({
          workspaceId,
          month,
          sourceId,
          factorPermille: 700 + at * 150,
          fromDay: 5,
        });
      });
      const lawful = () => {
        const { mtu, sourceMtu } = figures(simulator);
        for (const row of mtu) {
          const figuresOfDay = sourceMtu
            .filter(({ timestamp }) => timestamp === row.timestamp)
            .map((one) => Number(one.identified));
          assert.isAtLeast(Number(row.identified), Math.max(...figuresOfDay));
          assert.isAtMost(
            Number(row.identified),
            figuresOfDay.reduce((sum, figure) => sum + figure, 0),
          );
        }
      };
      lawful();
      // Now all but the largest lose nearly everybody: the workspace must not fall below the largest.
      for (const { id: sourceId } of simulator.sources(workspaceId).slice(1)) {
        simulator.restate({ workspaceId, month, sourceId, delta: -1_000_000_000 });
      }
      lawful();
    }));

  it("refuses what does not exist", () =>
    withSimulator({}, async (simulator) => {
      const workspaceId = simulator.workspaces[0]?.id as string;
      for (const wrong of [
        { workspaceId: "nobody", month },
        { workspaceId, month: "January" },
        { workspaceId, month, sourceId: "none" },
        { workspaceId, month, withdraw: true },
        { workspaceId, month, factorPermille: 0.5 },
        { workspaceId, month, fromDay: 0 },
      ]) {
        assert.throws(() => simulator.restate(wrong), RangeError);
      }
    }));
});
