import { assert, describe, it } from "@effect/vitest";
import type { UsageRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { join } from "node:path";
import { openDuckDBSink, views } from "../src/index.ts";
import { ask, at, callsRow, day, directory, mtuRow, ofWorkspace, partition, replace } from "./Setting.ts";

const max = 2n ** 63n - 1n;

interface Given {
  readonly mtu?: ReadonlyArray<UsageRow>;
  readonly calls?: ReadonlyArray<UsageRow>;
  /** A later month, with its own rows. */
  readonly laterMtu?: ReadonlyArray<UsageRow>;
  readonly laterCalls?: ReadonlyArray<UsageRow>;
}

/** What a view answers, over sources and (of the rows of `s1`) over the workspace. */
const answers = (given: Given, ...questions: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const path = join(yield* directory, "segmeter.duckdb");
    yield* Effect.scoped(
      Effect.gen(function* () {
        const sink = yield* openDuckDBSink({ path });
        for (const [measure, month, rows = []] of [
          ["mtu", "2024-01", given.mtu],
          ["mtu", "2024-02", given.laterMtu],
          ["api-calls", "2024-01", given.calls],
          ["api-calls", "2024-02", given.laterCalls],
        ] as const) {
          yield* replace(sink, partition(`source-${measure}`, month), rows);
          const first = rows.filter((row) => "source_id" in row && row.source_id === "s1");
          yield* replace(sink, partition(`workspace-${measure}`, month), first.map(ofWorkspace));
        }
        yield* sink.saveNames({
          workspace: { id: "w1", slug: "w", name: "W" },
          sources: [{ id: "s1", slug: "site", name: "Site", type: "javascript", enabled: true, labels: [] }],
          seenAt: at("2024-02-02"),
        });
      }),
    );
    return yield* Effect.forEach(questions, (sql) => Effect.promise(() => ask(path, sql)));
  }).pipe(Effect.scoped);

const on = (date: string, fields: Parameters<typeof mtuRow>[0]) => ({
  day: day(date),
  snapshot_at: at(date),
  ...fields,
});

