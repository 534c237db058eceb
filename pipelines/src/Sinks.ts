/**
 * Opens the sinks of a data directory: to write, as its one writer, or to look at. Each adapter is loaded only when it is wanted.
 */
import type { Encoder, Sink, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { sweepDatabaseLeftovers } from "./DatabaseFiles.ts";
import { prepareDataDirectory } from "./DataDirectory.ts";
import { lockDataDirectory } from "./DataLock.ts";
import { bringUpToDate, readSchemaVersion } from "./SchemaVersion.ts";
import { databasePath, type EncoderName, existingSinks, type OfferedSink } from "./SinkNames.ts";

export const openEncoder = (name: EncoderName): Effect.Effect<Encoder, SinkError, Scope.Scope> =>
  name === "duckdb"
    ? Effect.flatMap(
        Effect.promise(() => import("@segmeter/duckdb")),
        ({ makeDuckDBEncoder }) => makeDuckDBEncoder(),
      )
    : Effect.map(
        Effect.promise(() => import("@segmeter/parquet")),
        ({ parquetJsEncoder }) => parquetJsEncoder,
      );

export const openParquet = (
  dataDir: string,
  encoder: Encoder,
  access: "read-write" | "read-only" = "read-write",
): Effect.Effect<Sink, SinkError> =>
  Effect.flatMap(
    Effect.promise(() => import("@segmeter/parquet")),
    ({ openParquetSink }) => openParquetSink({ dataDir, encoder, access }),
  );

export const openDuckDB = (
  path: string,
  access: "read-write" | "read-only",
): Effect.Effect<Sink, SinkError, Scope.Scope> =>
  Effect.flatMap(
    Effect.promise(() => import("@segmeter/duckdb")),
    ({ openDuckDBSink }) => openDuckDBSink({ path, access }),
  );

export interface SinkRequest {
  readonly dataDir: string;
  readonly names: ReadonlyArray<OfferedSink>;
  readonly encoder: EncoderName;
}

/**
 * Becomes the directory's one writer until the scope closes: makes the directory if need be, locks it, and brings it to the
 * schema version of this segmeter. Returns what the user should know, in sentences. `command`: told to whoever comes second.
 */
export const enterDataDirectory = Effect.fn("enterDataDirectory")(function* (
  dataDir: string,
  command: string,
  encoder: Encoder,
): Effect.fn.Return<ReadonlyArray<string>, SinkError, Scope.Scope> {
  yield* prepareDataDirectory(dataDir);
  yield* readSchemaVersion(dataDir);
  yield* lockDataDirectory(dataDir, command);
  const files = yield* bringUpToDate(dataDir, encoder);
  return files === 0 ? [] : [`the data directory was brought to a new schema version, ${files} files of it.`];
});

export interface OpenedSinks {
  /** Shape: in writing order. */
  readonly sinks: ReadonlyArray<Sink>;
  /** What the user should know, in sentences. */
  readonly notes: ReadonlyArray<string>;
}

/**
 * Becomes the directory's one writer, and opens the sinks in it that are asked for, making what is not there. Nothing is written
 * before DuckDB is open, for it tells whether some other program holds the database; nor is the database made where the Parquet
 * sink can't be. What a killed run left is mended and swept.
 */
export const openSinks = Effect.fn("openSinks")(function* (
  { dataDir, encoder: encoderName, names }: SinkRequest,
  command: string,
): Effect.fn.Return<OpenedSinks, SinkError, Scope.Scope> {
  const encoder = yield* openEncoder(encoderName);
  const notes = yield* enterDataDirectory(dataDir, command, encoder);
  const parquet = names.includes("parquet") ? [yield* openParquet(dataDir, encoder)] : [];
  const duckdb = names.includes("duckdb") ? [yield* openDuckDB(databasePath(dataDir), "read-write")] : [];
  const { recover } = yield* Effect.promise(() => import("@segmeter/parquet"));
  yield* recover(dataDir, encoder);
  yield* sweepDatabaseLeftovers(dataDir);
  return { sinks: [...parquet, ...duckdb], notes };
});

/** Opens those that exist already, to look at what they hold; creates and changes nothing. */
export const openExistingSinks = Effect.fn("openExistingSinks")(function* ({
  dataDir,
  encoder,
  names,
}: SinkRequest): Effect.fn.Return<OpenedSinks, SinkError, Scope.Scope> {
  yield* readSchemaVersion(dataDir);
  const existing = existingSinks(dataDir).filter((name) => names.includes(name));
  const parquet = existing.includes("parquet")
    ? [yield* openParquet(dataDir, yield* openEncoder(encoder), "read-only")]
    : [];
  const duckdb = existing.includes("duckdb") ? [yield* openDuckDB(databasePath(dataDir), "read-only")] : [];
  return { sinks: [...parquet, ...duckdb], notes: [] };
});
