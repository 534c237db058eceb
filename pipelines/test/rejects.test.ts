/**
 * `segmeter rejects`: the rows that were set aside are those of what is held, no more and no less. And fields that nobody knew of
 * are named.
 */
import { assert, describe, it } from "@effect/vitest";
import { startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertCode, assertOneSentence, jsonLines, pointedAt, temporaryDirectory } from "./Command.ts";
import { filesBelow } from "./Held.ts";
import { openSession } from "./Session.ts";

const { promise } = Effect;
const now = "2024-02-20T06:00:00Z";

const setting = Effect.gen(function* () {
  const simulator = yield* startSimulator({ now, workspaces: [{ sources: 2, from: "2024-01" }] });
  const env = pointedAt(simulator, now);
  const dataDir = join(yield* temporaryDirectory, "data");
  const run = yield* openSession;
  return {
    simulator,
    dataDir,
    rejectsDir: join(dataDir, "rejects"),
    workspaceId: simulator.workspaces[0]!.id,
    backfill: (...flags: ReadonlyArray<string>) =>
      run(["backfill", "--from", "2024-01", "--data-dir", dataDir, ...flags], env),
    rejects: (...flags: ReadonlyArray<string>) => run(["rejects", "--data-dir", dataDir, ...flags]),
  };
});

const january = { path: "/usage/api-calls/sources/daily", month: "2024-01" } as const;
const february = { path: "/usage/mtu/daily", month: "2024-02" } as const;
const quarantine = ["--bad-rows", "quarantine", "--gates", "warn"];

