/**
 * Builds the program: sources and libraries in JavaScript in some thirty files, which start several times faster than eight
 * hundred do. What has native code stays outside; so do parquetjs-lite, which no command needs at its start, and undici, whose
 * names a bundler can't see through CommonJS.
 */
import { globSync } from "node:fs";
import { rolldown } from "rolldown";
import { bundleDirectory, isBundleFresh, root, sourceEntry, stampInputs, threadEntry } from "./BuiltProgram.js";

/** Directories tell of files that came or went; the lock file tells of other libraries. */
const inputs = [
  "{packages/*,pipelines}/{src,scripts,package.json}",
  "{packages/*,pipelines}/{src,scripts}/**",
  "pnpm-lock.yaml",
];

if (!isBundleFresh()) {
  const stamps = stampInputs(globSync(inputs, { cwd: root }));
  const bundle = await rolldown({
    input: { main: sourceEntry, sinkThread: threadEntry },
    platform: "node",
    external: ["@duckdb/node-api", "fs-native-extensions", "parquetjs-lite", "undici"],
  });
  // What is there already stays: a run that goes on meanwhile may not have loaded all of it yet.
  await bundle.write({ dir: bundleDirectory, format: "esm" });
  stamps.write();
}
