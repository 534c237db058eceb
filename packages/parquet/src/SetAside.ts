/**
 * Takes a file out of the tree of tables without losing it: `damaged/` in the data directory has the same tree, where nothing
 * reads it.
 */
import { randomBytes } from "node:crypto";
import { rename } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { Instant, now } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { attempt } from "./Attempt.ts";
import { makeDirectory, syncDirectory } from "./ParquetFile.ts";
import { parquetDirectory } from "./ParquetLayout.ts";

/** Moves the file; says where to in a sentence. */
export const setAside = Effect.fn("SetAside.setAside")(function* (dataDir: string, path: string) {
  const directory = join(dataDir, "damaged", relative(parquetDirectory(dataDir), dirname(path)));
  // Without colons, which not every file system takes, and with a part that no other file has.
  const stamp = Instant.format(yield* now).replaceAll(/[-:.]/g, "");
  const target = join(directory, `${stamp}-${randomBytes(3).toString("hex")}-${basename(path)}`);
  yield* attempt(`move ${path}`, async () => {
    await makeDirectory(directory);
    await rename(path, target);
    await syncDirectory(directory);
    await syncDirectory(dirname(path));
  });
  return `Moved ${path} to ${target}.`;
});
