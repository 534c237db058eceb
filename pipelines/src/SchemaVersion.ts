/**
 * The schema version of a data directory: of the layout of its files, tables and footers. Every file says its own in its footer,
 * and the database in a table; a directory is as old as its `runs`, which are brought up last.
 *
 * 1: figures, ledger, runs, names. 2: revisions; every file has a checksum in its footer.
 *
 * A directory of an older version is brought up in place: the database in one transaction, then each file, replaced whole. A
 * process that is killed meanwhile leaves files of both versions, all of which can be read, and the next run goes on. A directory
 * of a newer version is refused before anything in it is touched.
 */
import { type Encoder, type SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** The version that this segmeter writes. */
export const schemaVersion = 2;

/** Undefined where no run is recorded in Parquet files; a database answers for itself. Errors: `Foreign` for a newer version. */
export const readSchemaVersion = Effect.fn("readSchemaVersion")(function* (
  dataDir: string,
): Effect.fn.Return<number | undefined, SinkError> {
  if (!existsSync(join(dataDir, "parquet"))) return undefined;
  const { directoryVersion } = yield* Effect.promise(() => import("@segmeter/parquet"));
  const version = yield* directoryVersion(dataDir, schemaVersion);
  if (version === undefined || version <= schemaVersion) return version;
  const detail = `${resolve(dataDir)} has schema version ${version}; this segmeter knows ${schemaVersion}.`;
  return yield* sinkError("open the data directory", "Foreign", detail, {
    hint: "Use a newer segmeter; nothing was changed.",
  });
});

/** Whether it was a newer version that was met: nothing is lost then, and nothing is to be put in its place. */
export const isOfNewerVersion = ({ hint, reason }: SinkError): boolean =>
  reason === "Foreign" && hint.startsWith("Use a newer segmeter");

/**
 * Brings the directory to the version of this segmeter. To be called by the one process that holds it. Returns how many files
 * were brought up. Errors: those of the files and of the database; what was brought up by then stays so.
 */
export const bringUpToDate = Effect.fn("bringUpToDate")(function* (
  dataDir: string,
  encoder: Encoder,
): Effect.fn.Return<number, SinkError> {
  if (!existsSync(join(dataDir, "parquet")) || (yield* readSchemaVersion(dataDir)) === schemaVersion) return 0;
  const database = join(dataDir, "segmeter.duckdb");
  if (existsSync(database)) {
    const { openDuckDBSink } = yield* Effect.promise(() => import("@segmeter/duckdb"));
    // Opening it to write brings it up.
    yield* Effect.scoped(openDuckDBSink({ path: database }));
  }
  const { migrateFiles } = yield* Effect.promise(() => import("@segmeter/parquet"));
  return yield* migrateFiles(dataDir, encoder);
});
