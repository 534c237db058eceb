/**
 * The revisions that a capture is about to replace, kept until it is known whether it did: usage file and revisions file are two,
 * and can only be renamed one after the other.
 *
 * The copy is named after what is to be committed, the fingerprint of the new usage file. While it lies there, the usage file
 * says what stands: when it is that one the new revisions do, and else the copy goes back. So a process may be killed at any
 * point, and a failed rename can be undone on a disk that is full.
 */
import { existsSync } from "node:fs";
import { copyFile, link, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { attempt, orMissing } from "./Attempt.ts";
import { syncDirectory, temporaryName } from "./ParquetFile.ts";
import { fileName } from "./ParquetLayout.ts";

const nameFor = (fingerprint: string): string => `.${fileName}.${fingerprint.slice(0, 32)}.previous`;

/** Whether a file of this name is such a copy. */
export const isPrevious = (name: string): boolean => previousPattern.test(name);

const previousPattern = new RegExp(String.raw`^\.${fileName.replace(".", "\\.")}\.[0-9a-f]{32}\.previous$`);

/** Paths of the copies of the revisions file at `path`; none without its directory. */
export const previousOf = (path: string): Effect.Effect<ReadonlyArray<string>, SinkError> =>
  orMissing(
    attempt(`list ${dirname(path)}`, () => readdir(dirname(path))),
    [],
  ).pipe(Effect.map((names) => names.filter(isPrevious).map((name) => join(dirname(path), name))));

/**
 * Keeps the revisions file at `path`, or the fact that there is none: an empty copy. Its directory has to be there, and no copy in
 * it. `fingerprint`: of the usage file that is about to be put in place.
 */
export const keepPrevious = (path: string, fingerprint: string): Effect.Effect<string, SinkError> =>
  attempt(`keep ${path}`, async () => {
    const copy = join(dirname(path), nameFor(fingerprint));
    await keep(path, copy);
    await syncDirectory(dirname(path));
    return copy;
  });

const keep = async (path: string, copy: string): Promise<void> => {
  if (!existsSync(path)) return (await open(copy, "wx", 0o600)).close();
  try {
    await link(path, copy);
  } catch {
    await copyInto(path, copy);
  }
};

/** For file systems without links. Whole or not at all: half a copy would be put back as if it were one. */
const copyInto = async (path: string, copy: string): Promise<void> => {
  const temporary = join(dirname(path), temporaryName(fileName));
  await copyFile(path, temporary);
  await using handle = await open(temporary, "r+");
  await handle.sync();
  await rename(temporary, copy);
};

/**
 * Puts the copy back unless `held`, the fingerprint of the usage file that is there, is the one it was kept for; then it goes.
 * Returns whether it was put back.
 */
export const settlePrevious = (copy: string, held: string | undefined): Effect.Effect<boolean, SinkError> =>
  attempt(`settle ${copy}`, async () => {
    const path = join(dirname(copy), fileName);
    const isPending = held === undefined || basename(copy) !== nameFor(held);
    if (isPending) {
      if ((await stat(copy)).size === 0) await rm(path, { force: true });
      else await rename(copy, path);
      await syncDirectory(dirname(copy));
    }
    // Of two names of one file a rename takes away neither.
    await rm(copy, { force: true });
    await syncDirectory(dirname(copy));
    return isPending;
  });
