/**
 * `segmeter verify`: whatever is damaged is found, and mended from the other sink without losing a row.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { assert, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { asyncBufferFromFile, parquetMetadataAsync } from "hyparquet";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { alter } from "./Alter.ts";
import { assertCode, assertNoStack, assertOneSentence, type JsonLine, jsonLines } from "./Command.ts";
import { contentsOf, databaseOf, filesBelow, fingerprint } from "./Held.ts";
import { copied, Revised, revised, type RevisedDirectory } from "./Revised.ts";
import type { SessionEnded } from "./Session.ts";

/** Of a file below `parquet/`, in January unless a month is named. */
type FileOf = (table: string, month?: string) => string;

interface Damage {
  readonly name: string;
  /** A problem that has to be found, for each thing that was done. */
  readonly problems: ReadonlyArray<readonly [kind: RegExp, where: RegExp]>;
  readonly inflict: (dataDir: string, file: FileOf, made: RevisedDirectory) => unknown;
  /** The sink that has more than it had before; by default neither has. */
  readonly leading?: "parquet" | "duckdb";
}

const { promise } = Effect;
const half = async (path: string): Promise<void> => truncate(path, Math.floor((await readFile(path)).length / 2));

/** One bit, in the values of the last column. */
const flip = async (path: string): Promise<void> => {
  const { row_groups: groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  const { data_page_offset: start, total_compressed_size: size } = groups.at(-1)!.columns.at(-1)!.meta_data!;
  const bytes = await readFile(path);
  // What comes after is the checksum that GZIP has of its own, which a reader may pass over.
  bytes[Number(start + size) - 10]! ^= 0x10;
  await writeFile(path, bytes);
};

/** Another run, to one sink alone. */
const runOnly =
  (sink: string): Damage["inflict"] =>
  (dataDir, _, { env, run }) =>
    Effect.runPromise(
      run(["nightly", "--data-dir", dataDir, "--sink", sink], { ...env, SEGMETER_NOW: "2024-02-08T07:00:00Z" }),
    );

const damages: ReadonlyArray<Damage> = [
  {
    name: "Parquet files that are torn, altered, lost, misplaced or left behind",
    problems: [
      [/unreadable/, /source_mtu_daily\/.*2024-01-01/],
      [/unreadable|altered/, /workspace_mtu_daily\/.*2024-01-01/],
      [/inconsistent/, /workspace_api_calls_daily\/.*2024-02-01/],
      [/unreadable/, /workspace_api_calls_daily_revisions\/.*2024-01-01/],
      [/astray/, /source_mtu_daily\/.*2024-02-01/],
      [/astray/, /data-2\.parquet$/],
      [/leftover/, /\.data\.parquet\..*\.tmp$/],
      [/leftover/, /segmeter\.duckdb\..*\.tmp$/],
    ],
    inflict: async (dataDir, file) => {
      await copyFile(file("source_mtu_daily"), file("source_mtu_daily", "2024-02"));
      await copyFile(file("captures"), join(file("captures"), "../data-2.parquet"));
      await half(file("source_mtu_daily"));
      await flip(file("workspace_mtu_daily"));
      await rm(file("workspace_api_calls_daily", "2024-02"));
      await half(file("workspace_api_calls_daily_revisions"));
      await writeFile(join(file("source_mtu_daily"), "../.data.parquet.4242.0123456789ab.tmp"), "torn");
      await writeFile(`${databaseOf(dataDir)}.0123456789ab.tmp`, "torn");
    },
  },
  {
    name: "a file of revisions that is lost",
    problems: [[/altered/, /source_api_calls_daily_revisions\/.*2024-01-01/]],
    inflict: (_, file) => rm(file("source_api_calls_daily_revisions")),
  },
  {
    name: "a ledger of one month that is torn in Parquet, and nothing else",
    problems: [[/unreadable/, /captures\/.*2024-01-01/]],
    inflict: (_, file) => half(file("captures")),
  },
  {
    name: "a ledger and a list of runs that are torn in Parquet",
    problems: [
      [/unreadable/, /captures\/.*2024-01-01/],
      [/unreadable/, /runs\//],
    ],
    inflict: async (_, file) => {
      await half(file("captures"));
      await half(join(file("runs"), "../../data.parquet"));
    },
  },
  {
    name: "rows that were updated, deleted or repeated in DuckDB",
    problems: [
      [/differing/, /source-api-calls 2024-01/],
      [/differing/, /workspace-mtu 2024-01/],
      [/altered/, /workspace_mtu_daily 2024-02/],
      [/altered/, /workspace_api_calls_daily 2024-01/],
      [/inconsistent/, /source_mtu_daily 2024-02/],
      [/differing|inconsistent/, /source.mtu.* 2024-01|books/],
      [/differing/, /books/],
    ],
    inflict: (dataDir) =>
      alter(
        dataDir,
        "UPDATE source_api_calls_daily SET api_calls = api_calls + 1 WHERE day = '2024-01-09'",
        "UPDATE workspace_mtu_daily_revisions SET identified = 0 WHERE day = '2024-01-29'",
        "DELETE FROM workspace_mtu_daily WHERE day = '2024-02-03'",
        "INSERT INTO workspace_api_calls_daily FROM workspace_api_calls_daily WHERE day = '2024-01-09'",
        "DELETE FROM captures WHERE dataset = 'source-mtu' AND usage_month = '2024-02-01'",
        "DELETE FROM captures WHERE dataset = 'source-mtu' AND captured_at < '2024-02-01'",
        "DELETE FROM runs",
      ),
  },
  {
    name: "a repair of lost revisions that was cut off",
    problems: [
      [/pending/, /workspace_mtu_daily_revisions\/.*2024-01-01/],
      [/unreadable/, /workspace-mtu 2024-01/],
    ],
    inflict: async (_, file) => {
      const { key_value_metadata: pairs } = await parquetMetadataAsync(
        await asyncBufferFromFile(file("workspace_mtu_daily")),
      );
      const captureId = pairs!.find(({ key }) => key === "segmeter.capture_id")!.value!;
      const revisions = file("workspace_mtu_daily_revisions");
      await rm(revisions);
      // Nothing was there before, for the capture that is being put back.
      const kept = createHash("sha256").update(captureId).digest("hex").slice(0, 32);
      await writeFile(join(revisions, `../.data.parquet.${kept}.previous`), "");
    },
  },
  {
    name: "that the database is gone",
    problems: [[/unreadable/, /segmeter\.duckdb$/]],
    inflict: (dataDir) => rm(databaseOf(dataDir)),
  },
  {
    name: "that the Parquet files are gone, all of them",
    problems: [[/unreadable/, /parquet$/]],
    inflict: (dataDir) => rm(join(dataDir, "parquet"), { recursive: true }),
  },
  {
    name: "that a table of the database is gone",
    problems: [[/unreadable/, /segmeter\.duckdb$/]],
    inflict: (dataDir) => alter(dataDir, "DROP TABLE workspace_api_calls_daily"),
  },
  {
    name: "a database that is torn inside",
    problems: [[/unreadable/, /duckdb/]],
    inflict: (dataDir) => half(databaseOf(dataDir)),
  },
  {
    name: "a database that is none",
    problems: [[/unreadable/, /segmeter\.duckdb$/]],
    inflict: (dataDir) => writeFile(databaseOf(dataDir), Buffer.alloc(20_000, "garbage ")),
  },
  {
    name: "a database that lags",
    problems: [[/lagging/, /2024-02/]],
    inflict: runOnly("parquet"),
    leading: "parquet",
  },
  {
    name: "Parquet files that lag",
    problems: [[/lagging/, /2024-02/]],
    inflict: runOnly("duckdb"),
    leading: "duckdb",
  },
];

const problemsOf = ({ stdout }: SessionEnded): ReadonlyArray<JsonLine> =>
  jsonLines(stdout).filter(({ event }) => event === "problem-found");

const fileIn =
  (dataDir: string, { workspaceId }: RevisedDirectory) =>
  (table: string, month = "2024-01"): string =>
    join(dataDir, `parquet/${table}/workspace_id=${workspaceId}/usage_month=${month}-01/data.parquet`);

layer(revised, { excludeTestServices: true })("verify", (it) => {
  it.effect("finds nothing where all is as it should be, and changes nothing", () =>
    Effect.gen(function* () {
      const { contents, dataDir, run } = yield* Revised;
      const before = yield* promise(() => fingerprint(dataDir));
      const words = yield* run(["verify", "--data-dir", dataDir]);
      assertCode(words, 0);
      assert.match(words.stdout, /^8 partitions, \d+ files, \d+ rows checked: all is as it should be\.\n$/);
      assert.strictEqual(words.stderr, "");
      const json = yield* run(["verify", "--data-dir", dataDir, "--json"]);
      assertCode(json, 0);
      const [line, ...others] = jsonLines(json.stdout);
      assert.include(line, { event: "verify-finished", partitions: 8, problems: 0, left: 0 });
      assert.deepStrictEqual(others, []);
      assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
      assert.isAbove(contents.parquet["source_mtu_daily_revisions"]!.length, 0);
      assert.deepStrictEqual(contents.parquet, contents.duckdb);
    }),
  );

  for (const { inflict, leading, name, problems: expected } of damages) {
    it.effect(`finds ${name}, and mends it`, () =>
      Effect.gen(function* () {
        const made = yield* Revised;
        const dataDir = yield* copied;
        yield* promise(async () => inflict(dataDir, fileIn(dataDir, made), made));
        const whole = leading ? (yield* promise(() => contentsOf(dataDir)))[leading] : made.contents.parquet;
        const damaged = yield* promise(() => fingerprint(dataDir));

        const found = yield* made.run(["verify", "--data-dir", dataDir, "--json"]);
        assertCode(found, 1);
        assert.strictEqual(found.stderr, "");
        const problems = problemsOf(found);
        for (const [kind, where] of expected) {
          const isTold = problems.some((one) => kind.test(String(one["kind"])) && where.test(String(one["where"])));
          assert.isTrue(isTold, `${kind.source} ${where.source}\n${found.stdout}`);
        }
        for (const problem of problems) {
          assert.match(String(problem["detail"]), /^.{10,}\.$/s);
          assert.strictEqual(problem["mended"], false);
        }
        const last = jsonLines(found.stdout).at(-1);
        assert.include(last, { event: "verify-finished", problems: problems.length, left: problems.length });
        assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), damaged);

        const mended = yield* made.run(["verify", "--data-dir", dataDir, "--repair", "--json"]);
        assertCode(mended, 0);
        assert.isTrue(problemsOf(mended).every((problem) => problem["mended"] === true));
        const actions = jsonLines(mended.stdout).filter(({ event }) => event === "repaired");
        assert.isAbove(actions.length, 0);
        for (const { action } of actions) assert.match(String(action), /^.{10,}\.$/s);

        const again = yield* made.run(["verify", "--data-dir", dataDir]);
        assertCode(again, 0);
        const after = yield* promise(() => contentsOf(dataDir));
        assert.deepStrictEqual(after.parquet, whole);
        assert.deepStrictEqual(after.duckdb, whole);
        assert.isFalse(existsSync(join(dataDir, ".lock")));
      }),
    );
  }

  it.effect("tells a person what it found, and what it did", () =>
    Effect.gen(function* () {
      const made = yield* Revised;
      const dataDir = yield* copied;
      yield* promise(() => half(fileIn(dataDir, made)("source_mtu_daily")));
      const found = yield* made.run(["verify", "--data-dir", dataDir]);
      assertCode(found, 1);
      assert.match(
        found.stdout,
        /^problem: unreadable: .*source_mtu_daily.*\n8 partitions, .* checked: 1 problems\.\n$/,
      );
      const mended = yield* made.run(["verify", "--data-dir", dataDir, "--repair"]);
      assertCode(mended, 0);
      assert.match(
        mended.stdout,
        /^mended: unreadable: .*\ndone: Moved .* to .*damaged.*\.\ndone: source-mtu 2024-01 .*restored in parquet from duckdb\.\n.*: 1 problems, 0 of them left\.\n$/,
      );
      // What was damaged is put aside, and not thrown away.
      const aside = yield* promise(() => filesBelow(join(dataDir, "damaged")));
      assert.strictEqual(aside.length, 1);
    }),
  );

  it.effect("leaves alone what is damaged in the only copy", () =>
    Effect.gen(function* () {
      const made = yield* Revised;
      const dataDir = yield* copied;
      const file = fileIn(dataDir, made);
      yield* promise(() => half(file("source_mtu_daily")));
      const alone = ["verify", "--data-dir", dataDir, "--sink", "parquet"];
      const before = yield* promise(() => fingerprint(join(dataDir, "parquet")));
      assertCode(yield* made.run(alone), 1);
      const tried = yield* made.run([...alone, "--repair"]);
      assertCode(tried, 1);
      assert.match(tried.stdout, /^problem: unreadable: .*source_mtu_daily.*1 of them left\.\n$/s);
      assert.deepStrictEqual(yield* promise(() => fingerprint(join(dataDir, "parquet"))), before);

      // Nor is a copy that is at fault itself taken for a good one.
      yield* promise(() => alter(dataDir, "DELETE FROM source_mtu_daily WHERE day = '2024-01-09'"));
      const rows = yield* promise(() => contentsOfMtu(dataDir));
      const both = yield* made.run(["verify", "--data-dir", dataDir, "--repair"]);
      assertCode(both, 1);
      assert.deepStrictEqual(yield* promise(() => fingerprint(join(dataDir, "parquet"))), before);
      assert.deepStrictEqual(yield* promise(() => contentsOfMtu(dataDir)), rows);
    }),
  );
});

