/**
 * One writer: the lock on a data directory, and who holds it.
 *
 * The lock is the operating system's, on the file `.lock`, and belongs to the open file: it ends with the process, however that
 * ends, and no lock outlives a reboot. What is written in the file only tells people who has it.
 */
import { Instant, type SinkError, sinkError } from "@segmeter/domain";
import extensions from "fs-native-extensions";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import { type FileHandle, open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { attempt } from "./Attempt.ts";

const operation = "lock the data directory";

const Holder = Schema.Struct({
  pid: Schema.Int,
  host: Schema.String,
  /** Such as `nightly`. */
  command: Schema.String,
  /** ISO-8601, UTC, by the machine's clock. */
  since: Schema.String,
});
export type Holder = typeof Holder.Type;

const lockFile = (dataDir: string): string => join(resolve(dataDir), ".lock");

/**
 * Holds the directory until the scope closes. The directory must be there.
 * Errors: `Busy` when another process has it, which the detail names; by system code for the file.
 */
export const lockDataDirectory = Effect.fn("lockDataDirectory")(function* (
  dataDir: string,
  command: string,
): Effect.fn.Return<void, SinkError, Scope.Scope> {
  const path = lockFile(dataDir);
  const since = Instant.format(Instant.fromMillis(yield* Clock.currentTimeMillis));
  const holder: Holder = { pid: process.pid, host: hostname(), command, since };
  yield* Effect.acquireRelease(
    attempt(operation, () => acquire(path, resolve(dataDir), holder)),
    (handle) =>
      Effect.promise(async () => {
        // Before the lock goes: whoever waits for it then finds that the file is another one, and makes it anew.
        await rm(path, { force: true }).catch(() => {});
        await handle.close();
      }),
  );
});

const acquire = async (path: string, directory: string, holder: Holder): Promise<FileHandle> => {
  for (;;) {
    const handle = await open(path, "a+", 0o600);
    try {
      if (!extensions.tryLock(handle.fd)) throw busy(directory, living(await handle.readFile("utf8")));
      if (await isAt(handle, path)) {
        await handle.truncate();
        await handle.appendFile(`${JSON.stringify(holder)}\n`);
        return handle;
      }
    } catch (cause) {
      await handle.close();
      throw cause;
    }
    await handle.close();
  }
};

/** Whether the file that was opened is still the one at its path: the one who held it removes it. */
const isAt = async (handle: FileHandle, path: string): Promise<boolean> => {
  const [opened, there] = [await handle.stat(), await stat(path).catch(() => undefined)];
  return there?.ino === opened.ino && there.dev === opened.dev;
};

const busy = (directory: string, holder: Holder | undefined): SinkError =>
  sinkError(operation, "Busy", `${directory} is held by ${describe(holder)}.`);

const describe = (holder: Holder | undefined): string =>
  holder === undefined
    ? "another process"
    : `process ${holder.pid} on ${holder.host} (segmeter ${holder.command}), since ${holder.since}`;

/** Who holds the directory, in words, as far as can be seen without taking the lock; undefined when nobody does. */
export const holderOf = (dataDir: string): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    const holder = living(await readFile(lockFile(dataDir), "utf8").catch(() => ""));
    return holder === undefined ? undefined : describe(holder);
  });

/** Who is named, unless that process is gone: a killed one leaves its name until the next has written its own. */
const living = (text: string): Holder | undefined =>
  Option.getOrUndefined(
    Option.filter(
      Schema.decodeOption(Schema.fromJsonString(Holder))(text),
      ({ host, pid }) => host !== hostname() || isRunning(pid),
    ),
  );

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
