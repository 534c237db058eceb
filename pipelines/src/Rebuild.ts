/**
 * Rebuild: the DuckDB file made anew from the Parquet files alone, beside the one that is there, which gives way to it only once
 * it is whole. Nothing that the Parquet files lack is given up: then the rebuild is refused.
 */
import { Capture, Instant, now, Partition, type Sink, type SinkError, sinkError } from "@segmeter/domain";
import { mirror } from "@segmeter/flow";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type * as Scope from "effect/Scope";
import { existsSync } from "node:fs";
import { publishDatabase, putDatabaseAside, sweepDatabaseLeftovers, temporaryDatabase } from "./DatabaseFiles.ts";
import { isOfNewerVersion } from "./SchemaVersion.ts";
import { databasePath } from "./SinkNames.ts";
import { enterDataDirectory, openDuckDB, openEncoder, openParquet } from "./Sinks.ts";

export interface Rebuilt {
  readonly partitions: number;
  /** Where the old file is, if it could not be read; else it is gone. */
  readonly aside: string | undefined;
}

const operation = "rebuild segmeter.duckdb";

/**
 * `parquet`: of a directory that has Parquet files. To be called by the one process that holds it. Errors: `Foreign` when something
 * would be lost; those of the sinks.
 */
export const rebuild = Effect.fn("rebuild")(function* (
  dataDir: string,
  parquet: Sink,
  /** `isLost`: it is known that the old file cannot be read. */
  options: { readonly isLost: boolean } = { isLost: false },
): Effect.fn.Return<Rebuilt, SinkError> {
  const path = databasePath(dataDir);
  const isGone = !existsSync(path);
  const readable = isGone || (!options.isLost && (yield* inspectOld(path, parquet)));
  const temporary = temporaryDatabase(dataDir);
  const partitions = yield* Effect.scoped(
    Effect.flatMap(openDuckDB(temporary, "read-write"), (fresh) => mirror(parquet, fresh)),
  ).pipe(Effect.onError(() => Effect.ignore(sweepDatabaseLeftovers(dataDir))));
  const stamp = Instant.format(yield* now);
  const aside = readable ? undefined : yield* putDatabaseAside(dataDir, stamp);
  yield* publishDatabase(dataDir, temporary);
  return { partitions, aside };
});

/** The same for a directory that nobody has open, as its one writer until the scope closes. */
export const rebuildDirectory = Effect.fn("rebuildDirectory")(function* (
  dataDir: string,
): Effect.fn.Return<Rebuilt & { readonly notes: ReadonlyArray<string> }, SinkError, Scope.Scope> {
  const encoder = yield* openEncoder("parquetjs");
  const notes = yield* enterDataDirectory(dataDir, "rebuild", encoder);
  const { recover } = yield* Effect.promise(() => import("@segmeter/parquet"));
  yield* recover(dataDir, encoder);
  yield* sweepDatabaseLeftovers(dataDir);
  return { notes, ...(yield* rebuild(dataDir, yield* openParquet(dataDir, encoder))) };
});

/** Whether the old file can be read. Fails when it has what the new one would not. */
const inspectOld = Effect.fnUntraced(function* (path: string, parquet: Sink): Effect.fn.Return<boolean, SinkError> {
  const { foreignObjects } = yield* Effect.promise(() => import("@segmeter/duckdb"));
  const found = yield* Effect.result(
    Effect.scoped(
      Effect.gen(function* () {
        const foreign = yield* foreignObjects(path);
        return { foreign, ahead: yield* aheadOf(yield* openDuckDB(path, "read-only"), parquet) };
      }),
    ),
  );
  if (Result.isFailure(found)) {
    const { reason } = found.failure;
    // Held by another process, not to be read by this user, or of a newer segmeter: no reason to take it for lost.
    if ((reason === "Damaged" || reason === "Foreign") && !isOfNewerVersion(found.failure)) return false;
    return yield* found.failure;
  }
  const { ahead, foreign } = found.success;
  if (foreign.length > 0) {
    const detail = `${path} also holds what is not segmeter's: ${foreign.join(", ")}.`;
    return yield* sinkError(operation, "Foreign", detail, {
      hint: "Copy that elsewhere, then drop it or move the file.",
    });
  }
  if (ahead.length > 0) {
    const detail = `${path} holds what the Parquet files lack: ${ahead.slice(0, 3).join(", ")}${ahead.length > 3 ? `, and ${ahead.length - 3} more` : ""}.`;
    return yield* sinkError(operation, "Foreign", detail, { hint: "Run segmeter verify --repair first." });
  }
  return true;
});

/** The held captures, runs and other entries that the old file has and the Parquet files have not. */
const aheadOf = Effect.fnUntraced(function* (
  old: Sink,
  parquet: Sink,
): Effect.fn.Return<ReadonlyArray<string>, SinkError> {
  const ahead = new Set<string>();
  for (const workspaceId of yield* old.workspaceIds) {
    const books = yield* parquet.books(workspaceId);
    const known = new Set([...books.captures.map((one) => one.captureId), ...books.runs.map((row) => row.run_id)]);
    // The ledger may know a capture whose file is gone.
    const there = new Map((yield* parquet.held(workspaceId)).map((one) => [Partition.label(one.partition), one]));
    for (const capture of yield* old.held(workspaceId)) {
      const { dataset, month } = capture.partition;
      const other = there.get(Partition.label(capture.partition));
      if (other === undefined || Capture.byTime(other, capture) < 0) ahead.add(`a capture of ${dataset} ${month}`);
    }
    const { captures, runs } = yield* old.books(workspaceId);
    for (const { captureId, partition } of captures) {
      if (!known.has(captureId)) ahead.add(`a capture of ${partition.dataset} ${partition.month}`);
    }
    for (const { command, run_id } of runs) if (!known.has(run_id)) ahead.add(`a run of ${command}`);
  }
  return [...ahead];
});
