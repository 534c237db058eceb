/** What holds for the made-up figures, whatever the seed. */
import { execFileSync } from "node:child_process";
import { assert, describe, it } from "@effect/vitest";
import { type Simulator, type SimulatorOptions } from "../src/index.ts";
import { now, withSimulator } from "./Probe.ts";

const idOf = (simulator: Simulator) => simulator.workspaces[0]?.id as string;
const mtuFields = ["anonymous", "anonymousIdentified", "identified", "neverIdentified"] as const;
const largest = 2n ** 63n - 1n;

/** Rows by the value of one field. */
function groupBy<Row>(rows: ReadonlyArray<Row>, key: (row: Row) => string): Map<string, Array<Row>> {
  const groups = new Map<string, Array<Row>>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

/** Asserts that figures grow and overlap as the service's do. */
function assertLawful(simulator: Simulator, month: string): void {
  const id = idOf(simulator);
  const check = <Field extends string>(
    whole: ReadonlyArray<Record<Field | "timestamp", string>>,
    parts: ReadonlyArray<Record<Field | "timestamp" | "sourceId", string>>,
    fields: ReadonlyArray<Field>,
  ) => {
    assert.isAbove(whole.length, 0);
    const byDay = groupBy(parts, ({ timestamp }) => timestamp);
    assert.deepStrictEqual(
      [...byDay.keys()],
      whole.map(({ timestamp }) => timestamp),
    );
    for (const field of fields) {
      for (const row of whole) {
        const figures = byDay.get(row.timestamp)?.map((part) => BigInt(part[field])) ?? [];
        const sum = figures.reduce((total, figure) => total + figure, 0n);
        assert.isTrue(sum >= BigInt(row[field]), `${month} ${field}: the sum of sources is too small`);
        assert.isTrue(
          figures.every((figure) => figure <= BigInt(row[field])),
          `${month} ${field}: a source is too large`,
        );
        assert.isTrue(BigInt(row[field]) <= largest);
      }
      const walks = [whole, ...groupBy(parts, ({ sourceId }) => sourceId).values()];
      for (const rows of walks) {
        const figures = rows.map((row) => BigInt(row[field]));
        const sorted = figures.every((figure, at) => at === 0 || figure >= (figures[at - 1] as bigint));
        assert.isTrue(sorted, `${month} ${field}: a cumulative figure falls`);
        assert.strictEqual(new Set(rows.map(({ timestamp }) => timestamp)).size, rows.length);
      }
    }
  };
  const mtu = simulator.truth(id, "workspace-mtu", month);
  const sourceMtu = simulator.truth(id, "source-mtu", month);
  check(mtu as never, sourceMtu as never, mtuFields);
  check(
    simulator.truth(id, "workspace-api-calls", month) as never,
    simulator.truth(id, "source-api-calls", month) as never,
    ["apiCalls"],
  );
  for (const row of [...mtu, ...sourceMtu]) {
    assert.strictEqual(BigInt(row.anonymous), BigInt(row.anonymousIdentified) + BigInt(row.neverIdentified));
    assert.isTrue(BigInt(row.identified) >= BigInt(row.anonymousIdentified));
    const at = Date.parse(row.timestamp) / 1000;
    assert.isTrue(row.periodStart <= at && at < row.periodEnd);
  }
}

describe("figures", () => {
  for (const seed of [1, 2, 3]) {
    it(`are lawful in every month, seed ${seed}`, () =>
      withSimulator({ seed, workspaces: [{ sources: 23 }] }, async (simulator) => {
        for (const month of ["2024-01", "2024-02", "2024-03", "2024-05", "2024-12", "2025-03"]) {
          assertLawful(simulator, month);
        }
      }));
  }

  it("are lawful when huge, and touch both edges exactly", () =>
    withSimulator({ counts: "huge", workspaces: [{ sources: 2000 }] }, async (simulator) => {
      assertLawful(simulator, "2024-02");
      const figures = simulator.truth(idOf(simulator), "source-mtu", "2024-02").map((row) => BigInt(row.identified));
      const calls = simulator.truth(idOf(simulator), "workspace-api-calls", "2024-02");
      for (const edge of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, largest]) assert.include(figures, edge);
      assert.strictEqual(calls.at(-1)?.apiCalls, String(largest));
    }));

  it("count people seen by two sources once for the workspace, and calls of each source", () =>
    withSimulator({}, async (simulator) => {
      const id = idOf(simulator);
      const sum = (figures: ReadonlyArray<string>) => figures.reduce((total, figure) => total + Number(figure), 0);
      const last = "2024-06-30T00:00:00Z";
      const people = simulator.truth(id, "source-mtu", "2024-06").filter(({ timestamp }) => timestamp === last);
      const calls = simulator.truth(id, "source-api-calls", "2024-06").filter(({ timestamp }) => timestamp === last);
      const workspace = Number(simulator.truth(id, "workspace-mtu", "2024-06")[29]?.identified);
      assert.isBelow(workspace, sum(people.map(({ identified }) => identified)) * 0.9);
      assert.isAbove(workspace, Math.max(...people.map(({ identified }) => Number(identified))) * 1.1);
      const total = simulator.truth(id, "workspace-api-calls", "2024-06")[29]?.apiCalls;
      assert.strictEqual(Number(total), sum(calls.map(({ apiCalls }) => apiCalls)));
    }));

  it("of a workspace with one source are that source's", () =>
    withSimulator({ workspaces: [{ sources: 1 }] }, async (simulator) => {
      assertLawful(simulator, "2024-02");
    }));

  it("begin anew each month, and grow over the year", () =>
    withSimulator({}, async (simulator) => {
      const last = (month: string) =>
        BigInt(simulator.truth(idOf(simulator), "workspace-mtu", month).at(-1)!.identified);
      const first = (month: string) => BigInt(simulator.truth(idOf(simulator), "workspace-mtu", month)[0]!.identified);
      assert.isTrue(first("2024-09") < last("2024-08"));
      assert.isTrue(last("2024-12") * 100n > last("2024-01") * 120n);
    }));

  it("show weekends and a launch", () =>
    withSimulator({ workspaces: [{ sources: 3 }] }, async (simulator) => {
      const days = ["2024-04", "2024-05", "2024-06", "2024-07"].flatMap((month) => {
        const rows = simulator.truth(idOf(simulator), "workspace-api-calls", month);
        return rows.map((row, at) => ({
          weekday: new Date(row.timestamp).getUTCDay(),
          calls: Number(row.apiCalls) - Number(rows[at - 1]?.apiCalls ?? 0),
        }));
      });
      const mean = (some: ReadonlyArray<{ calls: number }>) =>
        some.reduce((sum, { calls }) => sum + calls, 0) / some.length;
      const weekend = days.filter(({ weekday }) => weekday === 0 || weekday === 6);
      const week = days.filter(({ weekday }) => weekday > 0 && weekday < 6);
      assert.isBelow(mean(weekend), mean(week) * 0.75);
      assert.isAbove(Math.max(...days.map(({ calls }) => calls)), mean(week) * 2);
    }));

  it("have sources that come, die and are deleted", () =>
    withSimulator({ workspaces: [{ sources: 20 }] }, async (simulator) => {
      const id = idOf(simulator);
      const usersOf = (month: string) =>
        new Set(simulator.truth(id, "source-mtu", month).map(({ sourceId }) => sourceId));
      assert.isBelow(usersOf("2024-01").size, 20);
      assert.strictEqual(usersOf("2025-01").size, 18, "all but the dead and the deleted");
      simulator.setNow("2024-06-15T00:00:00Z");
      const listed = new Set(simulator.sources(id).map((source) => source.id));
      const deleted = [...usersOf("2024-02")].filter((source) => !listed.has(source));
      assert.strictEqual(deleted.length, 1);
      assert.isFalse(usersOf("2024-03").has(deleted[0] as string));
      const dead = simulator.sources(id).filter(({ enabled }) => !enabled);
      assert.strictEqual(dead.length, 1);
      const march = simulator
        .truth(id, "source-api-calls", "2024-03")
        .filter(({ sourceId }) => sourceId === dead[0]?.id);
      assert.strictEqual(march[13]?.apiCalls, march[30]?.apiCalls);
      assert.notStrictEqual(march[12]?.apiCalls, march[11]?.apiCalls);
      assert.isFalse(usersOf("2024-04").has(dead[0]?.id as string));
      simulator.setNow("2024-01-05T00:00:00Z");
      assert.isBelow(simulator.sources(id).length, 20);
      assert.isTrue(simulator.sources(id).every(({ enabled }) => enabled));
    }));
});

