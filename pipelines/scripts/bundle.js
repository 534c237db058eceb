/**
 * Builds the program: sources and libraries in JavaScript in some thirty files, which start several times faster than eight
 * hundred do. What has native code stays outside; so does parquetjs-lite, which no command needs at its start.
 */
import { globSync } from "node:fs";
import { rolldown } from "rolldown";
import undici from "undici";
import {
  bundleDirectory,
  isBundleFresh,
  root,
  sessionEntry,
  sourceEntry,
  stampInputs,
  threadEntry,
} from "./BuiltProgram.js";

/** Directories tell of files that came or went; the lock file tells of other libraries. */
const inputs = [
  "{packages/*,pipelines}/{src,scripts,package.json}",
  "{packages/*,pipelines}/{src,scripts}/**",
  "pipelines/test/SessionMain.ts",
  "pnpm-lock.yaml",
];

/** `export * from "undici"`, as platform-node has it, names nothing to a bundler: undici is CommonJS. */
const namesOfUndici = {
  name: "names-of-undici",
  transform: {
    filter: { id: /@effect\/platform-node\/.*\/Undici\.js$/ },
    handler: () =>
      `import undici from "undici"; export default undici; export const { ${Object.keys(undici)} } = undici;`,
  },
};

if (!isBundleFresh()) {
  const stamps = stampInputs(globSync(inputs, { cwd: root }));
  const bundle = await rolldown({
    // Of the same pieces, so that the tests run what a user runs.
    input: { main: sourceEntry, sinkThread: threadEntry, session: sessionEntry },
    platform: "node",
    external: ["@duckdb/node-bindings", "fs-native-extensions", "parquetjs-lite"],
    plugins: [namesOfUndici],
  });
  // What is there already stays: a run that goes on meanwhile may not have loaded all of it yet.
  // A start reads all of it, and what is not ASCII takes twice the memory, and longer.
  await bundle.write({ dir: bundleDirectory, format: "esm", comments: false, charset: "ascii" });
  stamps.write();
}
