import { assert, describe, it } from "@effect/vitest";
import { Run } from "../src/index.ts";

const going: Run.Run = {
  runId: "r1",
  workspaceId: "w1",
  command: "backfill",
  arguments: { from: "2024-01", dataset: ["source-mtu"], dryRun: false },
  version: "0.1.0",
  started: 10,
};
const totals: Run.RunTotals = {
  captured: 1,
  skipped: 2,
  empty: 3,
  absent: 4,
  failed: 5,
  rows: 6,
  requests: 7,
  retries: 8,
  throttledMs: 9,
  revisions: 10,
};

describe("the row of a run", () => {
  const row = {
    run_id: "r1",
    command: "backfill",
    arguments: '{"from":"2024-01","dataset":["source-mtu"],"dryRun":false}',
    version: "0.1.0",
    started: 10,
  };

  it("has nulls while the run goes on", () =>
    assert.deepStrictEqual(Run.toRow(going), { ...row, ended: null, exit: null, totals: null }));

  it("says how it ended, an exit of 0 and an end at 0 included", () => {
    const ended = Run.toRow({ ...going, ended: { at: 0, exit: 0, totals } });
    assert.deepStrictEqual(ended, { ...row, ended: 0, exit: 0n, totals: JSON.stringify(totals) });
    assert.deepStrictEqual(JSON.parse(ended.totals ?? ""), totals);
    assert.strictEqual(Run.toRow({ ...going, ended: { at: 99, exit: 130, totals } }).exit, 130n);
  });
});
