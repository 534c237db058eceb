/**
 * The files that this process has open, and the look at a file before DuckDB has it.
 *
 * Guarantees: a file that the process has open is not touched: POSIX locks end with any handle of the process, and DuckDB's would.
 */
import { fromSystemError, type SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

export type Access = "read-write" | "read-only";

/** The files that this process has open: how, and how often. */
const openings = new Map<string, { readonly access: Access; readonly times: number }>();

/** Counts one opening more (1) or less (−1). */
export const countOpening = (path: string, access: Access, by: 1 | -1): void => {
  const times = (openings.get(resolve(path))?.times ?? 0) + by;
  if (times === 0) openings.delete(resolve(path));
  else openings.set(resolve(path), { access, times });
};

/**
 * Looks at the file before DuckDB does. Returns whether it is still to be made; its directory is then.
 * Errors: `Busy`, `Foreign`, `Damaged`, `Unwritable`; `Broken` for a file that is to be read and is not there.
 */
export const lookAt = Effect.fnUntraced(function* (operation: string, path: string, access: Access) {
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

const fromSystem = <A>(operation: string, call: () => Promise<A>): Effect.Effect<A, SinkError> =>
  Effect.tryPromise({ try: call, catch: (cause) => fromSystemError(operation, cause) });
