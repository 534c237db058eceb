/**
 * What a data directory holds, read by others than the tool: DuckDB's own client, and two Parquet readers. And what it should
 * hold: the truth of the simulated service, as rows of the tables.
 *
 * Rows here are plain: days and instants as ISO-8601 text, instants with all six digits; counts as bigints.
 */
import { DuckDBDateValue, DuckDBInstance, DuckDBTimestampValue, type DuckDBValue } from "@duckdb/node-api";
import { assert } from "@effect/vitest";
import { type Dataset, datasetNames, type Simulator, type UsageRow } from "@segmeter/simulator";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export type PlainRow = Readonly<Record<string, unknown>>;

export const tableOf: Readonly<Record<Dataset, string>> = {
  "workspace-mtu": "workspace_mtu_daily",
  "source-mtu": "source_mtu_daily",
  "workspace-api-calls": "workspace_api_calls_daily",
  "source-api-calls": "source_api_calls_daily",
};

export const databaseOf = (dataDir: string): string => join(dataDir, "segmeter.duckdb");

/** `2024-01-01T00:00:00Z`, or with a fraction, with six digits. */
const instant = (micros: bigint): string =>
  `${new Date(Number(micros / 1000n)).toISOString().slice(0, -1)}${String(micros % 1000n).padStart(3, "0")}Z`;

const day = (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10);

/** The instant that `SEGMETER_NOW` sets, as rows here have it. */
export const stamp = (iso: string): string => instant(BigInt(Date.parse(iso)) * 1000n);

const plainValue = (value: DuckDBValue): unknown =>
  value instanceof DuckDBDateValue
    ? day(value.days)
    : value instanceof DuckDBTimestampValue
      ? instant(value.micros)
      : value;

/** Asks a DuckDB of the test's own; a database file is opened for reading alone. */
export const ask = async (sql: string, database?: string): Promise<ReadonlyArray<PlainRow>> =>
  (await askAll([sql], database))[0]!;

/** Several questions at once, answered in their order: opening is what takes the time. */
export const askAll = async (
  questions: ReadonlyArray<string>,
  database?: string,
): Promise<ReadonlyArray<ReadonlyArray<PlainRow>>> => {
  const instance = await DuckDBInstance.create(database, database === undefined ? {} : { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    const answers: Array<ReadonlyArray<PlainRow>> = [];
    for (const sql of questions) {
      const rows = (await connection.runAndReadAll(sql)).getRowObjects();
      answers.push(
        rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]))),
      );
    }
    return answers;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
};

/** The Parquet files of a table, as DuckDB is told to read them. */
export const parquetOf = (dataDir: string, table: string): string =>
  `read_parquet('${dataDir}/parquet/${table}/**/*.parquet', hive_partitioning = true, hive_types = {workspace_id: VARCHAR${
    byWorkspace.has(table) ? "" : ", usage_month: DATE"
  }})`;

const byWorkspace: ReadonlySet<string> = new Set(["workspaces", "sources", "runs"]);

export type Reader = (dataDir: string, table: string) => Promise<ReadonlyArray<PlainRow>>;

/** What is not there yet has no rows: a run may have been killed before it came to that. */
const fromDuckDB: Reader = async (dataDir, table) => {
  if (!existsSync(databaseOf(dataDir))) return [];
  const made = await ask(`FROM duckdb_tables() WHERE table_name = '${table}'`, databaseOf(dataDir));
  return made.length === 0 ? [] : ask(`FROM ${table}`, databaseOf(dataDir));
};

const fromParquet: Reader = async (dataDir, table) => {
  const files = await filesBelow(join(dataDir, "parquet", table));
  return files.some((name) => name.endsWith(".parquet")) ? ask(`FROM ${parquetOf(dataDir, table)}`) : [];
};

