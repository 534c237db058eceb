/**
 * Verify, for a whole data directory: which sinks it should have, whether each can be opened, then what the flow finds in them; and
 * with `repair` what can be mended.
 */
import { type Sink, type SinkError, sinkError } from "@segmeter/domain";
import { type Problem, repair as repairSinks, verify as verifySinks, type Verified } from "@segmeter/flow";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { databaseLeftovers, sweepDatabaseLeftovers } from "./DatabaseFiles.ts";
import { rebuild } from "./Rebuild.ts";
import { lockDataDirectory } from "./DataLock.ts";
import { isOfNewerVersion, readSchemaVersion, schemaVersion } from "./SchemaVersion.ts";
import { databasePath, existingSinks, type OfferedSink, sinkNames } from "./SinkNames.ts";
import { enterDataDirectory, openDuckDB, openEncoder, openParquet } from "./Sinks.ts";

export interface DirectoryReport {
  /** What was found. */
  readonly found: ReadonlyArray<Problem>;
  /** What is left of it after a repair; without one, all of it. */
  readonly left: ReadonlyArray<Problem>;
  /** What a repair did, in sentences. */
  readonly actions: ReadonlyArray<string>;
  readonly checked: Pick<Verified, "files" | "partitions" | "rows">;
  /** The sinks that were looked at. */
  readonly sinks: ReadonlyArray<Sink>;
}

/** `parquet`: undefined when the directory has no Parquet files. To be called by the one process that holds the directory. */
export const verifyDirectory = Effect.fn("verifyDirectory")(function* (options: {
  readonly dataDir: string;
  readonly parquet: Sink | undefined;
  readonly names: ReadonlyArray<OfferedSink>;
  readonly repair: boolean;
}): Effect.fn.Return<DirectoryReport, SinkError, Scope.Scope> {
  const { dataDir, names, repair } = options;
  let { parquet } = options;
  const actions: Array<string> = [];
  const early: Array<Problem> = [];
  const mended = new Set<Problem>();

  for (const path of yield* databaseLeftovers(dataDir)) {
    early.push({ sinks: ["duckdb"], kind: "leftover", where: path, detail: "A killed process was making it." });
  }
  if (repair && early.length > 0) {
    yield* sweepDatabaseLeftovers(dataDir);
    for (const problem of early) {
      actions.push(`${problem.where}: removed.`);
      mended.add(problem);
    }
  }

  const path = databasePath(dataDir);
  const looked = names.includes("duckdb") ? yield* lookInto(path, parquet, repair) : undefined;
  if (looked !== undefined) {
    early.push(looked);
    if (repair && parquet !== undefined) {
      const { aside, partitions } = yield* rebuild(dataDir, parquet, { isLost: true });
      if (aside !== undefined) actions.push(`${path}: moved to ${aside}.`);
      actions.push(`${path}: made anew from the Parquet files, ${partitions} partitions.`);
      mended.add(looked);
    }
  }
  const isThere = names.includes("duckdb") && (looked === undefined || mended.has(looked)) && existsSync(path);
  const duckdb = isThere ? [yield* openDuckDB(path, repair ? "read-write" : "read-only")] : [];

  if (parquet === undefined && names.includes("parquet") && (yield* isExpected("parquet", duckdb[0]))) {
    const where = join(dataDir, "parquet");
    const problem: Problem = { sinks: ["parquet"], kind: "unreadable", where, detail: gone };
    early.push(problem);
    if (repair) {
      // Empty, it lags in everything, and is brought up from the other.
      parquet = yield* openParquet(dataDir, yield* openEncoder("parquetjs"));
      actions.push(`${where}: made anew.`);
      mended.add(problem);
    }
  }

  const sinks = [...(parquet === undefined ? [] : [parquet]), ...duckdb];
  if (!repair) {
    const verified = yield* verifySinks(sinks);
    const found = [...early, ...verified.problems];
    return { found, left: found, actions, checked: verified, sinks };
  }
  const { actions: done, after, before } = yield* repairSinks(sinks);
  return {
    found: [...early, ...before.problems],
    left: [...early.filter((problem) => !mended.has(problem)), ...after.problems],
    actions: [...actions, ...done],
    checked: after,
    sinks,
  };
});

