/**
 * Opens what queries read, and locks it: the DuckDB file read-only, or an instance in memory with views over the Parquet files.
 * For figures as they were known at an instant it is one in memory over either, whose views have the plain names.
 */
import type { DuckDBInstance } from "@duckdb/node-api";
import { type Instant, type SinkError, sinkError, type Table, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connect, openInMemory } from "./DuckDBConnection.ts";
import { fromDuckDB } from "./DuckDBFailure.ts";
import { attachDuckDBFile, openDuckDBFile } from "./DuckDBFile.ts";
import { macroStatements, type Naming } from "./DuckDBMacros.ts";
import { viewStatements } from "./DuckDBViews.ts";
import { asOfStatements } from "./KnownAsOf.ts";
import { countFiles, isBroughtUp, tableQuery } from "./ParquetTables.ts";
import { escapeGlob, quoteName, quoteText } from "./Quote.ts";

export interface QuerySource {
  readonly source: "duckdb" | "parquet";
  readonly why?: string;
  readonly instance: DuckDBInstance;
  /** The one directory beside the data directory that DuckDB may write to: for spilling, and for files on their way out. */
  readonly spool: string;
}

/** `auto`: the DuckDB file where it can be read, else the Parquet files where there are any. */
export const openQuerySource = Effect.fnUntraced(function* (options: {
  readonly dataDir: string;
  readonly from: "duckdb" | "parquet" | "auto";
  readonly asOf?: Instant.EpochMicros;
}): Effect.fn.Return<QuerySource, SinkError, Scope.Scope> {
  const { asOf } = options;
  const dataDir = resolve(options.dataDir);
  if (!existsSync(dataDir)) {
    const hint = "Capture something first, or name another --data-dir.";
    return yield* sinkError(`open ${dataDir}`, "Broken", `There is no data directory ${dataDir}.`, { hint });
  }
  const spool = yield* Effect.acquireRelease(
    Effect.sync(() => join(tmpdir(), `segmeter-query-${randomUUID()}`)),
    (made) => Effect.ignore(Effect.tryPromise(() => rm(made, { recursive: true, force: true }))),
  );
  const path = join(dataDir, "segmeter.duckdb");
  if (options.from === "parquet") return yield* openParquet(dataDir, spool, asOf);
  if (options.from === "duckdb") return yield* openFile(dataDir, path, spool, asOf);
  if (!existsSync(path)) return { ...(yield* openParquet(dataDir, spool, asOf)), why: `There is no ${path}.` };
  return yield* openFile(dataDir, path, spool, asOf).pipe(
    Effect.catch((error) =>
      existsSync(join(dataDir, "parquet"))
        ? Effect.map(openParquet(dataDir, spool, asOf), (opened) => ({ ...opened, why: error.detail }))
        : Effect.fail(error),
    ),
  );
});

/** What the database is called in SQL when it is not the only one: as when it is. */
const catalog = "segmeter";

const openFile = Effect.fnUntraced(function* (
  dataDir: string,
  path: string,
  spool: string,
  asOf: Instant.EpochMicros | undefined,
) {
  const locks = lockStatements(dataDir, spool);
  if (asOf === undefined) {
    const instance = yield* openDuckDBFile({ path, access: "read-only" });
    yield* setUp(instance, path, [], locks);
    return { source: "duckdb", instance, spool } as const;
  }
  const instance = yield* openInMemory((cause) => fromDuckDB(`open ${path}`, path, cause));
  const version = yield* attachDuckDBFile(instance, { path, catalog });
  if (version === 1) return yield* withoutHistory(path);
  const stored: Naming = ({ name }) => `${quoteName(catalog)}.main.${quoteName(name)}`;
  yield* setUp(instance, path, asOfStatements(asOf, stored), locks);
  return { source: "duckdb", instance, spool } as const;
});

const openParquet = Effect.fnUntraced(function* (
  dataDir: string,
  spool: string,
  asOf: Instant.EpochMicros | undefined,
) {
  const path = join(dataDir, "parquet");
  const failed = (cause: unknown) => fromDuckDB(`open ${path}`, path, cause);
  const instance = yield* openInMemory(failed);
  const connection = yield* connect(instance, failed);
  const ask = (sql: string) =>
    Effect.tryPromise({ try: async () => (await connection.run(sql)).getRowsJS(), catch: failed });
  const counted = yield* ask(countFiles(dataDir));
  const hasFiles = new Set(counted.flatMap(([name, some]) => (some === true ? [String(name)] : [])));
  if (asOf !== undefined && hasFiles.has("runs")) {
    const [[broughtUp] = []] = yield* ask(isBroughtUp(dataDir));
    if (broughtUp !== true) return yield* withoutHistory(path);
  }
  // With an instant, the plain names are those of what was known then.
  const stored: Naming = ({ name }) => (asOf === undefined ? quoteName(name) : `stored.${quoteName(name)}`);
  const define = (table: Table) => `CREATE VIEW ${stored(table)} AS ${tableQuery(dataDir, table, hasFiles)}`;
  const derived = asOf === undefined ? [...viewStatements(), ...macroStatements()] : asOfStatements(asOf, stored);
  const statements = [...tables.map(define), ...derived];
  if (asOf !== undefined) statements.unshift("CREATE SCHEMA stored");
  yield* setUp(instance, path, statements, lockStatements(dataDir, spool));
  return { source: "parquet", instance, spool } as const;
});

const withoutHistory = (path: string) => {
  const hint = "Run a command that captures, such as segmeter nightly: it brings the data directory up to date.";
  const detail = `${path} was made by an earlier segmeter, which kept no history.`;
  return sinkError(`open ${path}`, "Broken", detail, { hint });
};

const setUp = (
  instance: DuckDBInstance,
  path: string,
  views: ReadonlyArray<string>,
  locks: ReadonlyArray<string>,
): Effect.Effect<void, SinkError> => {
  const failed = (cause: unknown) => fromDuckDB(`open ${path}`, path, cause);
  return connect(instance, failed).pipe(
    Effect.flatMap((connection) =>
      Effect.tryPromise({ try: () => connection.run([...views, ...locks].join(";\n")), catch: failed }),
    ),
    Effect.scoped,
    Effect.asVoid,
  );
};

/** Settings of the whole instance, the lock on them last. */
const lockStatements = (dataDir: string, spool: string): ReadonlyArray<string> => [
  "SET GLOBAL TimeZone = 'UTC'",
  `SET GLOBAL temp_directory = ${quoteText(spool)}`,
  // A glob over a directory whose name has wildcards in it is written with them escaped.
  `SET GLOBAL allowed_directories = [${[dataDir, escapeGlob(dataDir), spool].map(quoteText).join(", ")}]`,
  "SET GLOBAL enable_external_access = false",
  "SET GLOBAL lock_configuration = true",
];