/** File by file, with what the path says; DuckDB has no part in it. */
const fromParquetFiles: Reader = async (dataDir, table) => {
  const files = (await filesBelow(join(dataDir, "parquet", table))).filter((name) => name.endsWith(".parquet"));
  const rows = await Promise.all(
    files.map(async (name) => {
      const file = await asyncBufferFromFile(join(dataDir, "parquet", table, name));
      const found = await parquetReadObjects({ file, compressors, parsers: exactParsers });
      const partition = [...name.matchAll(/(\w+)=([^/]+)\//g)].map(([, key, value]) => [
        key,
        decodeURIComponent(value!),
      ]);
      return found.map((row) => ({ ...Object.fromEntries(partition), ...row }));
    }),
  );
  return rows.flat();
};

const exactParsers = {
  timestampFromMicroseconds: instant,
  // An instant of another unit is not what the tables promise.
  timestampFromMilliseconds: (millis: bigint) => `${millis} ms`,
  timestampFromNanoseconds: (nanos: bigint) => `${nanos} ns`,
  dateFromDays: day,
  stringFromBytes: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
  jsonFromBytes: (bytes: Uint8Array) => `JSON ${Buffer.from(bytes).toString()}`,
  geometryFromBytes: String,
  geographyFromBytes: String,
  uuidFromBytes: String,
};

export const readers = {
  DuckDB: fromDuckDB,
  "Parquet through DuckDB": fromParquet,
  "Parquet through hyparquet": fromParquetFiles,
} as const satisfies Record<string, Reader>;

export type ReaderName = keyof typeof readers;

/** The rows of the truth, without `observed_at`, which is the run's to say. */
export const truthOf = (
  simulator: Simulator,
  workspaceId: string,
  dataset: Dataset,
  months: ReadonlyArray<string>,
): ReadonlyArray<PlainRow> =>
  inOrder(
    months.flatMap((month) =>
      (simulator.truth(workspaceId, dataset, month) as ReadonlyArray<UsageRow>).map((row) => ({
        workspace_id: workspaceId,
        usage_month: `${month}-01`,
        day: row.timestamp.slice(0, 10),
        ...("sourceId" in row ? { source_id: row.sourceId } : {}),
        ...("apiCalls" in row
          ? { api_calls: BigInt(row.apiCalls) }
          : {
              period_start: stamp(new Date(row.periodStart * 1000).toISOString()),
              period_end: stamp(new Date(row.periodEnd * 1000).toISOString()),
              anonymous: BigInt(row.anonymous),
              anonymous_identified: BigInt(row.anonymousIdentified),
              identified: BigInt(row.identified),
              never_identified: BigInt(row.neverIdentified),
            }),
        snapshot_at: stamp(row.timestamp),
      })),
    ),
  );

/** By workspace, day and source; a row that is there twice stays there twice. */
const inOrder = (rows: ReadonlyArray<PlainRow>): ReadonlyArray<PlainRow> =>
  rows.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));

const placeOf = (row: PlainRow): string =>
  [row["workspace_id"], row["usage_month"], row["day"], row["source_id"]].join(" ");

/** The tables of the figures, of what was superseded, and of what stands around them: all of the documents. */
const allTables: ReadonlyArray<string> = [
  ...Object.values(tableOf),
  ...Object.values(tableOf).map((table) => `${table}_revisions`),
  "workspaces",
  "sources",
  "captures",
  "runs",
];

export type Contents = Readonly<Record<string, ReadonlyArray<string>>>;

/** Every row of every table as text, with its columns in the order of their names; tables without rows too. */
export const contentsOf = async (dataDir: string): Promise<Readonly<Record<"duckdb" | "parquet", Contents>>> => {
  const files = await Promise.all(allTables.map((table) => filesBelow(join(dataDir, "parquet", table))));
  const stored = allTables.filter((_, index) => files[index]!.some((name) => name.endsWith("/data.parquet")));
  const made = await tablesIn(databaseOf(dataDir));
  const [inDuckDB, inParquet] = [
    made.length === 0 ? [] : await askAll(made.map(from), databaseOf(dataDir)),
    await askAll(stored.map((table) => from(parquetOf(dataDir, table)))),
  ];
  const collect = (tables: ReadonlyArray<string>, answers: ReadonlyArray<ReadonlyArray<PlainRow>>): Contents =>
    Object.fromEntries(allTables.map((table) => [table, asText(answers[tables.indexOf(table)] ?? [])]));
  return { duckdb: collect(made, inDuckDB), parquet: collect(stored, inParquet) };
};

