/** That the benchmarks run, and tell what they promise to tell; how fast, only a whole run on a quiet machine says. */
import { assert, describe, it } from "@effect/vitest";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

describe("pnpm bench", () => {
  it("makes a table of what was measured and promised", () => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [resolve(import.meta.dirname, "bench.ts"), "--quick", "--only", "startUp,encoders,nightly"],
      { encoding: "utf8" },
    );
    assert.include([0, 1], status, stderr);
    assert.match(stdout, /\| (\*\*broken:\*\* )?Start-up: segmeter --help, times node -e 0 \| \d+\.\d\d × \| ≤ 4 × \|/);
    for (const name of ["parquetjs-lite", "DuckDB", "hyparquet-writer"]) assert.include(stdout, `Encoder ${name}`);
    assert.match(stdout, /\| A nightly run with nothing new: calls more than the fewest possible \| 0 \| ≤ 0 \|/);
  });
});
