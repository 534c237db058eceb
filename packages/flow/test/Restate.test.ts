import { assert, describe, it } from "@effect/vitest";
import { byKey, type DatasetName, type UsageRow } from "@segmeter/domain";
import { differenceOf, restatementOf } from "../src/Restate.ts";
import {
  january,
  partition,
  periodStart,
  sourceCalls,
  sourceMtu,
  workspaceCalls,
  workspaceMtu,
  reviseRows,
} from "./Setting.ts";

const restated = (dataset: DatasetName, held: ReadonlyArray<UsageRow>, fetched: ReadonlyArray<UsageRow>) => {
  const before = held.toSorted(byKey);
  const { rows, superseded } = reviseRows(before, fetched.toSorted(byKey), 2);
  return restatementOf(partition(dataset), before, rows, superseded);
};

describe("a restatement", () => {
  it("is none where rows only came, or nothing changed", () => {
    const held = [1, 2].map((day) => workspaceMtu(day));
    assert.isUndefined(restated("workspace-mtu", [], held));
    assert.isUndefined(restated("workspace-mtu", held, held));
    assert.isUndefined(restated("workspace-mtu", held, [...held, workspaceMtu(3)]));
  });

  it("tells the figure of the last day that was held, then and now: what came since is growth", () => {
    const held = [1, 2].map((day) => workspaceMtu(day));
    const fetched = [workspaceMtu(1), workspaceMtu(2, { identified: 9n }), workspaceMtu(3, { identified: 1_000n })];
    assert.deepStrictEqual(restated("workspace-mtu", held, fetched), {
      partition: partition("workspace-mtu"),
      measure: "mtu",
      corrected: 1,
      withdrawn: 0,
      // MTU: identified and never identified.
      changes: [{ sourceId: undefined, day: january(2), before: 22n, after: 21n }],
    });
  });

  it("tells no change of a figure where an earlier day was corrected, or a part that is not billed", () => {
    const held = [1, 2].map((day) => workspaceMtu(day));
    const changes = [workspaceMtu(1, { identified: 9n }), workspaceMtu(2, { anonymous: 1n })];
    assert.deepStrictEqual(restated("workspace-mtu", held, changes), {
      partition: partition("workspace-mtu"),
      measure: "mtu",
      corrected: 2,
      withdrawn: 0,
      changes: [],
    });
  });

  it("counts rows that are gone, and tells what they said", () => {
    const held = [1, 2].map((day) => workspaceCalls(day));
    assert.deepStrictEqual(restated("workspace-api-calls", held, [workspaceCalls(1)]), {
      partition: partition("workspace-api-calls"),
      measure: "api-calls",
      corrected: 0,
      withdrawn: 1,
      changes: [{ sourceId: undefined, day: january(2), before: 200n, after: undefined }],
    });
    const all = restated("workspace-api-calls", held, [])!;
    assert.deepStrictEqual([all.corrected, all.withdrawn, all.changes.length], [0, 2, 1]);
  });

  it("tells sources apart, the largest change first, up or down", () => {
    const held = ["a", "b", "c", "d", "e"].flatMap((source) => [sourceCalls(source, 1), sourceCalls(source, 2)]);
    const fetched = [
      ...held.filter((row) => "source_id" in row && row.source_id !== "d" && row.day !== january(2)),
      sourceCalls("a", 2, { api_calls: 210n }),
      sourceCalls("b", 2, { api_calls: 150n }),
      sourceCalls("c", 2, { api_calls: 200n + 2n ** 60n }),
      sourceCalls("e", 2),
    ];
    const { changes, corrected, withdrawn } = restated("source-api-calls", held, fetched)!;
    assert.deepStrictEqual([corrected, withdrawn], [3, 2]);
    assert.deepStrictEqual(
      changes.map((change) => [change.sourceId, differenceOf(change)]),
      [
        ["c", 2n ** 60n],
        ["d", -200n],
        ["b", -50n],
        ["a", 10n],
      ],
    );
  });

  it("tells the periods of a month apart", () => {
    const later = { period_start: periodStart + 1 };
    const held = [sourceMtu("a", 1), sourceMtu("a", 2, later)];
    const fetched = [sourceMtu("a", 1, { identified: 6n }), sourceMtu("a", 2, { ...later, identified: 100n })];
    const { changes } = restated("source-mtu", held, fetched)!;
    assert.deepStrictEqual(
      changes.map(({ day }) => day),
      [january(2), january(1)],
    );
  });
});
