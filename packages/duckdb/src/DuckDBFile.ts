/**
 * Opens a DuckDB database file, at most once per process: a second instance of one file in one process loses commits, so
 * openings to write share an instance through DuckDB's cache, and nothing opens to read what the process has open.
 *
 * Guarantees: only a file that is a DuckDB database of ours (or none yet) is opened, and nothing else is written to; a new
 * file is readable by its owner alone; after the scope ends there is no `.wal` beside the file, unless the disk was full;
 * nothing is ever downloaded.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { fromSystemError, type SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { chmod, mkdir, open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { connect, instanceSettings } from "./DuckDBConnection.ts";
import { fromDuckDB } from "./DuckDBFailure.ts";
import { listColumns, schemaStatements, strangeness } from "./DuckDBSchema.ts";

export type Access = "read-write" | "read-only";

/** The files that this process has open: how, and how often. */
const openings = new Map<string, { readonly access: Access; readonly times: number }>();

const count = (path: string, access: Access, by: number): void => {
  const times = (openings.get(resolve(path))?.times ?? 0) + by;
  if (times === 0) openings.delete(resolve(path));
  else openings.set(resolve(path), { access, times });
};

/**
 * The database at `path`. Read-write creates it, and its directory, where there is none, and brings tables and views up to
 * date. Memory: DuckDB's own, at most its `memory_limit` (80 % of the machine's).
 *
 * Errors: `Busy` (held by another process, which the detail names; can be retried), `Foreign` (no DuckDB database, or one that
 * holds something else), `Damaged`, `Unwritable`, `Full`; reading a file that is not there is `Broken`.
 */
export const openDuckDBFile = Effect.fn("openDuckDBFile")(function* (options: {
  readonly path: string;
  readonly access: Access;
}): Effect.fn.Return<DuckDBInstance, SinkError, Scope.Scope> {
  const { access, path } = options;
  const operation = `open ${path}`;
  const isNew = yield* inspect(operation, path, access);
  const failed = (cause: unknown) => fromDuckDB(operation, path, cause);
  const settings = { ...instanceSettings, access_mode: access === "read-only" ? "READ_ONLY" : "READ_WRITE" };
  const instance = yield* Effect.acquireRelease(
    Effect.tryPromise({
      // The cache waits, and busily, for an instance that was closed until the last of its results is collected. What only
      // reads has no commits to lose, and needs no cache.
      try: () =>
        access === "read-only" ? DuckDBInstance.create(path, settings) : DuckDBInstance.fromCache(path, settings),
      catch: failed,
    }).pipe(Effect.tap(() => Effect.sync(() => count(path, access, 1)))),
    (opened) =>
      Effect.sync(() => {
        // The last closing moves the log into the file. Should the disk be full, the next opening does.
        opened.closeSync();
        count(path, access, -1);
      }),
  );
  if (isNew) yield* fromSystem(operation, () => chmod(path, 0o600));
  yield* recognise(operation, path, instance);
  if (access === "read-write") yield* prepare(operation, path, instance);
  return instance;
});

/** Looks at the file before DuckDB does. Returns whether it is still to be made. */
const inspect = Effect.fnUntraced(function* (operation: string, path: string, access: Access) {
  if (path.includes("?")) {
    // DuckDB takes what follows for options, and puts the log's name before it.
    const hint = "Name another --data-dir.";
    return yield* sinkError(operation, "Unwritable", `DuckDB takes no path with a question mark: ${path}.`, { hint });
  }
  // To open and close the file here would drop DuckDB's lock on it: POSIX locks end with any handle of the process.
  const held = openings.get(resolve(path));
  if (held !== undefined) {
    if (access === "read-write" && held.access === "read-write") return false;
    return yield* sinkError(operation, "Busy", `${path} is held by process ${process.pid} (this one).`);
  }
  const found = yield* fromSystem(operation, () => stat(path).catch(absent));
  if (found === undefined) {
    if (access === "read-only") {
      const hint = "Capture something first, or name another --data-dir.";
      return yield* sinkError(operation, "Broken", `There is no database at ${path}.`, { hint });
    }
    yield* fromSystem(operation, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
    return true;
  }
  if (found.isDirectory()) return yield* sinkError(operation, "Foreign", `${path} is a directory.`);
  if (found.size === 0) return yield* sinkError(operation, "Damaged", `${path} is an empty file.`);
  const head = yield* fromSystem(operation, () => readHead(path, access === "read-only" ? "r" : "r+"));
  // Eight bytes of checksum, then the mark.
  if (head.toString("latin1", 8, 12) !== "DUCK") {
    return yield* sinkError(operation, "Foreign", `${path} is not a DuckDB database.`);
  }
  return false;
});

/** Opened with the flags that DuckDB will use, so that a missing permission shows as the system's own code. */
const readHead = async (path: string, flags: string): Promise<Buffer> => {
  await using file = await open(path, flags);
  const head = Buffer.alloc(12);
  await file.read(head, 0, head.length, 0);
  return head;
};

const absent = (cause: NodeJS.ErrnoException): undefined => {
  if (cause.code !== "ENOENT") throw cause;
};

const recognise = (operation: string, path: string, instance: DuckDBInstance): Effect.Effect<void, SinkError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const failed = (cause: unknown) => fromDuckDB(operation, path, cause);
      const connection = yield* connect(instance, failed);
      const result = yield* Effect.tryPromise({ try: () => connection.run(listColumns), catch: failed });
      const found = yield* Effect.tryPromise({ try: () => result.getRowsJS(), catch: failed });
      const strange = strangeness(new Map(found.map(([name, columns]) => [String(name), String(columns)])));
      if (strange !== undefined) {
        return yield* sinkError(operation, "Foreign", `${path} was not made by segmeter: ${strange}.`);
      }
    }),
  );

/** Tables, comments and views, all or none of them. */
const prepare = (operation: string, path: string, instance: DuckDBInstance): Effect.Effect<void, SinkError> => {
  const failed = (cause: unknown) => fromDuckDB(operation, path, cause);
  return connect(instance, failed).pipe(
    Effect.flatMap((connection) =>
      Effect.tryPromise({
        try: () => connection.run(["BEGIN", ...schemaStatements(), "COMMIT"].join(";\n")),
        catch: failed,
      }),
    ),
    Effect.scoped,
    Effect.asVoid,
  );
};

const fromSystem = <A>(operation: string, call: () => Promise<A>): Effect.Effect<A, SinkError> =>
  Effect.tryPromise({ try: call, catch: (cause) => fromSystemError(operation, cause) });
