/**
 * Trust: what is captured is its user's alone, and no name that the service gives leads out of the data directory or into SQL.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import { readdirSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { assertCode, assertNoStack, pointedAt, shell, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { assertTruth, filesBelow } from "../../pipelines/test/Held.ts";
import { openSession } from "../../pipelines/test/Session.ts";

const now = "2024-02-20T06:00:00Z";
const months = ["2024-01", "2024-02"];

describe("what is captured", () => {
  it.live("is readable by its user alone, whatever the shell would allow", () =>
    Effect.gen(function* () {
      const simulator = yield* startSimulator({ now, workspaces: [{ sources: 3, from: "2024-01" }] });
      simulator.faults.add({ kind: "bad-row", path: "/usage/mtu/daily", month: "2024-01" });
      const parent = yield* temporaryDirectory;
      const dataDir = join(parent, "data");
      const line = `umask 000; segmeter backfill --from 2024-01 --bad-rows quarantine --data-dir '${dataDir}'`;
      assertCode(yield* shell(line, { env: pointedAt(simulator, now) }), 0);
      const entries = readdirSync(parent, { recursive: true, withFileTypes: true });
      assert.isTrue(entries.some(({ name }) => name.endsWith(".ndjson")));
      for (const entry of entries) {
        const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
        assert.strictEqual(mode.toString(8), entry.isDirectory() ? "700" : "600", join(entry.parentPath, entry.name));
      }
    }),
  );
});

describe("an id of a workspace", () => {
  const ids = [
    "../../../../escape",
    "..",
    ".",
    "a/b\\c",
    "/etc/passwd",
    "'; DROP TABLE captures; --",
    `"quoted" %2e%2e%2f = *?`,
    "workspace_id=x/usage_month=2024-01-01",
    "Zürich 日本 🎉",
    "-rf",
    "con\u0000trol\n",
    "x".repeat(300),
  ];

  it.live("stays in the data directory, and is a value in SQL", () =>
    Effect.gen(function* () {
      const run = yield* openSession;
      for (const id of ids) {
        const simulator = yield* startSimulator({ now, workspaces: [{ id, sources: 2, from: "2024-01" }] });
        const parent = join(yield* temporaryDirectory, "a", "b", "c", "d");
        yield* Effect.promise(() => mkdir(parent, { recursive: true }));
        const dataDir = join(parent, "data");
        const env = pointedAt(simulator, now);
        const ended = yield* run(["backfill", "--from", "2024-01", "--data-dir", dataDir], env);
        assertNoStack(ended.stderr);
        const around = yield* Effect.promise(() => filesBelow(dirname(parent)));
        const outside = around.filter((name) => !name.startsWith("d/data/"));
        assert.deepStrictEqual(outside, [], id);
        if (id.length > 255) {
          // What a path cannot hold is refused, in a sentence.
          assertCode(ended, 1);
          assert.match(ended.stderr, /cannot be the id of a workspace/);
          continue;
        }
        assertCode(ended, 0);
        yield* Effect.promise(() => assertTruth(dataDir, simulator, { months, datasets: datasetNames }));
        assertCode(yield* run(["verify", "--data-dir", dataDir], env), 0);
        const status = yield* run(["status", "--data-dir", dataDir, "--json"], env);
        assertCode(status, 0);
        assert.include(status.stdout, JSON.stringify(id));
      }
    }).pipe(Effect.scoped),
  );
});
