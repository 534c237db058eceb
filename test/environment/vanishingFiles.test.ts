/**
 * Files that vanish, during a run and between two: what is gone is told of or made again from the other sink; the rest is as it
 * was; and what no sink has any more is captured again, or asked for.
 */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { assertNoStack, segmeter } from "../../pipelines/test/Command.ts";
import {
  assertNothingLost,
  assertWhole,
  backfill,
  copyOf,
  type Fault,
  heldIn,
  heldPlace,
  type Place,
  share,
  spoiledRun,
} from "./Setting.ts";

const { promise } = Effect;

/** Of the held directory; `W` stands for the workspace's directory. */
const partition = "parquet/source_mtu_daily/W/usage_month=2024-01-01";

const named = (place: Place, part: string): string =>
  part.replace("/W", `/workspace_id=${place.simulator.workspaces[0]!.id}`);

/** What is lost of a table when a part vanishes is that part's own; the other sink has it. */
const lostWith = (part: string): ReadonlyArray<string> => {
  const tables = ["source_mtu_daily", "captures", "runs"];
  if (part === "segmeter.duckdb")
    return ["workspace_mtu_daily", "workspace_api_calls_daily", "source_api_calls_daily", ...tables].map(
      (table) => `duckdb ${table}`,
    );
  if (part === "parquet")
    return ["workspace_mtu_daily", "workspace_api_calls_daily", "source_api_calls_daily", ...tables].map(
      (table) => `parquet ${table}`,
    );
  return tables.filter((table) => part.includes(table)).map((table) => `parquet ${table}`);
};

/** However the run ended: a next one ends well, with `--repair` before it where that is what it asks for. */
const comesBack = Effect.fnUntraced(function* (place: Place, label: string) {
  const { dataDir, env } = place;
  let next = yield* segmeter(backfill(dataDir), { env });
  assertNoStack(next.stderr);
  const verified = yield* segmeter(["verify", "--data-dir", dataDir]);
  if (verified.code !== 0) {
    const repaired = yield* segmeter(["verify", "--repair", "--data-dir", dataDir]);
    assert.strictEqual(repaired.code, 0, `${label}: ${repaired.stdout}${repaired.stderr}`);
    next = yield* segmeter(backfill(dataDir), { env });
  }
  assert.strictEqual(next.code, 0, `${label}: ${next.stderr}`);
  yield* assertWhole(place);
});

describe("between two runs", () => {
  const parts = [
    `${partition}/data.parquet`,
    partition,
    "parquet/captures/W/usage_month=2024-01-01",
    "parquet/runs",
    "segmeter.duckdb",
    "parquet",
    ".",
  ];
  it.live("what vanishes is had back, from the other sink where that has it", () =>
    Effect.gen(function* () {
      const held = yield* heldPlace();
      const before = yield* heldIn(held);
      yield* Effect.forEach(
        share(parts, 1),
        Effect.fnUntraced(function* (part) {
          const place = yield* copyOf(held);
          yield* promise(() => rm(join(place.dataDir, named(place, part)), { recursive: true }));
          yield* comesBack(place, part);
          if (part !== ".") assertNothingLost(before, yield* heldIn(place));
        }),
        { concurrency: 2 },
      );
    }),
  );
});

describe("during a run", () => {
  /** Before a capture of March is put in place, or its file is written. */
  const step = "^rename parquet/source_mtu_daily/.*2024-03";
  const faults: ReadonlyArray<Fault> = [
    { at: step, remove: "*" },
    { at: "^open parquet/source_mtu_daily/.*2024-03.*tmp", nth: 2, remove: "*" },
    { at: step, remove: `${partition}/data.parquet` },
    { at: step, remove: partition },
    { at: step, remove: "parquet/source_mtu_daily" },
    { at: step, remove: "parquet" },
    { at: step, remove: "segmeter.duckdb" },
    { at: step, remove: "segmeter.duckdb.wal" },
    { at: step, remove: "." },
    { at: "^rm .lock", remove: ".lock" },
  ];
  it.live("what vanishes is told of, and had back", () =>
    Effect.gen(function* () {
      const held = yield* heldPlace();
      const before = yield* heldIn(held);
      yield* Effect.forEach(
        share(faults, 6),
        Effect.fnUntraced(function* ({ remove = "", ...fault }) {
          const place = yield* copyOf(held);
          const ended = yield* spoiledRun(place, { ...fault, remove: named(place, remove) });
          assert.include([0, 1, 2], ended.code, ended.stderr);
          assertNoStack(ended.stderr);
          if (remove === "*") assertNothingLost(before, yield* heldIn(place));
          // A directory that is gone while it is written to comes back without its history: that no run can make good.
          if (remove === ".") return;
          yield* comesBack(place, `${fault.at} ${remove}`);
          if (remove !== ".")
            assertNothingLost(
              before,
              yield* heldIn(place),
              lostWith(remove).filter(() => remove.startsWith("segmeter")),
            );
        }),
        { concurrency: 2 },
      );
    }),
  );
});
