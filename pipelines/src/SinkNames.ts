/**
 * The sinks and encoders by name, and where a directory has them; apart from what opens them, so that a command line can be read
 * without it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The sinks that are offered, in the order in which a run writes them. */
export const sinkNames = ["parquet", "duckdb"] as const;
export type OfferedSink = (typeof sinkNames)[number];

export const encoderNames = ["parquetjs", "duckdb"] as const;
export type EncoderName = (typeof encoderNames)[number];

export const databasePath = (dataDir: string): string => join(dataDir, "segmeter.duckdb");

/** Those of the offered sinks that the directory has anything of. */
export const existingSinks = (dataDir: string): ReadonlyArray<OfferedSink> => [
  ...(existsSync(join(dataDir, "parquet")) ? (["parquet"] as const) : []),
  ...(existsSync(databasePath(dataDir)) ? (["duckdb"] as const) : []),
];