const contentsOfMtu = async (dataDir: string) => {
  const instance = await DuckDBInstance.create(databaseOf(dataDir), { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll("FROM source_mtu_daily ORDER BY ALL")).getRowsJson();
  connection.closeSync();
  instance.closeSync();
  return rows;
};

layer(revised, { excludeTestServices: true })("verify --against-service", (it) => {
  it.effect("says whether the service still says what is held, and writes nothing", () =>
    Effect.gen(function* () {
      const { dataDir, env, run, simulator, workspaceId } = yield* Revised;
      const before = yield* promise(() => fingerprint(dataDir));
      const args = ["verify", "--data-dir", dataDir, "--against-service", "--from", "2024-01"];
      const same = yield* run([...args, "--to", "2024-02"], env);
      assertCode(same, 0);
      assert.match(same.stdout, /\n8 partitions compared with the service, 0 differ\.\n$/);

      simulator.setNow("2024-02-09T06:00:00Z");
      const [source] = simulator.sources(workspaceId);
      simulator.restate({
        workspaceId,
        month: "2024-01",
        sourceId: source!.id,
        delta: -7,
        fromDay: 30,
        dataset: "source-mtu",
      });
      const words = yield* run([...args, "--to", "2024-02"], env);
      assertCode(words, 1);
      const lines = words.stdout.split("\n").filter((line) => line.startsWith("differs: "));
      // January's people, of the source and of the workspace; and one more day of each dataset of February.
      assert.strictEqual(lines.length, 6);
      const amount = String.raw`2 rows corrected; MTU of source ${source!.id} on 2024-01-31: [\d,]+ → [\d,]+ \(-7\)`;
      assert.isTrue(lines.some((line) => new RegExp(`^differs: source-mtu 2024-01 of .*: ${amount}\\.$`).test(line)));
      assert.isTrue(
        lines.some((line) => /^differs: workspace-api-calls 2024-02 of .*: .*1 rows that are not held\.$/.test(line)),
      );
      assert.match(words.stdout, /\n8 partitions compared with the service, 6 differ\.\n$/);

      const json = yield* run([...args, "--dataset", "workspace-mtu", "--json"], env);
      assertCode(json, 1);
      const [, differs, finished] = jsonLines(json.stdout);
      assert.include(differs, {
        event: "partition-differs",
        dataset: "workspace-mtu",
        usageMonth: "2024-01",
        corrected: 2,
        withdrawn: 0,
        added: 0,
      });
      const [change] = differs!["changes"] as ReadonlyArray<JsonLine>;
      assert.include(change, { sourceId: null, day: "2024-01-31", difference: "-7" });
      assert.deepStrictEqual(finished, { event: "compare-finished", compared: 1, differing: 1, notHeld: 0 });
      assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
    }),
  );

  it.effect("wants to know which months, and repairs nothing", () =>
    Effect.gen(function* () {
      const { dataDir, env, run } = yield* Revised;
      for (const [flags, says] of [
        [["--against-service"], /goes with --from/],
        [["--against-service", "--from", "2024-01", "--repair"], /--repair/],
        [["--from", "2024-01"], /--against-service/],
        [["--against-service", "--from", "2024-1"], /"2024-1" is no month/],
        [["--against-service", "--from", "2024-02", "--to", "2024-01"], /before/],
      ] as const) {
        const ended = yield* run(["verify", "--data-dir", dataDir, ...flags], env);
        assertCode(ended, 2);
        assertOneSentence(ended);
        assertNoStack(ended.stderr);
        assert.match(ended.stderr, says);
      }
    }),
  );
});
