/**
 * Files that are damaged, anywhere in them: what reads them says so, or the figures are right; nothing goes down with them, and
 * what is whole stays whole.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, assert, beforeAll, describe } from "@effect/vitest";
import { type Row, tables as allTables } from "@segmeter/domain";
import { filesOf } from "@segmeter/parquet";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as FastCheck from "fast-check";
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inspectFile } from "../../packages/parquet/src/FileInspection.ts";
import type { PlacedFile } from "../../packages/parquet/src/ParquetRevisions.ts";
import { jsonLines, temporaryDirectory } from "../../pipelines/test/Command.ts";
import { databaseOf, filesBelow, fingerprint } from "../../pipelines/test/Held.ts";
import type { SessionEnded } from "../../pipelines/test/Session.ts";
import { kept, type Prepared } from "../chaos/Scenario.ts";
import { type Damage, damage, inflict } from "./Damage.ts";
import { fuzz } from "./Fuzz.ts";
import { makeSessions } from "./Sessions.ts";
import { assertPrintable, assertSaid } from "./Typed.ts";

const figures = ["workspace_mtu", "source_mtu", "workspace_api_calls", "source_api_calls"].flatMap((name) => [
  `${name}_daily`,
  `${name}_daily_revisions`,
]);
const tables = [...figures, "captures", "workspaces", "sources", "runs"];

/** A number for each table that another row, or another value in one, would change; and one by a day's statistics. */
const everything = tables
  .flatMap((name) => [
    `SELECT '${name}' AS name, count(*) AS rows, sum(hash(t)) AS digest FROM ${name} AS t`,
    ...(figures.includes(name)
      ? [
          `SELECT '${name} by day', count(*), sum(hash(t)) FROM ${name} AS t WHERE day BETWEEN '2024-01-09' AND '2024-01-12'`,
        ]
      : []),
  ])
  .join(" UNION ALL ");

type Sink = "duckdb" | "parquet";

const scope = Effect.runSync(Scope.make());
const sessions = makeSessions();
let parent: string;
let prepared: Prepared;
/** The same directory, with a part of the database still in its log. */
let logged: string;
let files: Readonly<Record<Sink, ReadonlyArray<string>>>;
let whole: Readonly<Record<Sink, ReadonlyMap<string, string>>>;

const known = ({ stdout }: SessionEnded): ReadonlyMap<string, string> =>
  new Map(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => [/"name":"([^"]+)"/.exec(line)?.[1] ?? "", line]),
  );

const ask = (dataDir: string, sink: Sink) =>
  sessions.run(["query", everything, "--format", "ndjson", "--sink", sink, "--data-dir", dataDir]);

beforeAll(async () => {
  prepared = await Effect.runPromise(Scope.provide(kept, scope));
  parent = await Effect.runPromise(Scope.provide(temporaryDirectory, scope));
  const { dataDir } = prepared;
  files = {
    parquet: (await filesBelow(join(dataDir, "parquet"))).map((name) => join("parquet", name)),
    duckdb: ["segmeter.duckdb"],
  };
  held = await Effect.runPromise(inspected(dataDir));
  logged = join(parent, "logged");
  cpSync(dataDir, logged, { recursive: true });
  await leaveInLog(logged);
  whole = { duckdb: known(await ask(dataDir, "duckdb")), parquet: known(await ask(dataDir, "parquet")) };
  assert.deepStrictEqual(whole.duckdb, whole.parquet);
  assert.deepStrictEqual(known(await ask(logged, "duckdb")), whole.duckdb);
});

afterAll(async () => {
  await sessions.close();
  await Effect.runPromise(Scope.close(scope, Exit.void));
});

/** Rows that only the write-ahead log has, as when a process was killed. */
const leaveInLog = async (dataDir: string): Promise<void> => {
  const instance = await DuckDBInstance.create(databaseOf(dataDir));
  const connection = await instance.connect();
  for (const sql of [
    "CREATE TEMP TABLE kept AS FROM source_mtu_daily",
    "DELETE FROM source_mtu_daily",
    "CHECKPOINT",
    "PRAGMA disable_checkpoint_on_shutdown",
    "INSERT INTO source_mtu_daily FROM kept WHERE day < '2024-01-10'",
    "INSERT INTO source_mtu_daily FROM kept WHERE day >= '2024-01-10'",
  ]) {
    await connection.run(sql);
  }
  connection.closeSync();
  instance.closeSync();
  assert.isTrue(existsSync(`${databaseOf(dataDir)}.wal`));
};

/** Every Parquet file, with its rows. */
let held: ReadonlyArray<{ readonly placed: PlacedFile; readonly rows: ReadonlyArray<Row> }>;

const inspected = Effect.fnUntraced(function* (dataDir: string) {
  const found: Array<(typeof held)[number]> = [];
  for (const table of allTables) {
    for (const file of yield* filesOf(dataDir, table)) {
      const { rows } = yield* inspectFile({ table, file });
      found.push({ placed: { table, file }, rows: rows! });
    }
  }
  return found;
});

interface Case {
  readonly sink: Sink | "log";
  readonly file: number;
  readonly done: ReadonlyArray<Damage>;
}