describe("rejects", () => {
  it.live("are listed with page, position, reason and the row as sent; a later capture of the month clears them", () =>
    Effect.gen(function* () {
      const { backfill, dataDir, rejects, rejectsDir, simulator, workspaceId } = yield* setting;
      simulator.faults.add({ kind: "bad-row", ...january, variant: "decimal", row: 3, page: 1 });
      simulator.faults.add({ kind: "bad-row", ...february, variant: "negative", field: "identified" });
      const first = yield* backfill(...quarantine, "--page-size", "20", "--json");
      assertCode(first, 0);
      const captures = jsonLines(first.stdout).filter(({ captureId }) => captureId !== undefined);
      const idOf = (dataset: string, usageMonth: string) =>
        captures.find((one) => one["dataset"] === dataset && one["usageMonth"] === usageMonth)?.["captureId"];

      const listed = yield* rejects("--json");
      assertCode(listed, 0);
      const [calls, people, ...others] = jsonLines(listed.stdout);
      assert.deepStrictEqual(others, []);
      const place = { event: "reject", workspaceId };
      const { reason, row, ...where } = calls!;
      assert.deepStrictEqual(where, {
        ...place,
        dataset: "source-api-calls",
        usageMonth: "2024-01",
        captureId: idOf("source-api-calls", "2024-01"),
        page: 2,
        position: 4,
      });
      assert.match(String(reason), /whole number.*apiCalls/);
      const asSent = simulator.truth(workspaceId, "source-api-calls", "2024-01")[23]!;
      assert.include(row as object, { sourceId: asSent.sourceId, timestamp: asSent.timestamp });
      assert.include(people, { dataset: "workspace-mtu", usageMonth: "2024-02", page: 1, position: 1 });
      assert.match(String(people!["reason"]), /identified/);

      const table = yield* rejects();
      assertCode(table, 0);
      assert.match(table.stdout, /│ source-api-calls +│ 2024-01 +│ +2 │ +4 │ .*apiCalls/);
      assert.match(table.stdout, /\n2 rows are set aside\.\n$/);
      const one = yield* rejects("--json", "--dataset", "workspace-mtu");
      assert.deepStrictEqual(jsonLines(one.stdout), [people!]);

      // A run that fails keeps what is held, and its rejects.
      simulator.faults.clear();
      simulator.faults.add({ kind: "bad-row", ...february, variant: "negative", field: "identified", times: Infinity });
      assertCode(yield* backfill(), 1);
      assert.strictEqual((yield* rejects("--json")).stdout, listed.stdout);

      // What a killed run leaves is swept by the next; what belongs to what is held stays.
      const [file = ""] = yield* promise(() => filesBelow(rejectsDir));
      const stray = (name: string) => join(rejectsDir, file, "..", name);
      yield* promise(async () => {
        await writeFile(stray("8d9fd1c0-0000-4000-8000-000000000000.ndjson"), '{"torn');
        await writeFile(stray("8d9fd1c0-0000-4000-8000-000000000000.ndjson.tmp"), '{"torn');
      });
      assertCode(yield* backfill(), 1);
      assert.strictEqual((yield* rejects("--json")).stdout, listed.stdout);
      assert.strictEqual((yield* promise(() => filesBelow(rejectsDir))).length, 2);

      // February is open: it is captured again, and with it its rejects go. January is settled.
      simulator.faults.clear();
      assertCode(yield* backfill(), 0);
      assert.deepStrictEqual(jsonLines((yield* rejects("--json")).stdout), [calls!]);
      assertCode(yield* backfill("--refresh"), 0);
      const none = yield* rejects();
      assertCode(none, 0);
      assert.strictEqual(none.stdout, "No rows are set aside.\n");
      assert.strictEqual((yield* rejects("--json")).stdout, "");
      assert.isFalse(existsSync(rejectsDir));
      assert.isTrue(existsSync(dataDir));
    }),
  );

  it.live("of what one sink holds are not lost by a run to the other that fails", () =>
    Effect.gen(function* () {
      const { backfill, rejects, simulator } = yield* setting;
      simulator.faults.add({ kind: "bad-row", ...january, times: Infinity });
      assertCode(yield* backfill(...quarantine, "--sink", "parquet", "--dataset", "source-api-calls"), 0);
      const before = yield* rejects("--json");
      assert.strictEqual(jsonLines(before.stdout).length, 1);
      assertCode(yield* backfill("--sink", "duckdb", "--dataset", "source-api-calls"), 1);
      assert.strictEqual((yield* rejects("--json")).stdout, before.stdout);
    }),
  );

  it.live("of a directory that there is not are bad usage", () =>
    Effect.gen(function* () {
      const { dataDir, rejects } = yield* setting;
      const ended = yield* rejects();
      assertCode(ended, 2);
      assertOneSentence(ended);
      assert.isFalse(existsSync(dataDir));
    }),
  );
});

describe("fields that are not documented", () => {
  it.live("are told once a run, by name, whatever they were seen in", () =>
    Effect.gen(function* () {
      const { backfill, simulator } = yield* setting;
      for (const { name, path } of [
        { name: "estimatedCost", path: "/usage/mtu/daily" },
        { name: "estimatedCost", path: "/usage/api-calls/daily" },
        { name: "currency", path: "/usage/mtu/daily" },
      ]) {
        simulator.faults.add({ kind: "unknown-field", path, name, times: Infinity });
      }
      const words = yield* backfill("--page-size", "10");
      assertCode(words, 0);
      const told = words.stderr.split("\n").filter((line) => /does not know/.test(line));
      assert.deepStrictEqual(told, [
        "warning: the service sends a field that segmeter does not know: currency (workspace-mtu).",
        "warning: the service sends a field that segmeter does not know: estimatedCost (workspace-api-calls, workspace-mtu).",
      ]);
      assert.strictEqual(words.stderr.match(/estimatedCost/g)?.length, 1);
      const json = yield* backfill("--json");
      const lines = jsonLines(json.stdout).filter(({ event }) => event === "unknown-fields-seen");
      assert.deepStrictEqual(lines, [
        {
          event: "unknown-fields-seen",
          fields: [
            { name: "currency", datasets: ["workspace-mtu"] },
            { name: "estimatedCost", datasets: ["workspace-api-calls", "workspace-mtu"] },
          ],
        },
      ]);
    }),
  );
});
