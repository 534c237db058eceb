import { defineConfig } from "vitest/config";
import LongestFirst from "./LongestFirst.ts";
import SummaryReporter from "./SummaryReporter.ts";

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["packages/*/test/**/*.test.ts", "pipelines/test/**/*.test.ts", "test/**/*.test.ts"],
    reporters: ["default", ["json", { outputFile: "test/results.json" }], new SummaryReporter()],
    sequence: { sequencer: LongestFirst },
    // The default leaves one core to itself.
    maxWorkers: "100%",
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
