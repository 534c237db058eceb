import { assert, describe, it } from "@effect/vitest";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Revision, UsageRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { join } from "node:path";
import { macros, openDuckDBSink, views } from "../src/index.ts";
import { ask, at, callsRow, capture, day, directory, mtuRow, ofWorkspace, partition } from "./Setting.ts";

const [first, second, third] = [at("2024-02-02T10:00:00"), at("2024-02-03T10:00:00"), at("2024-02-04T10:00:00.000001")];

/** A version of the figure of a day: `value` from one instant on, and until another where it was superseded. */
const version = (date: string, value: bigint, from: number, until?: number) => ({
  fields: { day: day(date), snapshot_at: at(date), observed_at: from },
  value,
  until,
});

/** Corrected on the second, withdrawn on the third; a day is added on the third. */
const versions = [
  version("2024-01-01", 10n, first, second),
  version("2024-01-01", 20n, second),
  version("2024-01-02", 30n, first, third),
  version("2024-01-03", 50n, third),
];

/** The four datasets with these versions, all of source `s1`. */
const filled = Effect.gen(function* () {
  const path = join(yield* directory, "segmeter.duckdb");
  yield* Effect.scoped(
    Effect.gen(function* () {
      const sink = yield* openDuckDBSink({ path });
      yield* sink.saveNames({
        workspace: { id: "w1", slug: "w", name: "W" },
        sources: [{ id: "s1", slug: "site", name: "Site", type: "javascript", enabled: true, labels: [] }],
        seenAt: first,
      });
      const replace = (
        dataset: Parameters<typeof partition>[0],
        rowOf: (each: (typeof versions)[number]) => UsageRow,
      ) => {
        const rows = versions.filter(({ until }) => until === undefined).map(rowOf);
        const revisions = versions.flatMap((each): ReadonlyArray<Revision> =>
          each.until === undefined ? [] : [{ ...rowOf(each), superseded_at: each.until }],
        );
        const captured = { capture: capture(partition(dataset), { rows: rows.length, capturedAt: third }), rows };
        return sink.replace(captured, { since: 0, revisions, captures: [] });
      };
      const mtu = ({ fields, value }: (typeof versions)[number]) => mtuRow({ ...fields, identified: value });
      const calls = ({ fields, value }: (typeof versions)[number]) => callsRow({ ...fields, api_calls: value });
      yield* replace("source-mtu", mtu);
      yield* replace("workspace-mtu", (each) => ofWorkspace(mtu(each)));
      yield* replace("source-api-calls", calls);
      yield* replace("workspace-api-calls", (each) => ofWorkspace(calls(each)));
    }),
  );
  return path;
});

/** Day, total, growth as of `ts`, an SQL expression. */
const known = (ts: string, name = "source_mtu_as_of") => {
  const total = name.includes("mtu") ? "mtu" : "api_calls";
  return `SELECT day, ${total}, ${total}_growth FROM ${name}(${ts}) ORDER BY day`;
};

const atFirst = [
  ["2024-01-01", "10", "10"],
  ["2024-01-02", "30", "20"],
];
const atSecond = [
  ["2024-01-01", "20", "20"],
  ["2024-01-02", "30", "10"],
];
const atThird = [
  ["2024-01-01", "20", "20"],
  ["2024-01-03", "50", "30"],
];

/** Every way to say an instant, and what was known then. A session in another zone gets the same. */
const instants: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
  ["'2024-02-02 09:59:59.999999'", []],
  ["'2024-02-02 10:00:00'", atFirst],
  ["'2024-02-02T10:00:00Z'", atFirst],
  ["TIMESTAMP '2024-02-03 09:59:59.999999'", atFirst],
  ["TIMESTAMP '2024-02-03 10:00:00'", atSecond],
  ["DATE '2024-02-02'", []],
  ["DATE '2024-02-03'", atFirst],
  ["'2024-02-04'", atSecond],
  ["'2024-02-03T12:00:00+02:00'", atSecond],
  ["'2024-02-03T11:59:59+02:00'", atFirst],
  ["'2024-02-03 05:00:00-05'", atSecond],
  ["'2024-02-03T04:59:59-0500'", atFirst],
  ["TIMESTAMPTZ '2024-02-03 12:00:00+02'", atSecond],
  ["TIMESTAMPTZ '2024-02-03 11:59:59+02'", atFirst],
  ["TIMESTAMP '2024-02-04 10:00:00'", atSecond],
  ["TIMESTAMP '2024-02-04 10:00:00.000001'", atThird],
  ["'infinity'", atThird],
  ["(SELECT max(superseded_at) FROM source_mtu_daily_revisions)", atThird],
  ["NULL", []],
  ["CAST(NULL AS DATE)", []],
];

