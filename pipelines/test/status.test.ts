/**
 * `segmeter status`: what is held, for people and for programs.
 */
import { assert, describe, it, layer } from "@effect/vitest";
import { datasetNames, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import {
  assertCode,
  assertOneSentence,
  type JsonLine,
  jsonLines,
  pointedAt,
  segmeter,
  temporaryDirectory,
} from "./Command.ts";
import { fingerprint } from "./Held.ts";

const now = "2024-04-10T06:00:00Z";

describe("where nothing is held", () => {
  it.live("a directory that is not there is bad usage, and is not made", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryDirectory;
      const ended = yield* segmeter(["status"], { cwd });
      assertCode(ended, 2);
      assertOneSentence(ended);
      assert.match(ended.stderr, /no data directory \.\/segmeter-data/);
      assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(cwd)), {});
    }),
  );

  it.live("an empty directory holds nothing yet, and stays empty", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      for (const flags of [[], ["--json"]]) {
        const ended = yield* segmeter(["status", "--data-dir", dataDir, ...flags]);
        assertCode(ended, 0);
        assert.strictEqual(ended.stdout, "");
        assert.match(ended.stderr, /holds nothing yet/);
      }
      assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(dataDir)), {});
    }),
  );

  it.live("a dataset that there is not is bad usage", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      const ended = yield* segmeter(["status", "--data-dir", dataDir, "--dataset", "mtu"]);
      assertCode(ended, 2);
      assertOneSentence(ended);
    }),
  );
});

interface Covered {
  readonly simulator: Simulator;
  readonly dataDir: string;
}

/**
 * Two workspaces in one directory. The first: an empty January, a settled February and an open April; March was never asked for,
 * and April's sources failed. The second: one dataset of one month.
 */
class Held extends Context.Service<Held, Covered>()("test/Held") {}

const held = Layer.effect(
  Held,
  Effect.gen(function* () {
    const of = { sources: 3, from: "2024-02" };
    const simulator = yield* startSimulator({ now, workspaces: [of, of] });
    const dataDir = yield* temporaryDirectory;
    const backfill = (workspace: number, ...flags: ReadonlyArray<string>) =>
      segmeter(["backfill", "--data-dir", dataDir, ...flags], { env: pointedAt(simulator, now, workspace) });
    assertCode(yield* backfill(0, "--from", "2024-01", "--to", "2024-02"), 0);
    simulator.faults.add({ kind: "bad-row", path: "/usage/mtu/sources/daily", month: "2024-04", variant: "negative" });
    assertCode(yield* backfill(0, "--from", "2024-04"), 1);
    assertCode(yield* backfill(1, "--from", "2024-02", "--to", "2024-02", "--dataset", "workspace-mtu"), 0);
    return { simulator, dataDir };
  }),
);

layer(held, { excludeTestServices: true })("what is held", (it) => {
  for (const sink of ["parquet", "duckdb"] as const) {
    it.effect(`--json: a line for each month and dataset of each workspace, from ${sink}`, () =>
      Effect.gen(function* () {
        const { dataDir, simulator } = yield* Held;
        const ended = yield* segmeter(["status", "--json", "--data-dir", dataDir, "--sink", sink]);
        assertCode(ended, 0);
        assert.strictEqual(ended.stderr, "");
        const lines = jsonLines(ended.stdout);
        const [first, second] = simulator.workspaces;
        const at = (usageMonth: string, dataset: string, workspaceId = first!.id): JsonLine => {
          const found = lines.filter(
            (line) =>
              line["workspaceId"] === workspaceId && line["usageMonth"] === usageMonth && line["dataset"] === dataset,
          );
          assert.strictEqual(found.length, 1, `${usageMonth} ${dataset}`);
          return found[0]!;
        };
        const capturedAt = "2024-04-10T06:00:00Z";
        for (const dataset of datasetNames) {
          assert.include(at("2024-01", dataset), { state: "settled", outcome: "empty", rows: 0, capturedAt });
          const rows = simulator.truth(first!.id, dataset, "2024-02").length;
          assert.include(at("2024-02", dataset), {
            state: "settled",
            outcome: "captured",
            rows,
            capturedAt,
            failure: null,
          });
          assert.include(at("2024-03", dataset), { state: "missing", outcome: null, rows: null, capturedAt: null });
        }
        assert.include(at("2024-04", "workspace-mtu"), { state: "open", rows: 10 });
        const failed = at("2024-04", "source-mtu");
        assert.include(failed, { state: "failed", outcome: null, rows: null, failedAt: capturedAt });
        assert.match(String(failed["failure"]), /.{10}/);
        assert.include(at("2024-02", "workspace-mtu", second!.id), { state: "settled", rows: 29 });
        assert.include(at("2024-02", "source-mtu", second!.id), { state: "missing" });
        for (const line of lines) assert.include(line, { event: "partition", sink });
      }),
    );
  }

  it.effect("for people: a table for each workspace, a line a month, and what there is in all", () =>
    Effect.gen(function* () {
      const { dataDir, simulator } = yield* Held;
      const ended = yield* segmeter(["status", "--data-dir", dataDir]);
      assertCode(ended, 0);
      assert.strictEqual(ended.stderr, "");
      for (const { id } of simulator.workspaces) assert.include(ended.stdout, `workspace ${id}\n`);
      const [first = ""] = ended.stdout.split("\n\n");
      const cells = (month: string): ReadonlyArray<string> => {
        const line = ended.stdout.slice(ended.stdout.indexOf(`workspace ${simulator.workspaces[0]!.id}`)).split("\n");
        return line
          .find((text) => text.includes(` ${month} `))!
          .split("│")
          .map((cell) => cell.trim())
          .slice(1, -1);
      };
      assert.include(first, "last captured (UTC)");
      assert.deepStrictEqual(cells("2024-01"), [
        "2024-01",
        ...Array<string>(4).fill("settled, empty"),
        "2024-04-10 06:00",
        "",
      ]);
      assert.deepStrictEqual(cells("2024-03"), ["2024-03", ...Array<string>(4).fill("missing"), "", ""]);
      const april = cells("2024-04");
      assert.strictEqual(april[1], "open, 10 rows");
      assert.strictEqual(april[3], "failed");
      assert.match(april[6]!, /source-mtu failed 2024-04-10 06:00/);
      assert.match(ended.stdout, /\nparquet: 9 settled, 3 open, \d+ missing, 1 failed\n$/);
    }),
  );

  it.effect("--dataset shows that alone", () =>
    Effect.gen(function* () {
      const { dataDir } = yield* Held;
      const ended = yield* segmeter(["status", "--json", "--data-dir", dataDir, "--dataset", "source-api-calls"]);
      assertCode(ended, 0);
      const datasets = new Set(jsonLines(ended.stdout).map((line) => line["dataset"]));
      assert.deepStrictEqual([...datasets], ["source-api-calls"]);
    }),
  );

  it.effect("looks, and touches no file", () =>
    Effect.gen(function* () {
      const { dataDir } = yield* Held;
      const before = yield* Effect.promise(() => fingerprint(dataDir));
      for (const sink of ["parquet", "duckdb"]) {
        assertCode(yield* segmeter(["status", "--data-dir", dataDir, "--sink", sink]), 0);
        assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(dataDir)), before, sink);
      }
    }),
  );
});
