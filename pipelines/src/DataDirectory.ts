/**
 * The data directory: made if it is missing, and refused if it is somebody else's.
 */
import { fromSystemError, SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { access, constants, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { absent } from "./Attempt.ts";
import { isTemporaryDatabase } from "./DatabaseFiles.ts";

const operation = "open the data directory";

/** What a data directory may hold; other things beside none of these belong to somebody else. */
const ours = ["parquet", "rejects", "segmeter.duckdb"];

/** Readable for this user alone. Errors: `Unwritable`, `Foreign`. */
export const prepareDataDirectory = (dataDir: string): Effect.Effect<void, SinkError> =>
  Effect.tryPromise({
    try: async () => {
      const path = resolve(dataDir);
      await make(path);
      await access(path, constants.W_OK | constants.X_OK);
      // A first run that was killed may have left no more than a database that it was making.
      const entries = (await readdir(path)).filter(
        (name) => !name.startsWith(".") && name !== "lost+found" && !isTemporaryDatabase(name),
      );
      if (entries.length > 0 && !entries.some((name) => ours.includes(name))) {
        throw sinkError(operation, "Foreign", `${path} holds other files, and none of segmeter's.`, {
          hint: "Choose a new or empty directory with --data-dir.",
        });
      }
    },
    catch: (cause) => (cause instanceof SinkError ? cause : fromSystemError(operation, cause)),
  });

/**
 * Level by level, for Node's own `recursive` never ends on a file system that takes no directories, such as /proc. What is there
 * keeps its mode.
 */
const make = async (path: string): Promise<void> => {
  const found = await stat(path).catch(absent);
  if (found?.isDirectory()) return;
  if (found !== undefined) throw sinkError(operation, "Unwritable", `${path} is a file, not a directory.`);
  await make(dirname(path));
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    // Two runs may begin at once.
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return afresh(path);
    const { hint, reason } = fromSystemError(operation, cause);
    const detail = `${path} can't be made (${(cause as NodeJS.ErrnoException).code}).`;
    if (reason === "Broken") throw sinkError(operation, "Unwritable", detail, { cause });
    throw sinkError(operation, reason, detail, { hint, cause });
  }
};

/** What was in the way is the directory itself, made by another; or a link that leads nowhere. */
const afresh = async (path: string): Promise<void> => {
  if ((await stat(path).catch(absent)) !== undefined) return;
  throw sinkError(operation, "Unwritable", `${path} is a link to what is not there.`);
};
