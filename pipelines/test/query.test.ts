/**
 * `segmeter query`: exact answers in every format, and nothing but answers.
 */
import { assert, describe, it, layer } from "@effect/vitest";
import { type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  assertCode,
  assertNoStack,
  assertOneSentence,
  jsonLines,
  pointedAt,
  segmeter,
  shell,
  temporaryDirectory,
} from "./Command.ts";
import { ask, databaseOf, filesBelow, fingerprint, truthOf } from "./Held.ts";
import { holdDatabase } from "./OtherProcess.ts";

const now = "2024-03-20T06:00:00Z";

interface Data {
  readonly simulator: Simulator;
  readonly workspaceId: string;
  readonly dataDir: string;
}

class Captured extends Context.Service<Captured, Data>()("test/Captured") {}

const captured = Layer.effect(
  Captured,
  Effect.gen(function* () {
    const simulator = yield* startSimulator({ now, counts: "huge", workspaces: [{ sources: 5, from: "2024-01" }] });
    const dataDir = yield* temporaryDirectory;
    const args = ["backfill", "--from", "2024-01", "--to", "2024-02", "--data-dir", dataDir];
    assertCode(yield* segmeter(args, { env: pointedAt(simulator, now) }), 0);
    return { simulator, workspaceId: simulator.workspaces[0]!.id, dataDir };
  }),
);

const exact = "SELECT day, source_id, api_calls, snapshot_at FROM source_api_calls_daily ORDER BY day, source_id";

/** What that has to answer, as text. */
const answer = ({ simulator, workspaceId }: Data): Array<ReadonlyArray<unknown>> =>
  truthOf(simulator, workspaceId, "source-api-calls", ["2024-01", "2024-02"]).map((row) => [
    String(row["day"]),
    String(row["source_id"]),
    String(row["api_calls"]),
    String(row["snapshot_at"]),
  ]);

/** `2024-01-01T00:00:00Z` and `2024-01-01T00:00:00.000000Z` are one instant. */
const withSix = (iso: string): string => iso.replace(/(:\d\d)Z$/, "$1.000000Z");

/** A JSON number as it is written: parsing it would round. */
const verbatim = (_key: string, value: unknown, { source }: { readonly source?: string } = {}): unknown =>
  typeof value === "number" ? source : value;

type Answer = Readonly<Record<string, string>>;
const parseExactly = JSON.parse as (text: string, reviver: typeof verbatim) => unknown;

const fieldsOf = (row: Answer): ReadonlyArray<unknown> => [
  row["day"]!,
  row["source_id"]!,
  row["api_calls"]!,
  withSix(row["snapshot_at"]!),
];

