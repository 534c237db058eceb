/**
 * Opens the sinks that a run was asked for. Each adapter is loaded only when it is wanted.
 */
import type { Encoder, Sink, SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { prepareDataDirectory } from "./DataDirectory.ts";

/** The sinks that are offered, in the order in which a run writes them. */
export const sinkNames = ["parquet", "duckdb"] as const;
type OfferedSink = (typeof sinkNames)[number];

export const encoderNames = ["parquetjs", "duckdb"] as const;
type EncoderName = (typeof encoderNames)[number];

const databasePath = (dataDir: string): string => join(dataDir, "segmeter.duckdb");

const openEncoder = (name: EncoderName): Effect.Effect<Encoder, SinkError, Scope.Scope> =>
  name === "duckdb"
    ? Effect.flatMap(
        Effect.promise(() => import("@segmeter/duckdb")),
        ({ makeDuckDBEncoder }) => makeDuckDBEncoder(),
      )
    : Effect.map(
        Effect.promise(() => import("@segmeter/parquet")),
        ({ parquetJsEncoder }) => parquetJsEncoder,
      );

const openParquet = (dataDir: string, encoderName: EncoderName): Effect.Effect<Sink, SinkError, Scope.Scope> =>
  Effect.gen(function* () {
    const { openParquetSink } = yield* Effect.promise(() => import("@segmeter/parquet"));
    return yield* openParquetSink({ dataDir, encoder: yield* openEncoder(encoderName) });
  });

const openDuckDB = (dataDir: string, access: "read-write" | "read-only"): Effect.Effect<Sink, SinkError, Scope.Scope> =>
  Effect.flatMap(
    Effect.promise(() => import("@segmeter/duckdb")),
    ({ openDuckDBSink }) => openDuckDBSink({ path: databasePath(dataDir), access }),
  );

export interface SinkRequest {
  readonly dataDir: string;
  readonly names: ReadonlyArray<OfferedSink>;
  readonly encoder: EncoderName;
}

/**
 * Opens them for writing, and creates what is not there. Shape: in writing order. Nothing is written before DuckDB is open, for
 * it tells whether another process holds the directory; nor is the database made where the Parquet sink can't be.
 */
export const openSinks = Effect.fn("openSinks")(function* ({
  dataDir,
  encoder,
  names,
}: SinkRequest): Effect.fn.Return<ReadonlyArray<Sink>, SinkError, Scope.Scope> {
  yield* prepareDataDirectory(dataDir);
  const parquet = names.includes("parquet") ? [yield* openParquet(dataDir, encoder)] : [];
  const duckdb = names.includes("duckdb") ? [yield* openDuckDB(dataDir, "read-write")] : [];
  const { sweepLeftovers } = yield* Effect.promise(() => import("@segmeter/parquet"));
  yield* sweepLeftovers(dataDir);
  return [...parquet, ...duckdb];
});

/** Opens those that exist already, to look at what they hold; creates and changes nothing. */
export const openExistingSinks = Effect.fn("openExistingSinks")(function* ({
  dataDir,
  encoder,
  names,
}: SinkRequest): Effect.fn.Return<ReadonlyArray<Sink>, SinkError, Scope.Scope> {
  const parquet =
    names.includes("parquet") && existsSync(join(dataDir, "parquet")) ? [yield* openParquet(dataDir, encoder)] : [];
  const duckdb =
    names.includes("duckdb") && existsSync(databasePath(dataDir)) ? [yield* openDuckDB(dataDir, "read-only")] : [];
  return [...parquet, ...duckdb];
});