describe("DuckDBMacros", () => {
  it("are one for each daily view", () => {
    const daily = views.map(({ name }) => name).filter((name) => !name.endsWith("_monthly"));
    assert.sameMembers(
      macros.map(({ name }) => name),
      daily.map((name) => `${name}_as_of`),
    );
  });

  for (const zone of ["UTC", "Pacific/Auckland", "America/St_Johns"]) {
    it.live(`show the figures as they were known, whatever form the instant has: ${zone}`, () =>
      Effect.gen(function* () {
        const path = yield* filled;
        yield* Effect.promise(async () => {
          const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
          const connection = await instance.connect();
          await connection.run(`SET TimeZone = '${zone}'`);
          for (const [ts, expected] of instants) {
            const rows = await (await connection.run(known(ts))).getRowsJson();
            assert.deepStrictEqual(rows, [...expected] as typeof rows, ts);
          }
          connection.closeSync();
          instance.closeSync();
        });
      }).pipe(Effect.scoped),
    );
  }

  for (const { name } of macros) {
    it.live(`${name} has the view's columns, and after the last capture its rows`, () =>
      Effect.gen(function* () {
        const path = yield* filled;
        const view = name.replace("_as_of", "");
        const found = yield* Effect.forEach(
          [
            `SELECT column_name, column_type FROM (DESCRIBE FROM ${view})`,
            `SELECT column_name, column_type FROM (DESCRIBE FROM ${name}(DATE '2030-01-01'))`,
            `FROM ${view} ORDER BY ALL`,
            `FROM ${name}(DATE '2030-01-01') ORDER BY ALL`,
            known("'2024-02-02 10:00:00'", name),
            known("'2024-02-03 10:00:00'", name),
            `SELECT day, observed_at FROM ${name}('2024-02-03 10:00:00') ORDER BY day`,
          ],
          (sql) => Effect.promise(() => ask(path, sql)),
        );
        assert.deepStrictEqual(found[1], found[0]);
        assert.deepStrictEqual(found[3], found[2]);
        assert.lengthOf(found[2]!, 2);
        assert.deepStrictEqual(found.slice(4), [
          atFirst,
          atSecond,
          [
            ["2024-01-01", "2024-02-03 10:00:00"],
            ["2024-01-02", "2024-02-02 10:00:00"],
          ],
        ]);
      }).pipe(Effect.scoped),
    );
  }

  it.live("take no text that is no instant, even where there are no rows", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      yield* Effect.scoped(openDuckDBSink({ path }));
      for (const ts of ["'garbage'", "''", "'2024-02-30'", "'2024-01-01 10:00:00 Mars/Base'", "5"]) {
        const said = yield* Effect.promise(() => ask(path, known(ts)).then(String, (cause: Error) => cause.message));
        assert.include(said, "Error", ts);
      }
    }).pipe(Effect.scoped),
  );

  it.live("show a version once that is current and superseded at once", () =>
    Effect.gen(function* () {
      const path = yield* filled;
      yield* Effect.promise(() =>
        ask(path, "INSERT INTO source_mtu_daily_revisions SELECT *, TIMESTAMP '2024-03-01' FROM source_mtu_daily"),
      );
      for (const ts of ["DATE '2024-02-05'", "DATE '2024-04-01'"]) {
        assert.deepStrictEqual(yield* Effect.promise(() => ask(path, known(ts))), atThird);
      }
    }).pipe(Effect.scoped),
  );

  it.live("are defined anew by every opening, and are not tables", () =>
    Effect.gen(function* () {
      const path = yield* filled;
      yield* Effect.promise(() => ask(path, "CREATE OR REPLACE MACRO source_mtu_as_of(ts) AS TABLE SELECT 1 AS day"));
      yield* Effect.scoped(openDuckDBSink({ path }));
      assert.deepStrictEqual(yield* Effect.promise(() => ask(path, known("DATE '2024-02-03'"))), atFirst);
      const names = (yield* Effect.promise(() => ask(path, "SHOW TABLES"))).map(([name]) => name);
      assert.isFalse(names.some((name) => String(name).endsWith("_as_of")));
    }).pipe(Effect.scoped),
  );

  it.live("work in an attached database after USE", () =>
    Effect.gen(function* () {
      const path = yield* filled;
      const sql = `ATTACH '${path}' AS other; USE other; ${known("DATE '2024-02-03'")}`;
      assert.deepStrictEqual(yield* Effect.promise(() => ask(":memory:", sql)), atFirst);
    }).pipe(Effect.scoped),
  );
});