layer(captured, { excludeTestServices: true })((it) => {
  describe.concurrent("an answer, to the last digit of 2^63 − 1", () => {
    const run = (dataDir: string, ...args: ReadonlyArray<string>) =>
      Effect.tap(segmeter(["query", "--data-dir", dataDir, ...args]), (ended) =>
        Effect.sync(() => {
          assertCode(ended, 0);
          assert.strictEqual(ended.stderr, "");
        }),
      );

    it.effect("json", () =>
      Effect.gen(function* () {
        const data = yield* Captured;
        const { stdout } = yield* run(data.dataDir, exact, "--format", "json");
        assert.include(stdout, ":9223372036854775807,");
        assert.isTrue(stdout.endsWith("]\n"));
        assert.deepStrictEqual((parseExactly(stdout, verbatim) as ReadonlyArray<Answer>).map(fieldsOf), answer(data));
      }),
    );

    for (const sink of ["duckdb", "parquet"] as const) {
      it.effect(`ndjson, --sink ${sink}`, () =>
        Effect.gen(function* () {
          const data = yield* Captured;
          const { stdout } = yield* run(data.dataDir, exact, "--format", "ndjson", "--sink", sink);
          const rows = stdout
            .trimEnd()
            .split("\n")
            .map((line) => parseExactly(line, verbatim) as Answer);
          assert.deepStrictEqual(rows.map(fieldsOf), answer(data));
          assert.strictEqual(jsonLines(stdout).length, rows.length);
        }),
      );
    }

    it.effect("csv", () =>
      Effect.gen(function* () {
        const data = yield* Captured;
        const { stdout } = yield* run(data.dataDir, exact, "--format", "csv");
        const [head, ...lines] = stdout.trimEnd().split("\n");
        assert.strictEqual(head, "day,source_id,api_calls,snapshot_at");
        const rows = lines.map((line) => line.split(",").map((field) => field.replace(/^"(.*)"$/, "$1")));
        assert.deepStrictEqual(
          rows.map(([day, id, calls, at]) => [day, id, calls, withSix(at!)]),
          answer(data),
        );
      }),
    );

    it.effect("parquet", () =>
      Effect.gen(function* () {
        const data = yield* Captured;
        const { bytes } = yield* run(data.dataDir, exact, "--format", "parquet");
        const directory = yield* temporaryDirectory;
        const path = join(directory, "result.parquet");
        yield* Effect.promise(() => writeFile(path, bytes));
        const rows = yield* Effect.promise(() => ask(`FROM '${path}'`));
        assert.deepStrictEqual(
          rows.map((row) => [row["day"], row["source_id"], String(row["api_calls"]), row["snapshot_at"]]),
          answer(data),
        );
        assert.strictEqual(typeof rows[0]?.["api_calls"], "bigint");
      }),
    );

    it.effect("table, the default", () =>
      Effect.gen(function* () {
        const data = yield* Captured;
        const { stdout } = yield* run(data.dataDir, exact);
        const [head, ...rows] = stdout
          .split("\n")
          .filter((line) => line.startsWith("│"))
          .map((line) =>
            line
              .split("│")
              .slice(1, -1)
              .map((cell) => cell.trim()),
          );
        assert.deepStrictEqual(head, ["day", "source_id", "api_calls", "snapshot_at"]);
        assert.deepStrictEqual(
          rows.map(([day, id, calls, at]) => [day, id, calls, withSix(at!)]),
          answer(data),
        );
      }),
    );

    it.effect("the views are there as well, over either source", () =>
      Effect.gen(function* () {
        const { dataDir } = yield* Captured;
        const sql = "SELECT count(*) AS months, max(api_calls) AS calls FROM source_api_calls_monthly";
        const both = yield* Effect.forEach(["duckdb", "parquet"], (sink) =>
          run(dataDir, sql, "--format", "ndjson", "--sink", sink),
        );
        const [first, second] = both.map(({ stdout }) => stdout);
        assert.match(first!, /^\{"months":\d+,"calls":9223372036854775807\}\n$/);
        assert.strictEqual(second, first);
      }),
    );

    it.effect("instants are in UTC wherever the machine is", () =>
      Effect.gen(function* () {
        const { dataDir } = yield* Captured;
        const args = [
          "query",
          "--data-dir",
          dataDir,
          "SELECT max(snapshot_at) AS at, current_setting('TimeZone') AS zone FROM workspace_mtu_daily",
        ];
        const ended = yield* segmeter([...args, "--format", "ndjson"], { env: { TZ: "Pacific/Kiritimati" } });
        assert.strictEqual(ended.stdout, '{"at":"2024-02-29T00:00:00Z","zone":"UTC"}\n');
      }),
    );
  });

  describe.concurrent("what is not answered", () => {
    for (const [name, sql, says] of [
      ["no SQL at all", "SELECT FROM WHERE", /Parser Error|syntax error/i],
      ["a table that there is not", "FROM invoices", /invoices does not exist.*SHOW TABLES/s],
      ["a write", "DELETE FROM source_mtu_daily", /only reads/],
      ["a file to be written", "COPY (SELECT 1) TO 'out.csv'", /only reads/],
      ["a file of the machine", "SELECT * FROM read_text('/etc/hostname')", /only reads/],
      ["a setting", "SET enable_external_access = true", /only reads/],
    ] as const) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const { dataDir } = yield* Captured;
          const cwd = yield* temporaryDirectory;
          const before = yield* Effect.promise(() => fingerprint(dataDir));
          const ended = yield* segmeter(["query", "--data-dir", dataDir, sql, "--format", "csv"], { cwd });
          assertCode(ended, 2);
          assert.strictEqual(ended.stdout, "");
          assert.match(ended.stderr, /^segmeter: /);
          assert.match(ended.stderr, says);
          assertNoStack(ended.stderr);
          assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(dataDir)), before);
          assert.deepStrictEqual(yield* Effect.promise(() => filesBelow(cwd)), []);
        }),
      );
    }

    it.effect("a failure in the middle of the rows is a failure", () =>
      Effect.gen(function* () {
        const { dataDir } = yield* Captured;
        const sql = "SELECT CASE WHEN i < 5000 THEN i ELSE CAST('x' AS BIGINT) END AS i FROM range(6000) AS r(i)";
        for (const format of ["ndjson", "csv"]) {
          const ended = yield* segmeter(["query", "--data-dir", dataDir, sql, "--format", format]);
          assertCode(ended, 2);
          assertNoStack(ended.stderr);
          assert.match(ended.stderr, /Could not convert/);
        }
      }),
    );
  });

  describe.concurrent("a reader that has seen enough", () => {
    // More than a pipe holds, also when compressed, and also of the rows that a table shows.
    const many = "SELECT md5(CAST(i AS VARCHAR)) AS one, md5(one) AS two, md5(two) AS three FROM range(50000) AS r(i)";
    for (const format of ["table", "ndjson", "csv", "parquet"]) {
      it.effect(`of ${format}: is no failure, and leaves nothing behind`, () =>
        Effect.gen(function* () {
          const { dataDir } = yield* Captured;
          const directory = yield* temporaryDirectory;
          const tmp = join(directory, "tmp");
          yield* Effect.promise(() => mkdir(tmp));
          const cache = join(tmpdir(), "node-compile-cache");
          const line = `segmeter query "$SQL" --data-dir "$DIR" --format ${format} | head -c 100 > first; echo "\${PIPESTATUS[0]}"`;
          const env = { SQL: many, DIR: dataDir, TMPDIR: tmp, NODE_COMPILE_CACHE: cache };
          const ended = yield* shell(line, { cwd: directory, env });
          assert.strictEqual(ended.stdout, "0\n", ended.stderr);
          assertNoStack(ended.stderr);
          assert.notMatch(ended.stderr, /EPIPE/);
          assert.deepStrictEqual(yield* Effect.promise(() => filesBelow(tmp)), []);
        }),
      );
    }
  });

  describe.concurrent("while another process has the database", () => {
    it.effect("the Parquet files are read, and that is said on stderr", () =>
      Effect.gen(function* () {
        const data = yield* Captured;
        // A copy, for other tests use the original.
        const dataDir = join(yield* temporaryDirectory, "copy");
        yield* Effect.promise(() => cp(data.dataDir, dataDir, { recursive: true }));
        const holder = yield* holdDatabase(databaseOf(dataDir));
        const ended = yield* segmeter(["query", "--data-dir", dataDir, exact, "--format", "ndjson"]);
        assertCode(ended, 0);
        assert.match(ended.stderr, new RegExp(`^note: .*held by process ${holder.pid}.*\n$`));
        const rows = ended.stdout
          .trimEnd()
          .split("\n")
          .map((line) => parseExactly(line, verbatim) as Answer);
        assert.deepStrictEqual(rows.map(fieldsOf), answer(data));

        const insisting = yield* segmeter(["query", "--data-dir", dataDir, "SELECT 1", "--sink", "duckdb"]);
        assertCode(insisting, 4);
        assertOneSentence(insisting);
      }),
    );
  });
});

describe.concurrent("bad usage", () => {
  for (const [name, args, says] of [
    ["no SQL", ["query"], /sql/i],
    ["no such format", ["query", "SELECT 1", "--format", "xml"], /--format.*"xml".*ndjson/],
    ["no data directory", ["query", "SELECT 1"], /no data directory \.\/segmeter-data/],
  ] as const) {
    it.live(name, () =>
      Effect.gen(function* () {
        const cwd = yield* temporaryDirectory;
        const ended = yield* segmeter(args, { cwd });
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.match(ended.stderr, says);
        assert.deepStrictEqual(yield* Effect.promise(() => fingerprint(cwd)), {});
      }),
    );
  }
});
