/**
 * Opens what queries read, and locks it: the DuckDB file read-only, or an instance in memory with views over the Parquet files.
 */
import type { DuckDBInstance } from "@duckdb/node-api";
import { type SinkError, sinkError, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connect, openInMemory } from "./DuckDBConnection.ts";
import { fromDuckDB } from "./DuckDBFailure.ts";
import { openDuckDBFile } from "./DuckDBFile.ts";
import { viewStatements } from "./DuckDBViews.ts";
import { countFiles, tableView } from "./ParquetTables.ts";
import { escapeGlob, quoteText } from "./Quote.ts";

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
}): Effect.fn.Return<QuerySource, SinkError, Scope.Scope> {
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
  if (options.from === "parquet") return yield* openParquet(dataDir, spool);
  if (options.from === "duckdb") return yield* openFile(dataDir, path, spool);
  if (!existsSync(path)) return { ...(yield* openParquet(dataDir, spool)), why: `There is no ${path}.` };
  return yield* openFile(dataDir, path, spool).pipe(
    Effect.catch((error) =>
      existsSync(join(dataDir, "parquet"))
        ? Effect.map(openParquet(dataDir, spool), (opened) => ({ ...opened, why: error.detail }))
        : Effect.fail(error),
    ),
  );
});

const openFile = Effect.fnUntraced(function* (dataDir: string, path: string, spool: string) {
  const instance = yield* openDuckDBFile({ path, access: "read-only" });
  yield* setUp(instance, path, [], lockStatements(dataDir, spool));
  return { source: "duckdb", instance, spool } as const;
});

const openParquet = Effect.fnUntraced(function* (dataDir: string, spool: string) {
  const path = join(dataDir, "parquet");
  const failed = (cause: unknown) => fromDuckDB(`open ${path}`, path, cause);
  const instance = yield* openInMemory(failed);
  const connection = yield* connect(instance, failed);
  const counted = yield* Effect.tryPromise({
    try: async () => (await connection.run(countFiles(dataDir))).getRowsJS(),
    catch: failed,
  });
  const hasFiles = new Map(counted.map(([name, some]) => [String(name), some === true]));
  const views = tables.map((table) => tableView(dataDir, table, hasFiles.get(table.name) === true));
  yield* setUp(instance, path, [...views, ...viewStatements()], lockStatements(dataDir, spool));
  return { source: "parquet", instance, spool } as const;
});

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
