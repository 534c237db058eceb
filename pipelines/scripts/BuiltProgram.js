/**
 * Where the built program lies, and whether it still is what the sources say.
 *
 * In JavaScript, as `segmeter.js`: to strip the types of one small file takes Node longer than to start.
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");
export const sourceEntry = resolve(root, "pipelines/src/main.ts");
/** The thread that `SinkThread.ts` starts. */
export const threadEntry = resolve(root, "pipelines/src/SinkThreadMain.ts");
/** The tests' own: many commands in one process. */
export const sessionEntry = resolve(root, "pipelines/test/SessionMain.ts");
export const bundleDirectory = resolve(root, "pipelines/bundle");
export const bundledEntry = resolve(bundleDirectory, "main.js");

/** What the program was built from: a JSON object of paths and what `stampOf` said of each. Written last. */
const stampsFile = resolve(bundleDirectory, "stamps.json");

/** To be taken before the build: what changes meanwhile is then no part of it. */
export const stampInputs = (paths) => {
  const stamps = Object.fromEntries(paths.map((path) => [path, stampOf(path)]));
  return { write: () => writeFileSync(stampsFile, JSON.stringify(stamps)) };
};

const stampOf = (path) => {
  const found = statSync(resolve(root, path), { throwIfNoEntry: false });
  return found && `${found.mtimeMs} ${found.size}`;
};

/** Whether the bundle is there, and all that it was built from is as it was then. */
export const isBundleFresh = () => {
  try {
    return Object.entries(JSON.parse(readFileSync(stampsFile, "utf8"))).every(
      ([path, stamp]) => stampOf(path) === stamp,
    );
  } catch (error) {
    if (error.code === "ENOENT" || error instanceof SyntaxError) return false;
    throw error;
  }
};
