/**
 * How a file comes to be there: written beside its target, checked, made durable, then renamed. A reader sees the old file or
 * the new one, whole; a process that is killed leaves at most a temporary file, which the next run sweeps away.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { columnsOf, type EncodeRequest, type Encoder, type SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { attempt } from "./Attempt.ts";
import { checkFile } from "./ParquetCheck.ts";
import { fileName, listBelow, parquetDirectory } from "./ParquetLayout.ts";

export interface StagedFile {
  /** Puts the file in its place, over the one that may be there, and makes that durable. Cannot be interrupted half-way. */
  readonly commit: Effect.Effect<void, SinkError>;
  /** Leaves the file beside its place when the scope closes, for the next run to find. */
  readonly leave: Effect.Effect<void>;
}

/**
 * Writes a file beside `request.path` and checks it. Nothing is visible until `commit`; when the scope closes without it,
 * whether by failure or by interruption, the file is removed.
 * Errors: those of the encoder and of the check; `Unwritable` or `Full` for the disk.
 */
export const stageFile = Effect.fn("ParquetFile.stageFile")(function* (
  encoder: Encoder,
  request: EncodeRequest,
): Effect.fn.Return<StagedFile, SinkError, Scope.Scope> {
  const { path } = request;
  const directory = dirname(path);
  const operation = `write ${path}`;
  yield* attempt(operation, () => makeDirectory(directory));
  const temporary = join(directory, temporaryName(basename(path)));
  let isToStay = false;
  const remove = Effect.ignore(attempt(operation, () => rm(temporary, { force: true })));
  yield* Effect.addFinalizer(() => Effect.suspend(() => (isToStay ? Effect.void : remove)));
  const rows = yield* attempt(operation, async () => columnsOf(request.table, request.rows));
  const staged = { ...request, rows, path: temporary };
  yield* encoder.encode(staged);
  yield* attempt(operation, () => chmod(temporary, 0o600));
  yield* checkFile(staged);
  return {
    commit: Effect.uninterruptible(
      attempt(operation, async () => {
        await rename(temporary, path);
        isToStay = true;
        await syncDirectory(directory);
      }),
    ),
    leave: Effect.sync(() => {
      isToStay = true;
    }),
  };
});

/** Writes, checks and puts in place. */
export const publishFile = (encoder: Encoder, request: EncodeRequest): Effect.Effect<void, SinkError> =>
  Effect.scoped(Effect.flatMap(stageFile(encoder, request), (staged) => staged.commit));

/** For this user alone, as everything in the data directory. */
export const makeDirectory = async (directory: string): Promise<void> => {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // A new directory lasts once the one that lists it is on disk.
  for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
};

/** Makes what was renamed or removed in the directory last. */
export const syncDirectory = async (directory: string): Promise<void> => {
  // Windows has no handle on a directory to do this with.
  if (process.platform === "win32") return;
  await using handle = await open(directory, "r");
  await handle.sync();
};

/** A name beside `name` that is swept away when this process is gone. */
export const temporaryName = (name: string): string => `.${name}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`;

// With tmp_ before it: what DuckDB makes of the name while it writes there.
const temporaryPattern = new RegExp(String.raw`^(?:tmp_)?\.${fileName.replace(".", "\\.")}\.(\d+)\.[0-9a-f]{12}\.tmp$`);

/**
 * Paths of the temporary files. To be called before anything is written, by the one run that holds the data directory: then they
 * are left behind, whatever process may have by now the id that is in their names.
 */
export const leftoversIn = Effect.fn("ParquetFile.leftoversIn")(function* (dataDir: string) {
  const root = parquetDirectory(dataDir);
  return (yield* listBelow(root)).filter((name) => isTemporary(basename(name))).map((name) => join(root, name));
});

export const removeLeftover = (path: string): Effect.Effect<void, SinkError> =>
  attempt(`remove ${path}`, () => rm(path, { force: true }));

/** Whether a file of this name is, to one who holds no lock, a temporary one that nobody writes any more. */
export const isLeftover = (name: string): boolean => {
  const owner = temporaryPattern.exec(name)?.[1];
  return owner !== undefined && (Number(owner) === process.pid || !isRunning(Number(owner)));
};

/** Whether it is the name of a temporary file at all. */
export const isTemporary = (name: string): boolean => temporaryPattern.test(name);

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