/**
 * What is wrong with the database as a whole, undefined when nothing is; it is closed again. `wholly`: reads all of it, for it is
 * about to be written to.
 */
const lookInto = Effect.fnUntraced(function* (
  path: string,
  parquet: Sink | undefined,
  wholly: boolean,
): Effect.fn.Return<Problem | undefined, SinkError> {
  const lost = (detail: string): Problem => ({ sinks: ["duckdb"], kind: "unreadable", where: path, detail });
  if (!existsSync(path)) {
    return (yield* isExpected("duckdb", parquet)) ? lost(gone) : undefined;
  }
  const opened = Effect.flatMap(openDuckDB(path, "read-only"), (sink) =>
    wholly ? Effect.asVoid(sink.inspect) : Effect.void,
  );
  const found = yield* Effect.result(Effect.scoped(opened));
  if (Result.isSuccess(found)) return undefined;
  return isLost(found.failure) ? lost(found.failure.detail) : yield* found.failure;
});

const gone = "It is not there, and the last run wrote it.";

const isLost = (error: SinkError): boolean =>
  (error.reason === "Damaged" || error.reason === "Foreign") && !isOfNewerVersion(error);

const Arguments = Schema.fromJsonString(Schema.Struct({ sinks: Schema.Array(Schema.String) }));

/** Whether the newest run that a sink knows of wrote another one, too. */
const isExpected = Effect.fnUntraced(function* (
  name: OfferedSink,
  from: Sink | undefined,
): Effect.fn.Return<boolean, SinkError> {
  if (from === undefined) return false;
  for (const workspaceId of yield* from.workspaceIds) {
    const books = yield* Effect.result(from.books(workspaceId));
    const last = Result.isSuccess(books) ? books.success.runs.at(-1) : undefined;
    const given = last === undefined ? Option.none() : Schema.decodeOption(Arguments)(last.arguments);
    if (Option.isSome(given) && given.value.sinks.includes(name)) return true;
  }
  return false;
});

export interface Entered {
  readonly parquet: Sink | undefined;
  readonly names: ReadonlyArray<OfferedSink>;
  /** What the user should know, in sentences. */
  readonly notes: ReadonlyArray<string>;
}

/**
 * Enters a data directory for {@link verifyDirectory}, as its one writer until the scope closes; a directory that cannot be
 * written to is looked at all the same. `given`: the sinks to look at; none: those that there are, or should be.
 */
export const openToVerify = Effect.fn("openToVerify")(function* (
  dataDir: string,
  given: ReadonlyArray<OfferedSink>,
  repair: boolean,
): Effect.fn.Return<Entered, SinkError, Scope.Scope> {
  const encoder = yield* openEncoder("parquetjs");
  const notes = repair ? yield* enterDataDirectory(dataDir, "verify --repair", encoder) : yield* lookAt(dataDir);
  const names = given.length === 0 ? sinkNames : given;
  const isThere = names.includes("parquet") && existingSinks(dataDir).includes("parquet");
  const parquet = isThere ? yield* openParquet(dataDir, encoder, repair ? "read-write" : "read-only") : undefined;
  return { parquet, names, notes };
});

const lookAt = Effect.fnUntraced(function* (
  dataDir: string,
): Effect.fn.Return<ReadonlyArray<string>, SinkError, Scope.Scope> {
  // Undefined where no run can be read from Parquet files: that is for the inspection to tell, and a database answers for itself.
  const version = yield* readSchemaVersion(dataDir);
  if (version !== undefined && version !== schemaVersion) {
    const detail = `${dataDir} has schema version ${version}, from an older segmeter.`;
    const hint = "A backfill, a nightly run or verify --repair brings it up to date.";
    return yield* sinkError("verify", "Foreign", detail, { hint });
  }
  return yield* lockDataDirectory(dataDir, "verify").pipe(
    Effect.as([]),
    Effect.catchIf(
      ({ reason }) => reason === "Unwritable",
      () => Effect.succeed(["the data directory cannot be written to, and so not be locked either."]),
    ),
  );
});