describe("DuckDBViews", () => {
  it("are these", () => {
    assert.strictEqual(
      views.map(({ name }) => name).join(" "),
      "workspace_mtu workspace_api_calls source_mtu source_api_calls " +
        "workspace_mtu_monthly workspace_api_calls_monthly source_mtu_monthly source_api_calls_monthly",
    );
  });

  it.live("the total is identified and never identified; growth starts from zero, may fall, and spans a gap", () =>
    Effect.gen(function* () {
      const [workspace, source] = yield* answers(
        {
          mtu: [
            mtuRow(on("2024-01-01", { identified: 5n, never_identified: 7n, anonymous: 100n })),
            mtuRow(on("2024-01-02", { identified: 6n, never_identified: 9n })),
            mtuRow(on("2024-01-03", { identified: 6n, never_identified: 4n })),
            mtuRow(on("2024-01-07", { identified: 10n, never_identified: 20n })),
          ],
        },
        "SELECT day, mtu, mtu_growth FROM workspace_mtu ORDER BY day",
        "SELECT day, mtu, mtu_growth FROM source_mtu ORDER BY day",
      );
      const expected = [
        ["2024-01-01", "12", "12"],
        ["2024-01-02", "15", "3"],
        ["2024-01-03", "10", "-5"],
        ["2024-01-07", "30", "20"],
      ];
      assert.deepStrictEqual(workspace, expected);
      assert.deepStrictEqual(source, expected);
    }),
  );

  it.live("a new period starts from zero, in the middle of a month or across two", () =>
    Effect.gen(function* () {
      const second = { period_start: at("2024-01-15"), period_end: at("2024-02-15") - 1 };
      const [daily, monthly] = yield* answers(
        {
          mtu: [
            mtuRow(on("2024-01-13", { identified: 50n })),
            mtuRow(on("2024-01-14", { identified: 60n })),
            mtuRow(on("2024-01-15", { identified: 3n, ...second })),
            mtuRow(on("2024-01-31", { identified: 30n, ...second })),
          ],
          laterMtu: [mtuRow(on("2024-02-01", { identified: 31n, ...second }))],
        },
        "SELECT day, mtu_growth FROM source_mtu ORDER BY day",
        "SELECT usage_month, period_start, day, mtu FROM source_mtu_monthly ORDER BY period_start",
      );
      assert.deepStrictEqual(daily, [
        ["2024-01-13", "50"],
        ["2024-01-14", "10"],
        ["2024-01-15", "3"],
        ["2024-01-31", "27"],
        ["2024-02-01", "1"],
      ]);
      assert.deepStrictEqual(monthly, [
        ["2024-01-01", "2024-01-01 00:00:00", "2024-01-14", "60"],
        ["2024-02-01", "2024-01-15 00:00:00", "2024-02-01", "31"],
      ]);
    }),
  );

  it.live("API calls reset with the usage month", () =>
    Effect.gen(function* () {
      const [daily, monthly, workspace] = yield* answers(
        {
          calls: [
            callsRow(on("2024-01-30", { api_calls: 900n })),
            callsRow(on("2024-01-31", { api_calls: 1_000n })),
            callsRow(on("2024-01-31", { api_calls: 5n, source_id: "s2" })),
          ],
          laterCalls: [callsRow(on("2024-02-01", { api_calls: 40n })), callsRow(on("2024-02-02", { api_calls: 30n }))],
        },
        "SELECT day, source_id, api_calls, api_calls_growth FROM source_api_calls ORDER BY day, source_id",
        "SELECT usage_month, source_id, day, api_calls FROM source_api_calls_monthly ORDER BY ALL",
        "SELECT usage_month, day, api_calls FROM workspace_api_calls_monthly ORDER BY ALL",
      );
      assert.deepStrictEqual(daily, [
        ["2024-01-30", "s1", "900", "900"],
        ["2024-01-31", "s1", "1000", "100"],
        ["2024-01-31", "s2", "5", "5"],
        ["2024-02-01", "s1", "40", "40"],
        ["2024-02-02", "s1", "30", "-10"],
      ]);
      assert.deepStrictEqual(monthly, [
        ["2024-01-01", "s1", "2024-01-31", "1000"],
        ["2024-01-01", "s2", "2024-01-31", "5"],
        ["2024-02-01", "s1", "2024-02-02", "30"],
      ]);
      assert.deepStrictEqual(workspace, [
        ["2024-01-01", "2024-01-31", "1000"],
        ["2024-02-01", "2024-02-02", "30"],
      ]);
    }),
  );

  it.live("neither totals nor growth overflow at the ends of 64 bits", () =>
    Effect.gen(function* () {
      const [mtu, calls] = yield* answers(
        {
          mtu: [
            mtuRow(on("2024-01-01", { identified: max, never_identified: max })),
            mtuRow(on("2024-01-02", { identified: -max - 1n, never_identified: -max - 1n })),
          ],
          calls: [callsRow(on("2024-01-01", { api_calls: max })), callsRow(on("2024-01-02", { api_calls: -max - 1n }))],
        },
        "SELECT mtu, mtu_growth FROM workspace_mtu ORDER BY day",
        "SELECT api_calls, api_calls_growth FROM workspace_api_calls ORDER BY day",
      );
      assert.deepStrictEqual(mtu, [
        [`${2n * max}`, `${2n * max}`],
        [`${-2n * max - 2n}`, `${-4n * max - 2n}`],
      ]);
      assert.deepStrictEqual(calls, [
        [`${max}`, `${max}`],
        [`${-max - 1n}`, `${-2n * max - 1n}`],
      ]);
    }),
  );

  it.live("figures of a source that is gone stay, without its name", () =>
    Effect.gen(function* () {
      const rows = ["s1", "gone"].map((source_id) => ({ source_id }));
      const found = yield* answers(
        { mtu: rows.map((row) => mtuRow(row)), calls: rows.map((row) => callsRow(row)) },
        ...["source_mtu", "source_mtu_monthly", "source_api_calls", "source_api_calls_monthly"].map(
          (view) => `SELECT source_id, source_slug, source_name FROM ${view} ORDER BY source_id`,
        ),
      );
      for (const each of found) {
        assert.deepStrictEqual(each, [
          ["gone", null, null],
          ["s1", "site", "Site"],
        ]);
      }
    }),
  );

  it.live("the monthly figure is the latest day's, never a sum and never the largest", () =>
    Effect.gen(function* () {
      const [found] = yield* answers(
        {
          mtu: [
            mtuRow(on("2024-01-29", { identified: 9n, anonymous: 1n })),
            mtuRow(on("2024-01-30", { identified: 7n, anonymous: 2n })),
            mtuRow(on("2024-01-30", { identified: 100n, source_id: "s2" })),
          ],
        },
        "SELECT source_id, day, identified, anonymous, mtu, snapshot_at FROM source_mtu_monthly ORDER BY source_id",
      );
      assert.deepStrictEqual(found, [
        ["s1", "2024-01-30", "7", "2", "7", "2024-01-30 00:00:00"],
        ["s2", "2024-01-30", "100", "0", "100", "2024-01-30 00:00:00"],
      ]);
    }),
  );
});
