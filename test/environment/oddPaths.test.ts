/**
 * Data directories with odd paths: whatever the characters mean to a shell, to SQL, to a glob or to a reader of partitions, every
 * command works, and reads its own directory only.
 */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { assertCode, jsonLines, segmeter, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { ask, expectedFiles, filesBelow } from "../../pipelines/test/Held.ts";
import { openSession } from "../../pipelines/test/Session.ts";
import { assertSays, assertWhole, backfill, emptyPlace, months } from "./Setting.ts";

const { promise } = Effect;

/** A partition of another workspace's, above the data directory. */
const above = "workspace_id=stranger/usage_month=2020-01-01/day=2020-01-01";
const odd = `a b/it's "q" %20 #1 é 日本 🎉 [ab]*{a,b} $HOME ; x=y/${above}/data [*]`;

describe("an odd path", () => {
  it.live("every command works there, with either encoder", () =>
    Effect.gen(function* () {
      const { env, simulator } = yield* emptyPlace;
      const run = yield* openSession;
      const directory = yield* temporaryDirectory;
      const dataDir = join(directory, odd);
      const good = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
        const ended = yield* run([...args, "--data-dir", dataDir], env);
        assertCode(ended, 0);
        return ended.stdout;
      });
      yield* good("backfill", "--from", "2024-01", "--to", "2024-02");
      yield* good("nightly", "--parquet-encoder", "duckdb");
      // What the path means as a glob lies beside it, with other months.
      const sibling = join(dirname(dataDir), "data *");
      yield* promise(() => cp(join(dataDir, "parquet"), join(sibling, "parquet"), { recursive: true }));
      yield* good("rebuild");
      yield* promise(() => cp(sibling, join(dirname(dataDir), "data x"), { recursive: true }));
      yield* assertWhole({ dataDir, simulator });
      const states = jsonLines(yield* good("status", "--json")).filter(({ outcome }) => outcome === "captured");
      assert.lengthOf(states, 12);

      const sql = "SELECT workspace_id, usage_month, count(*) AS n FROM source_mtu_daily GROUP BY ALL ORDER BY ALL";
      const { id } = simulator.workspaces[0]!;
      const counts = [62, 58, 4].map((n, index) => ({ workspace_id: id, usage_month: `${months[index]}-01`, n }));
      for (const sink of ["duckdb", "parquet"]) {
        const told = yield* good("query", sql, "--sink", sink, "--format", "ndjson");
        assert.deepStrictEqual(jsonLines(told), counts, sink);
        const runs = yield* good(
          "query",
          "SELECT DISTINCT workspace_id AS w FROM runs",
          "--sink",
          sink,
          "--format",
          "csv",
        );
        assert.strictEqual(runs, `w\n${id}\n`);
      }
      const filtered = yield* good(
        "query",
        `${sql.replace("GROUP", "WHERE usage_month < '2024-02-01' GROUP")}`,
        "--sink",
        "parquet",
        "--format",
        "ndjson",
      );
      assert.deepStrictEqual(jsonLines(filtered), counts.slice(0, 1));
    }),
  );
});

describe("a path", () => {
  it.live("that is exported from gives a Parquet file of its own rows", () =>
    Effect.gen(function* () {
      const { dataDir, env, simulator } = yield* emptyPlace;
      const place = join(dataDir, odd);
      assertCode(yield* segmeter(backfill(place, "--dataset", "workspace-mtu"), { env }), 0);
      const ended = yield* segmeter([
        "query",
        "FROM workspace_mtu_daily",
        "--format",
        "parquet",
        "--sink",
        "parquet",
        "--data-dir",
        place,
      ]);
      assertCode(ended, 0);
      const file = join(yield* temporaryDirectory, "out.parquet");
      yield* promise(() => writeFile(file, ended.bytes));
      const rows = yield* promise(() => ask(`SELECT count(*) AS n, any_value(workspace_id) AS w FROM '${file}'`));
      assert.deepStrictEqual(rows, [{ n: 62n, w: simulator.workspaces[0]!.id }]);
    }),
  );

  it.live("that is relative, or a link, is the directory that it leads to", () =>
    Effect.gen(function* () {
      const { env, simulator } = yield* emptyPlace;
      const run = yield* openSession;
      const cwd = yield* temporaryDirectory;
      yield* promise(() => mkdir(join(cwd, "real")));
      yield* promise(() => symlink("real", join(cwd, "link")));
      assertCode(yield* run(["backfill", "--from", "2024-01", "--to", "2024-02", "--data-dir", "link"], env, cwd), 0);
      assertCode(yield* run(["nightly", "--data-dir", "./link/../real/"], env), 0);
      yield* assertWhole({ dataDir: join(cwd, "real"), simulator });
    }),
  );

  it.live("that cannot be one is refused in a sentence, and nothing is made", () =>
    Effect.gen(function* () {
      const { env } = yield* emptyPlace;
      const run = yield* openSession;
      const cwd = yield* temporaryDirectory;
      yield* promise(() => symlink("nowhere", join(cwd, "dangling")));
      yield* promise(() => symlink("loop", join(cwd, "loop")));
      const before = yield* promise(() => filesBelow(cwd));
      const long = join(cwd, ...Array.from({ length: 19 }, () => "d".repeat(210)));
      const cases: ReadonlyArray<readonly [string, RegExp]> = [
        ["dangling", /dangling is a link to what is not there\. Choose a directory/],
        ["loop", /ELOOP.*Choose a directory/],
        ["n".repeat(256), /ENAMETOOLONG.*shorter path/],
        [`${long}/${"e".repeat(4090 - long.length)}`, /ENAMETOOLONG.*shorter path/],
        ["what?", /no path with a question mark.*Name another --data-dir/],
      ];
      for (const [dataDir, says] of cases) {
        const ended = yield* run(backfill(dataDir), env, cwd);
        assertCode(ended, 2);
        assertSays(ended, says);
        assert.deepStrictEqual(yield* promise(() => filesBelow(cwd)), before, dataDir);
      }
    }),
  );

  it.live("that is nearly too long holds what fits, or nothing", () =>
    Effect.gen(function* () {
      const { env, simulator } = yield* emptyPlace;
      const run = yield* openSession;
      const root = join(yield* temporaryDirectory, ...Array.from({ length: 18 }, () => "d".repeat(210)));
      const { id } = simulator.workspaces[0]!;
      const longest = Math.max(...expectedFiles(id, months).map((name) => name.length));
      // What a temporary file's name is longer by, at most.
      const temporary = 64;
      const fits = join(root, "e".repeat(4095 - longest - temporary - root.length - 2));
      assertCode(yield* run(backfill(fits), env), 0);
      yield* assertWhole({ dataDir: fits, simulator });
      const tooLong = join(root, "e".repeat(4095 - longest - root.length));
      const ended = yield* run(backfill(tooLong), env);
      assertCode(ended, 2);
      assertSays({ stderr: ended.stderr.slice(ended.stderr.indexOf("segmeter: ")) }, /ENAMETOOLONG.*shorter path/);
      const left = (yield* promise(() => filesBelow(tooLong))).filter((name) => !name.endsWith("/data.parquet"));
      assert.deepStrictEqual(left, ["segmeter.duckdb"]);
    }),
  );
});
