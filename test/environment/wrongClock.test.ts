/**
 * A clock that jumps: set back or forward between runs and in the middle of one, by hours, over a month's end, before 1970 and
 * beyond what a timestamp holds. Whatever it says, history stays in order and nothing is lost.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  assertCode,
  assertNoStack,
  assertOneSentence,
  type Environment,
  pointedAt,
  segmeter,
  temporaryDirectory,
} from "../../pipelines/test/Command.ts";
import { readers } from "../../pipelines/test/Held.ts";
import {
  assertNothingLost,
  assertWhole,
  backfill,
  copyOf,
  emptyPlace,
  heldIn,
  heldPlace,
  type Place,
  share,
  spoiled,
  spoiledRun,
} from "./Setting.ts";

const { promise } = Effect;
const hour = 3_600_000;

/** With the clock of the machine, ahead by so much that it shows that moment. */
const at = (iso: string): Environment => ({ CLOCK_OFFSET: String(Date.parse(iso) - Date.now()), SEGMETER_NOW: "" });

/** In either sink: a version ends after it began, none has two ends, and what stands began after what gave way to it ended, or then. */
const assertInOrder = Effect.fnUntraced(function* ({ dataDir }: Pick<Place, "dataDir">) {
  for (const name of ["DuckDB", "Parquet through hyparquet"] as const) {
    for (const table of ["source_mtu_daily", "workspace_api_calls_daily"]) {
      const revisions = yield* promise(() => readers[name](dataDir, `${table}_revisions`));
      const standing = yield* promise(() => readers[name](dataDir, table));
      const keyOf = (row: Readonly<Record<string, unknown>>) =>
        [row["period_start"], row["usage_month"], row["day"], row["source_id"]].join(" ");
      const observed = new Map(standing.map((row) => [keyOf(row), String(row["observed_at"])]));
      for (const row of revisions) {
        // By their text: a clock that stands still, or goes back, moves on by a microsecond.
        assert.isTrue(String(row["observed_at"]) < String(row["superseded_at"]), keyOf(row));
        const after = observed.get(keyOf(row));
        if (after !== undefined) assert.isTrue(after >= String(row["superseded_at"]), keyOf(row));
      }
    }
  }
});

describe("between two runs", () => {
  const clocks = [
    "2024-02-20T03:00:00Z",
    "2024-02-18T06:00:00Z",
    "2024-01-31T23:59:59Z",
    "2023-12-31T23:00:00Z",
    "2024-03-02T06:00:00Z",
    "2031-03-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
  ];
  it.live("a clock that was set back, or on, keeps what is held, and its order", () =>
    Effect.gen(function* () {
      const held = yield* heldPlace();
      const { id: workspaceId } = held.simulator.workspaces[0]!;
      const before = yield* heldIn(held);
      held.simulator.restate({ workspaceId, month: "2024-02", delta: 7, fromDay: 3 });
      for (const now of share(clocks, 2)) {
        const place = yield* copyOf(held);
        const { dataDir } = place;
        const env = { ...place.env, SEGMETER_NOW: now };
        const ended = yield* segmeter(["nightly", "--data-dir", dataDir], { env });
        assertNoStack(ended.stderr);
        assert.include([0, 1], ended.code, `${now}: ${ended.stderr}`);
        assertNothingLost(
          { ...before, parquet: onlyBooks(before.parquet), duckdb: onlyBooks(before.duckdb) },
          yield* heldIn(place),
        );
        yield* assertInOrder(place);
        // The clock is right again, and so is everything else.
        assertCode(yield* segmeter(backfill(dataDir, "--refresh"), { env: place.env }), 0);
        yield* assertInOrder(place);
        yield* assertFigures(place);
      }
    }),
  );

  it.live("a clock that was three hours ahead leaves open months open, and their order right", () =>
    Effect.gen(function* () {
      const place = yield* heldPlace();
      const { dataDir, env } = place;
      assertCode(yield* segmeter(backfill(dataDir), { env: { ...env, SEGMETER_NOW: "2024-03-02T09:00:00Z" } }), 0);
      assertCode(yield* segmeter(["nightly", "--data-dir", dataDir], { env }), 0);
      yield* assertInOrder(place);
      yield* assertWhole(place);
    }),
  );
});

