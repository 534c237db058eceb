/**
 * The DuckDB file as a file: put aside, replaced by one that was made beside it, swept.
 */
import type { SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { absent, attempt } from "./Attempt.ts";

const name = "segmeter.duckdb";

/** DuckDB's log lies beside the database; one that belongs to another file would be replayed into it. */
const parts = ["", ".wal"];

/** The database of a rebuild is itself made beside its name. */
const temporaryPattern = /^segmeter\.duckdb(?:\.[0-9a-f]{12}\.tmp){1,2}(?:\.wal)?$/;

/** Whether a file of this name is a database that was still being made. */
export const isTemporaryDatabase = (fileName: string): boolean => temporaryPattern.test(fileName);

/** A name for a database that is still being made. */
export const temporaryDatabase = (dataDir: string): string =>
  join(resolve(dataDir), `${name}.${randomBytes(6).toString("hex")}.tmp`);

/** Moves the database, and its log, to `damaged`. Returns where to. */
export const putDatabaseAside = (dataDir: string, stamp: string): Effect.Effect<string, SinkError> =>
  attempt(`put ${name} aside`, async () => {
    const directory = join(resolve(dataDir), "damaged");
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const target = join(directory, `${stamp.replaceAll(":", "")}-${name}`);
    for (const part of parts) await rename(join(resolve(dataDir), name + part), target + part).catch(absent);
    return target;
  });

/** Puts a finished database, closed, in the place of the one that may be there. */
export const publishDatabase = (dataDir: string, temporary: string): Effect.Effect<void, SinkError> =>
  attempt(`replace ${name}`, async () => {
    {
      await using file = await open(temporary, "r+");
      await file.sync();
    }
    await rm(join(resolve(dataDir), `${name}.wal`), { force: true });
    await rename(temporary, join(resolve(dataDir), name));
    await using directory = await open(resolve(dataDir), "r");
    await directory.sync();
  });

/** Databases that a killed process was making. To be called by the one process that holds the directory. */
export const databaseLeftovers = (dataDir: string): Effect.Effect<ReadonlyArray<string>, SinkError> =>
  attempt("list leftovers", async () => {
    const names = (await readdir(resolve(dataDir)).catch(absent)) ?? [];
    return names.filter(isTemporaryDatabase).map((one) => join(resolve(dataDir), one));
  });

export const sweepDatabaseLeftovers = Effect.fn("sweepDatabaseLeftovers")(function* (dataDir: string) {
  const paths = yield* databaseLeftovers(dataDir);
  yield* Effect.forEach(paths, (path) => attempt(`remove ${path}`, () => rm(path, { force: true })));
});