describe("time", () => {
  it("ends the current month at today, and has nothing before the first month or after now", () =>
    withSimulator({}, async (simulator) => {
      const days = (month: string) => simulator.truth(idOf(simulator), "workspace-mtu", month).length;
      assert.deepStrictEqual(["2023-12", "2024-01", "2024-02", "2025-03", "2025-04"].map(days), [0, 31, 29, 10, 0]);
      const before = simulator.truth(idOf(simulator), "source-mtu", "2025-03");
      simulator.setNow("2025-03-11T00:00:00Z");
      assert.deepStrictEqual(
        simulator.truth(idOf(simulator), "source-mtu", "2025-03").slice(0, before.length),
        before,
        "a new day only adds rows",
      );
      assert.strictEqual(days("2025-03"), 11);
      assert.throws(() => simulator.setNow("2025-03-11T00:00:00"), RangeError);
    }));

  it("moves the billing period when told to", () =>
    withSimulator({ periodOffsetDays: 14, workspaces: [{ sources: 6 }] }, async (simulator) => {
      assertLawful(simulator, "2024-02");
      const rows = simulator.truth(idOf(simulator), "workspace-mtu", "2024-02");
      assert.strictEqual(rows.length, 29);
      assert.strictEqual(rows[0]?.timestamp, "2024-02-15T00:00:00Z");
      assert.strictEqual(rows[0]?.periodStart, Date.parse("2024-02-15") / 1000);
      assert.strictEqual(rows[0]?.periodEnd, Date.parse("2024-03-15") / 1000);
      assert.strictEqual(simulator.truth(idOf(simulator), "workspace-mtu", "2023-12").length, 0);
    }));
});