/** Those of our tables that a database has; a file may not be there yet, or hold none of them. */
const tablesIn = async (database: string): Promise<ReadonlyArray<string>> => {
  if (!existsSync(database)) return [];
  const rows = await ask("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'", database);
  return allTables.filter((table) => rows.some((row) => row["table_name"] === table));
};

const from = (source: string): string => `FROM ${source}`;

const asText = (rows: ReadonlyArray<PlainRow>): ReadonlyArray<string> =>
  rows
    .map((row) =>
      JSON.stringify(
        Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)),
        (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
      ),
    )
    .toSorted();

/** Rows as the service told them: without when they were observed. */
export const figuresOf = (rows: ReadonlyArray<PlainRow>): ReadonlyArray<PlainRow> =>
  inOrder(rows.map((row) => without(row, "observed_at")));

/** The row without some of its columns. */
export const without = (row: PlainRow, ...columns: ReadonlyArray<string>): PlainRow =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !columns.includes(name)));

/** Everything that a test can say about which part of the truth should be held. */
export interface Expected {
  readonly months: ReadonlyArray<string>;
  readonly datasets?: ReadonlyArray<Dataset>;
  readonly readers?: ReadonlyArray<ReaderName>;
  /** Position of the workspace in the simulator. */
  readonly workspace?: number;
}

/** Each table holds the truth of these months, row for row and value for value, and nothing else of the workspace. */
export const assertTruth = async (dataDir: string, simulator: Simulator, expected: Expected): Promise<void> => {
  const { id } = simulator.workspaces[expected.workspace ?? 0]!;
  for (const dataset of expected.datasets ?? datasetNames) {
    const truth = truthOf(simulator, id, dataset, expected.months);
    for (const name of expected.readers ?? (Object.keys(readers) as Array<ReaderName>)) {
      const rows = (await readers[name](dataDir, tableOf[dataset])).filter((row) => row["workspace_id"] === id);
      assert.deepStrictEqual(figuresOf(rows), truth, `${dataset} from ${name}`);
    }
  }
};

/** Relative paths of the files below a directory, ascending; none when it is not there. */
export const filesBelow = async (directory: string): Promise<ReadonlyArray<string>> => {
  if (!existsSync(directory)) return [];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name, parentPath }) => join(parentPath, name).slice(directory.length + 1))
    .toSorted();
};

/** Every file with a digest of its bytes and when it was written: equal when nothing at all was touched. */
export const fingerprint = async (directory: string): Promise<Readonly<Record<string, string>>> => {
  const files = await filesBelow(directory);
  const marks = files.map(async (name) => {
    const { mtimeMs } = await stat(join(directory, name));
    return [
      name,
      `${createHash("sha256")
        .update(readFileSync(join(directory, name)))
        .digest("hex")} ${mtimeMs}`,
    ];
  });
  return Object.fromEntries(await Promise.all(marks));
};

/** The files that a run of both sinks leaves, and no others: by the layout that the documents promise. */
export const expectedFiles = (workspaceId: string, months: ReadonlyArray<string>): ReadonlyArray<string> =>
  [
    "segmeter.duckdb",
    ...[...byWorkspace].map((table) => `parquet/${table}/workspace_id=${workspaceId}/data.parquet`),
    ...[...Object.values(tableOf), "captures"].flatMap((table) =>
      months.map((month) => `parquet/${table}/workspace_id=${workspaceId}/usage_month=${month}-01/data.parquet`),
    ),
  ].toSorted();

/** Every month from the first to the last, both included. */
export const monthsFrom = (first: string, last: string): ReadonlyArray<string> => {
  const months: Array<string> = [];
  for (const at = new Date(`${first}-01T00:00:00Z`); at.toISOString().slice(0, 7) <= last;) {
    months.push(at.toISOString().slice(0, 7));
    at.setUTCMonth(at.getUTCMonth() + 1);
  }
  return months;
};
