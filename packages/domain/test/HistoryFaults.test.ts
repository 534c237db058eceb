import { assert, describe, it } from "@effect/vitest";
import * as Option from "effect/Option";
import { type Capture, historyFaults, type Revision, UsageMonth, type UsageRow } from "../src/index.ts";

const month = Option.getOrThrow(UsageMonth.parse("2024-01"));
const at = (time: number): number => 1_706_745_600_000_000 + time;

const capture = (time: number, more: Partial<Capture.Capture> = {}): Capture.Capture => ({
  captureId: `capture-${time}`,
  runId: "run-1",
  partition: { workspaceId: "w", dataset: "source-api-calls", month },
  state: "open",
  outcome: "captured",
  rows: 1,
  pages: 1,
  requests: 1,
  retries: 0,
  warnings: [],
  capturedAt: at(time),
  ...more,
});

const row = (observed: number, day = 19_723, source = "a"): UsageRow => ({
  day,
  source_id: source,
  api_calls: BigInt(observed),
  snapshot_at: 1,
  observed_at: at(observed),
});

const revision = (observed: number, superseded: number, day = 19_723): Revision => ({
  ...row(observed, day),
  superseded_at: at(superseded),
});

const ledger = [1, 2, 3, 4, 5].map((time) => capture(time));

/** What is found in a partition captured at 5. */
const faults = (
  rows: ReadonlyArray<UsageRow>,
  revisions: ReadonlyArray<Revision>,
  captures: ReadonlyArray<Capture.Capture> | undefined = ledger,
): ReadonlyArray<string> => historyFaults({ capture: capture(5), rows, revisions }, captures);

describe("nothing is wrong with", () => {
  it.each([
    ["nothing at all", [], []],
    ["rows that were never corrected", [row(1), row(5, 19_724), row(3, 19_723, "b")], []],
    ["versions that follow each other", [row(4)], [revision(1, 2), revision(2, 4)]],
    ["versions in any order", [row(4)], [revision(2, 4), revision(1, 2)]],
    ["a version withdrawn, and a later one", [row(5)], [revision(1, 2), revision(3, 4)]],
    ["a row that is gone", [], [revision(1, 5)]],
    ["versions of other keys at the same time", [row(1), row(1, 19_725)], [revision(1, 3, 19_724)]],
  ])("%s", (_, rows, revisions) => assert.deepStrictEqual(faults(rows, revisions), []));

  it("the held capture, which the ledger may lack", () =>
    assert.deepStrictEqual(faults([row(5)], [revision(1, 5)], ledger.slice(0, 4)), []));

  it("instants of unknown captures while the ledger is not known", () => {
    const history = { capture: capture(5), rows: [row(2)], revisions: [revision(1, 2)] };
    assert.deepStrictEqual(historyFaults(history, undefined), []);
  });
});

describe("told by name:", () => {
  const wrong: ReadonlyArray<[RegExp, ReadonlyArray<UsageRow>, ReadonlyArray<Revision>]> = [
    [/^A revision was superseded before it was observed: /, [], [revision(3, 2)]],
    [/^A revision was superseded before it was observed: /, [], [revision(3, 3)]],
    [/^A revision was superseded after the held capture of 2024-02-01T00:00:00.000005Z: /, [], [revision(1, 6)]],
    [/^A revision was observed while another version stood: /, [], [revision(1, 3), revision(2, 4)]],
    [/^A revision was observed while another version stood: /, [], [revision(1, 2), revision(1, 2)]],
    [/^A revision was observed while another version stood: /, [], [revision(3, 5), revision(1, 4)]],
    [/^A revision was observed while another version stood: /, [], [revision(1, 5), revision(2, 3), revision(4, 5)]],
    [/^A row was observed while an earlier version stood: /, [row(2)], [revision(1, 3)]],
    [/^A row was observed after the held capture of 2024-02-01T00:00:00.000005Z: /, [row(6)], []],
  ];
  it.each(wrong)("%s", (expected, rows, revisions) => {
    const known = [...ledger, capture(6)];
    const found = faults(rows, revisions, known);
    assert.lengthOf(found, 1);
    assert.match(found[0]!, expected);
  });

  it("instants of no capture", () => {
    const known = [capture(2), capture(4), capture(5)];
    assert.deepStrictEqual(faults([row(4, 19_723)], [revision(1, 3)], known), [
      "A revision was observed by no capture in the ledger: 2024-01-01 of source a, " +
        "observed 2024-02-01T00:00:00.000001Z, superseded 2024-02-01T00:00:00.000003Z.",
      "A revision was superseded by no capture in the ledger: 2024-01-01 of source a, " +
        "observed 2024-02-01T00:00:00.000001Z, superseded 2024-02-01T00:00:00.000003Z.",
    ]);
    assert.match(faults([row(1)], [], known)[0]!, /^A row was observed by no capture in the ledger: /);
  });

  it.each([
    ["a failed one", { outcome: "failed" as const }],
    ["one of another month", { partition: { ...capture(1).partition, month: UsageMonth.plus(month, 1) } }],
    ["one of another dataset", { partition: { ...capture(1).partition, dataset: "source-mtu" as const } }],
    ["one of another workspace", { partition: { ...capture(1).partition, workspaceId: "other" } }],
  ])("an instant of %s", (_, more) => assert.lengthOf(faults([row(1)], [], [capture(1, more), capture(5)]), 1));

  it("every version under one that stood long, not only the next", () => {
    const [found] = faults([], [revision(1, 5), revision(2, 3), revision(4, 5)]);
    assert.match(found!, /and 1 more\.$/);
  });

  it("once for each rule, with the number of rows that break it", () => {
    const rows = [row(6, 19_723), row(6, 19_724), row(6, 19_725)];
    assert.deepStrictEqual(faults(rows, [], [...ledger, capture(6)]), [
      "A row was observed after the held capture of 2024-02-01T00:00:00.000005Z: 2024-01-01 of source a, " +
        "observed 2024-02-01T00:00:00.000006Z, and 2 more.",
    ]);
  });
});
