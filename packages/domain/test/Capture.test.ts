import { assert, describe, it } from "@effect/vitest";
import * as Option from "effect/Option";
import * as FastCheck from "fast-check";
import { Capture, datasetNames, Instant, Partition, UsageMonth } from "../src/index.ts";

const month = Option.getOrThrow(UsageMonth.parse("2024-01"));
const partition: Partition.Partition = { workspaceId: "w1", dataset: "source-mtu", month };

const example: Capture.Capture = {
  captureId: "c1",
  runId: "r1",
  partition,
  state: "open",
  outcome: "captured",
  rows: 12,
  pages: 2,
  requests: 5,
  retries: 1,
  warnings: [{ gate: "missing-day", message: 'no "2024-01-05"' }],
  capturedAt: 1_706_745_600_123_456,
};

const anyCapture: FastCheck.Arbitrary<Capture.Capture> = FastCheck.record({
  captureId: FastCheck.string(),
  runId: FastCheck.string(),
  partition: FastCheck.record({
    workspaceId: FastCheck.string(),
    dataset: FastCheck.constantFrom(...datasetNames),
    month: FastCheck.integer({ min: -300, max: 300 }).map((by) => UsageMonth.plus(month, by)),
  }),
  state: FastCheck.constantFrom("open", "settled"),
  outcome: FastCheck.constantFrom("captured", "empty", "absent", "forbidden", "failed"),
  rows: FastCheck.maxSafeNat(),
  pages: FastCheck.maxSafeNat(),
  requests: FastCheck.maxSafeNat(),
  retries: FastCheck.maxSafeNat(),
  warnings: FastCheck.array(
    FastCheck.record(
      {
        gate: FastCheck.string({ unit: "grapheme" }),
        message: FastCheck.string({ unit: "grapheme" }),
      },
      { noNullPrototype: true },
    ),
  ),
  capturedAt: FastCheck.maxSafeNat(),
});

describe("the ledger row", () => {
  it("is as the table has it", () =>
    assert.deepStrictEqual(Capture.toRow(example), {
      capture_id: "c1",
      dataset: "source-mtu",
      state: "open",
      outcome: "captured",
      rows: 12n,
      pages: 2n,
      requests: 5n,
      retries: 1n,
      warnings: '[{"gate":"missing-day","message":"no \\"2024-01-05\\""}]',
      captured_at: 1_706_745_600_123_456,
      run_id: "r1",
    }));

  it("gives the capture back", () =>
    FastCheck.assert(
      FastCheck.property(anyCapture, (capture) => {
        const { month: of, workspaceId } = capture.partition;
        assert.deepEqual(
          Capture.fromRow(workspaceId, UsageMonth.toPeriod(of), Capture.toRow(capture)),
          Option.some(capture),
        );
      }),
    ));

  const row = Capture.toRow(example);
  it.each([
    ["an unknown dataset", { ...row, dataset: "mtu" }],
    ["an unknown state", { ...row, state: "closed" }],
    ["an unknown outcome", { ...row, outcome: "lost" }],
    ["warnings that are no JSON", { ...row, warnings: "" }],
    ["warnings that are no list", { ...row, warnings: "null" }],
    ["warnings of another shape", { ...row, warnings: '["text"]' }],
    ["a warning without its gate", { ...row, warnings: '[{"message":"text"}]' }],
  ])("is refused with %s", (_, changed) => assert.isTrue(Option.isNone(Capture.fromRow("w1", "2024-01-01", changed))));

  it.each(["2024-01", "2024-01-02", "", "2024-13-01"])("is refused under the period %j", (period) =>
    assert.isTrue(Option.isNone(Capture.fromRow("w1", period, row))),
  );
});

describe("a capture", () => {
  it("is held when the service answered", () => {
    const held = (["captured", "empty", "absent", "forbidden", "failed"] as const).filter((outcome) =>
      Capture.isHeld({ ...example, outcome }),
    );
    assert.deepStrictEqual(held, ["captured", "empty", "absent"]);
  });

  it("is settled from exactly seven days after the period's end", () => {
    const end = UsageMonth.end(month);
    const settled = end + 7 * Instant.microsPerDay;
    assert.strictEqual(Capture.stateAt(settled - 1, end, 7), "open");
    assert.strictEqual(Capture.stateAt(settled, end, 7), "settled");
    assert.strictEqual(Capture.stateAt(settled + 1, end, 7), "settled");
    assert.strictEqual(Capture.stateAt(end - 1, end, 0), "open");
    assert.strictEqual(Capture.stateAt(end, end, 0), "settled");
  });
});

describe("captures in time", () => {
  it("are in the order in which they were made, those of one instant by id", () => {
    const made = (captureId: string, capturedAt: number) => ({ ...example, captureId, capturedAt });
    const inOrder = [made("z", 1), made("a", 2), made("b", 2), made("a", 10)];
    assert.deepStrictEqual(inOrder.toReversed().toSorted(Capture.byTime), inOrder);
    assert.strictEqual(Capture.byTime(example, { ...example }), 0);
  });
});

describe("what becomes of revisions", () => {
  it("is nothing by default, and everything for a whole history", () => {
    const { captures, revisions, since } = Capture.nothingSuperseded;
    assert.deepStrictEqual([captures, revisions], [[], []]);
    assert.isAtLeast(since, Number.MAX_SAFE_INTEGER);
    const history: Capture.History = {
      capture: example,
      rows: [],
      revisions: [{ day: 1, api_calls: 1n, snapshot_at: 1, observed_at: 1, superseded_at: 2 }],
    };
    assert.deepStrictEqual(Capture.wholly(history, [example]), {
      since: 0,
      revisions: history.revisions,
      captures: [example],
    });
  });
});

describe("a partition", () => {
  it("has a label of its own", () => {
    assert.strictEqual(Partition.label(partition), "source-mtu 2024-01 of workspace w1");
    const others: ReadonlyArray<Partition.Partition> = [
      { ...partition, workspaceId: "w2" },
      { ...partition, dataset: "workspace-mtu" },
      { ...partition, month: UsageMonth.plus(month, 1) },
    ];
    assert.isTrue(Partition.equals(partition, { ...partition }));
    for (const other of others) {
      assert.notStrictEqual(Partition.label(other), Partition.label(partition));
      assert.isFalse(Partition.equals(other, partition));
    }
  });
});