describe("the seed", () => {
  const facts = async (options: SimulatorOptions, months: ReadonlyArray<string>) => {
    let text = "";
    await withSimulator(options, async (simulator) => {
      const id = idOf(simulator);
      const usage = months.map((month) => [month, simulator.truth(id, "source-mtu", month)] as const);
      text = JSON.stringify([simulator.workspaces, simulator.sources(id), usage.sort()]);
    });
    return text;
  };

  it("decides everything, whatever the order of the questions", async () => {
    const one = await facts({ seed: 5 }, ["2024-01", "2024-07"]);
    assert.strictEqual(one, await facts({ seed: 5 }, ["2024-07", "2024-01"]));
    assert.notStrictEqual(one, await facts({ seed: 6 }, ["2024-01", "2024-07"]));
  });

  it("makes the same world in every time zone", () => {
    const script = `
      const { makeWorkspaces } = await import(${JSON.stringify(new URL("../src/Workspace.ts", import.meta.url).href)});
      const { World } = await import(${JSON.stringify(new URL("../src/World.ts", import.meta.url).href)});
      const { sliceRows } = await import(${JSON.stringify(new URL("../src/UsageRows.ts", import.meta.url).href)});
      const config = { seed: 9, workspaces: [{ sources: 5, from: "2024-01", moreTokens: [] }], periodOffsetDays: 0 };
      const world = new World(config);
      const usage = world.usage(world.workspaces[0], 2024 * 12 + 2, ${Date.parse(now)});
      console.log(JSON.stringify([makeWorkspaces(config), sliceRows(usage, "source-mtu", 0, Infinity)]));
      console.log(new Date(2024, 2, 1).toISOString());`;
    const [one, other] = ["Pacific/Kiritimati", "America/Los_Angeles"].map((zone) =>
      execFileSync(process.execPath, ["--input-type=module", "-e", script], {
        env: { ...process.env, TZ: zone },
      })
        .toString()
        .trim()
        .split("\n"),
    );
    assert.notStrictEqual(one?.[1], other?.[1], "the time zone was in force");
    assert.strictEqual(one?.[0], other?.[0]);
    assert.include(one?.[0], "2024-03-31T00:00:00Z");
  });
});