type Tables = Readonly<Record<string, ReadonlyArray<string>>>;
const onlyBooks = (tables: Tables): Tables =>
  Object.fromEntries(Object.entries(tables).filter(([table]) => ["captures", "runs"].includes(table)));

const assertFigures = ({ dataDir, simulator }: Place) =>
  Effect.gen(function* () {
    const { id } = simulator.workspaces[0]!;
    const truth = simulator.truth(id, "source-mtu", "2024-02") as ReadonlyArray<unknown>;
    const rows = yield* promise(() => readers.DuckDB(dataDir, "source_mtu_daily"));
    assert.lengthOf(
      rows.filter((row) => row["usage_month"] === "2024-02-01"),
      truth.length,
    );
    assertCode(yield* segmeter(["verify", "--data-dir", dataDir]), 0);
  });

describe("a machine's clock that is two months ahead of the service's", () => {
  it.live("settles nothing that the service still counts, and is told of", () =>
    Effect.gen(function* () {
      const simulator = yield* Effect.orDie(startSimulator({ workspaces: [{ sources: 1, from: "2024-01" }] }));
      const dataDir = join(yield* temporaryDirectory, "data");
      const present = new Date().toISOString().slice(0, 7);
      const ahead = spoiled(dataDir, undefined, { CLOCK_OFFSET: String(60 * 24 * hour) });
      const months = ["--from", present, "--to", present, "--settle-days", "1"];
      const env = { ...pointedAt(simulator, ""), ...ahead };
      const ended = yield* segmeter(["backfill", ...months, "--data-dir", dataDir], { env });
      assertCode(ended, 0);
      assert.match(ended.stderr, /^note: this machine's clock is .* ahead of the service's; set it/m);
      const states = yield* segmeter([
        "query",
        "--format",
        "json",
        "--data-dir",
        dataDir,
        "SELECT DISTINCT state FROM captures",
      ]);
      assert.deepStrictEqual(JSON.parse(states.stdout), [{ state: "open" }]);
      const found = yield* segmeter(["doctor", "--data-dir", dataDir], { env });
      assertCode(found, 1);
      assert.match(found.stdout, /^failed +clock: .* ahead of the service's; set this machine's clock$/m);
    }),
  );
});

describe("during a run", () => {
  const jumps = [2 * hour, -3 * hour, -26 * hour, 40 * 24 * hour, -40 * 24 * hour];
  it.live("a jump loses nothing, and the next run goes on", () =>
    Effect.gen(function* () {
      const held = yield* heldPlace();
      const before = yield* heldIn(held);
      for (const jump of share(jumps, 2)) {
        const place = yield* copyOf(held);
        const fault = { at: "^rename parquet/workspace_mtu_daily", jump };
        const ended = yield* spoiledRun(
          { ...place, env: { ...place.env, SEGMETER_NOW: "" } },
          fault,
          ["--to", "2024-03"],
          at("2024-03-02T06:00:00Z"),
        );
        assertNoStack(ended.stderr);
        assertCode(ended, 0);
        assertNothingLost(before, yield* heldIn(place));
        yield* assertInOrder(place);
        assertCode(yield* segmeter(backfill(place.dataDir), { env: place.env }), 0);
        yield* assertWhole(place);
      }
    }),
  );
});

describe("a clock that is far off", () => {
  it.live("is told of; nothing is stored or asked for", () =>
    Effect.gen(function* () {
      const place = yield* emptyPlace;
      for (const now of share(["1969-07-20T20:17:00Z", "2263-01-01T00:00:00Z", "9999-12-31T23:59:59Z"], 0, 1)) {
        const env = { ...place.env, SEGMETER_NOW: "" };
        const ended = yield* spoiledRun({ ...place, env }, undefined, [], at(now));
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, new RegExp(`clock says ${now.slice(0, 10)}.*Set the clock`));
      }
      assert.deepStrictEqual(place.simulator.requests, []);
      assert.isFalse(existsSync(place.dataDir));
    }),
  );
});
