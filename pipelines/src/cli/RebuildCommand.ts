/**
 * `segmeter rebuild`: the DuckDB file, made anew from the Parquet files alone.
 */
import * as Command from "effect/cli/Command";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as Flags from "./Flags.ts";
import { say, write } from "./Output.ts";
import { usageError } from "./UsageError.ts";

export const rebuild = Command.make(
  "rebuild",
  { dataDir: Flags.dataDir, json: Flags.json },
  Effect.fn("rebuild")(function* ({ dataDir, json }) {
    if (!existsSync(dataDir)) {
      return yield* usageError(`There is no data directory ${dataDir}.`, "Name it with --data-dir.");
    }
    if (!existsSync(join(dataDir, "parquet"))) {
      return yield* usageError(
        `There are no Parquet files in ${dataDir} to make a database from.`,
        "Name the data directory with --data-dir.",
      );
    }
    const { rebuildDirectory } = yield* Effect.promise(() => import("../index.ts"));
    const { aside, notes, partitions } = yield* Effect.scoped(rebuildDirectory(dataDir));
    yield* Effect.forEach(notes, (note) => say(`note: ${note}`));
    if (aside !== undefined) yield* say(`note: the old file could not be read; it is at ${aside}.`);
    yield* write(
      json
        ? `${JSON.stringify({ event: "rebuild-finished", partitions, aside: aside ?? null })}\n`
        : `segmeter.duckdb was made anew from the Parquet files: ${partitions} partitions.\n`,
    );
  }),
).pipe(
  Command.withDescription(
    "Makes segmeter.duckdb anew from the Parquet files alone: figures, revisions, ledger, runs and names. The old file gives way once the new one is whole; it is refused while the old one holds anything that the Parquet files lack.",
  ),
  Command.withShortDescription("Make DuckDB anew from the Parquet files"),
  Command.withExamples([{ command: "segmeter rebuild", description: "After segmeter.duckdb was lost or damaged" }]),
);