const cases: FastCheck.Arbitrary<Case> = FastCheck.record({
  sink: FastCheck.constantFrom("parquet" as const, "parquet" as const, "duckdb" as const, "log" as const),
  file: FastCheck.nat(1_000),
  done: FastCheck.array(damage, { minLength: 1, maxLength: 2 }),
});

/** A copy with one file of one sink damaged. Returns the directory; gone after `use`. */
const withDamage = async (
  { done, file, sink }: Case,
  use: (dataDir: string, sink: Sink) => Promise<void>,
): Promise<void> => {
  const dataDir = join(mkdtempSync(join(parent, "case-")), "data");
  try {
    cpSync(sink === "log" ? logged : prepared.dataDir, dataDir, { recursive: true });
    const names = sink === "log" ? ["segmeter.duckdb.wal"] : files[sink];
    const [name, other] = [names[file % names.length]!, names[(file * 7 + 1) % names.length]!];
    for (const each of done) {
      if (!existsSync(join(dataDir, name))) break;
      inflict(join(dataDir, name), each, join(prepared.dataDir, sink === "log" ? "segmeter.duckdb" : other));
    }
    await use(dataDir, sink === "parquet" ? "parquet" : "duckdb");
  } finally {
    rmSync(join(dataDir, ".."), { recursive: true, force: true });
  }
};

/** A code of the contract, and words for people. */
const assertEnded = (ended: SessionEnded, json = true): void => {
  const all = `${ended.stdout}\n${ended.stderr}`;
  assert.include([0, 1, 2], ended.code, all);
  assert.notMatch(all, /^\s+at .+:\d+|node:internal|\[object Object\]/m);
  assertPrintable(ended.stderr);
  if (json) jsonLines(ended.stdout);
  if (ended.code !== 0 && ended.stdout === "") assert.match(ended.stderr, /segmeter: ./);
};

describe("damage", () => {
  fuzz(
    "of a Parquet file is a fault of that file, or its rows are right",
    100,
    FastCheck.asyncProperty(cases, async ({ done, file }) => {
      const { placed, rows } = held[file % held.length]!;
      const path = join(parent, "damaged.parquet");
      copyFileSync(placed.file.path, path);
      for (const each of done) {
        if (existsSync(path)) inflict(path, each, held[(file * 7 + 1) % held.length]!.placed.file.path);
      }
      const { fault, ...inspected } = await Effect.runPromise(
        inspectFile({ ...placed, file: { ...placed.file, path } }),
      );
      if (fault !== undefined) return assertSaid(fault.detail);
      return assert.deepStrictEqual(inspected.rows, rows);
    }),
  );

  fuzz(
    "is found by verify, or the figures are right; and reading changes nothing",
    2,
    FastCheck.asyncProperty(cases, (made) =>
      withDamage(made, async (dataDir, sink) => {
        const before = await fingerprint(dataDir);
        const status = await sessions.run(["status", "--json", "--data-dir", dataDir]);
        assertEnded(status);
        const answered = await ask(dataDir, sink);
        assertEnded(answered, false);
        const verified = await sessions.run(["verify", "--json", "--data-dir", dataDir]);
        assertEnded(verified);
        // DuckDB is stricter with a page's header than the reader that verify has, and then says so.
        if (verified.code === 0 && answered.code === 0) {
          assert.deepStrictEqual(known(answered), whole[sink], "verify found nothing");
        }
        assert.deepStrictEqual(await fingerprint(dataDir), before);
      }),
    ),
  );

  fuzz(
    "of one sink leaves the other as it was, through a night and a repair, which brings all back",
    1,
    FastCheck.asyncProperty(cases, FastCheck.boolean(), (made, isNight) =>
      withDamage(made, async (dataDir, sink) => {
        const other = sink === "parquet" ? "duckdb" : "parquet";
        const at = ["--json", "--data-dir", dataDir];
        if (isNight) {
          assertEnded(await sessions.run(["nightly", ...at], prepared.env));
          assertFigures(await ask(dataDir, other), other);
        }
        const repaired = await sessions.run(["verify", "--repair", ...at]);
        assertEnded(repaired);
        assertFigures(await ask(dataDir, other), other);
        assert.strictEqual(repaired.code, 0, `${repaired.stdout}\n${repaired.stderr}`);
        assertFigures(await ask(dataDir, sink), sink);
      }),
    ),
  );

  fuzz(
    "of the Parquet files is found by a rebuild, or the new database is right",
    1,
    FastCheck.asyncProperty(cases, (made) =>
      withDamage({ ...made, sink: "parquet" }, async (dataDir) => {
        const rebuilt = await sessions.run(["rebuild", "--json", "--data-dir", dataDir]);
        assertEnded(rebuilt);
        // Whether it is the new one or the one before.
        assertFigures(await ask(dataDir, "duckdb"), "duckdb");
      }),
    ),
  );
});

/** The figures and what was superseded are as they were before the damage. */
const assertFigures = (answered: SessionEnded, sink: Sink): void => {
  assert.strictEqual(answered.code, 0, answered.stderr);
  const found = known(answered);
  for (const name of figures) assert.strictEqual(found.get(name), whole[sink].get(name), name);
};
