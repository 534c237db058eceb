import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, type Capture, type CaptureRow, type Inspection } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { fileMetadata, fingerprintOf } from "../src/ParquetFooter.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { readEntries } from "../src/ParquetLedger.ts";
import { readRows } from "../src/ParquetReader.ts";
import { recover } from "../src/ParquetRecovery.ts";
import { openParquetSink } from "../src/ParquetSink.ts";
import { keepPrevious } from "../src/PreviousRevisions.ts";
import {
  after,
  behind,
  capture,
  contents,
  full,
  markBeside,
  partition,
  revision,
  steps,
  version,
} from "./SinkSetting.ts";
import { kinds, onlyFault, place, superseded, written } from "./InspectionSetting.ts";

describe("revisions that are pending", () => {
  it.effect("are told, and rolled back when cleared", () =>
    Effect.gen(function* () {
      const { data, revisions, sink } = yield* after(2);
      const [held, before] = [readFileSync(data), readFileSync(revisions)];
      yield* sink.replace(steps[2].captured, steps[2].superseded);
      writeFileSync(data, held);
      const { faults } = yield* sink.inspect;
      const fault = faults.find(({ kind }) => kind === "pending")!;
      assert.deepStrictEqual([fault.where, fault.partition], [revisions, partition]);
      // The ledger, too, tells of the capture whose usage file was taken away.
      assert.deepStrictEqual(kinds({ faults } as Inspection).toSorted(), [
        ["inconsistent", data],
        ["pending", revisions],
      ]);
      yield* fault.clear!;
      assert.deepStrictEqual(readFileSync(revisions), before);
      assert.deepStrictEqual(kinds(yield* sink.inspect), [["inconsistent", data]]);
    }),
  );

  it.effect("are those of no usage file that anything knows of", () =>
    Effect.gen(function* () {
      const { data, ledger, revisions, sink } = yield* after(2);
      rmSync(data);
      assert.deepStrictEqual(kinds(yield* sink.inspect), [["inconsistent", data]]);
      rmSync(ledger);
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["pending", revisions, partition]);
      yield* fault.clear!;
      assert.deepStrictEqual(yield* sink.inspect, { faults: [], held: [], files: 0, rows: 0 });
    }),
  );

  it.effect("may have been cut off on their way", () =>
    Effect.gen(function* () {
      const { dataDir, revisions, sink } = yield* after(2);
      const before = contents(dataDir);
      yield* keepPrevious(revisions, fingerprintOf({}));
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["pending", revisions, partition]);
      yield* fault.clear!;
      assert.deepStrictEqual(contents(dataDir), before);
    }),
  );
});

it.effect("revisions that were cut off on their way are left to who replaces a usage file that cannot be read", () =>
  Effect.gen(function* () {
    const { data, dataDir, revisions, sink } = yield* after(2);
    yield* keepPrevious(revisions, fingerprintOf({}));
    writeFileSync(data, "PAR1");
    const { faults } = yield* sink.inspect;
    assert.deepStrictEqual(
      faults.map(({ clear, kind }) => [kind, clear !== undefined]),
      [
        ["unreadable", true],
        ["pending", false],
      ],
    );
    yield* faults[0]!.clear!;
    const [history, captures] = [
      [revision(1, 1, 2), revision(2, 1, 3)],
      [capture(1), capture(2)],
    ];
    yield* sink.replace(steps[2].captured, { since: 0, revisions: history, captures });
    assert.deepStrictEqual((yield* sink.inspect).faults, []);
    assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), { removed: [], rolledBack: [] });
  }),
);

describe("the ledger", () => {
  it.effect("that lacks a held capture is complete before what tells of that is removed", () =>
    Effect.gen(function* () {
      const { complete, dataDir, ledger, sink } = yield* behind;
      writeFileSync(markBeside(ledger), complete[ledger]!, "latin1");
      const fault = (yield* sink.inspect).faults.find(({ where }) => where === markBeside(ledger));
      yield* fault!.clear!;
      assert.deepStrictEqual(contents(dataDir), complete);
    }),
  );

  it.effect("that is put aside leaves one in its place by the footers, or what tells of it where that fails", () =>
    Effect.gen(function* () {
      const { dataDir, ledger, sink } = yield* after(3);
      const aside = join(dataDir, "damaged");
      writeFileSync(ledger, "PAR1");
      writeFileSync(aside, "in the way");
      yield* Effect.flip((yield* onlyFault(sink)).clear!);
      rmSync(ledger);
      assert.lengthOf((yield* recover(dataDir, parquetJsEncoder)).removed, 1);
      const entries = readEntries({ path: ledger, ...place });
      assert.deepStrictEqual(yield* entries, [steps[2].captured.capture]);
      rmSync(aside);
      writeFileSync(ledger, "PAR1");
      yield* (yield* onlyFault(sink)).clear!;
      assert.deepStrictEqual(yield* entries, [steps[2].captured.capture]);
    }),
  );

  it.effect("is put aside also where none can be written in its place", () =>
    Effect.gen(function* () {
      const { dataDir, ledger } = yield* after(2);
      writeFileSync(ledger, "PAR1");
      const sink = yield* openParquetSink({ dataDir, encoder: full });
      assert.include(yield* (yield* onlyFault(sink)).clear!, "Moved");
      assert.deepStrictEqual(readdirSync(dirname(ledger)), []);
    }),
  );

  it.effect("that lacks a held capture is told what the usage files hold", () =>
    Effect.gen(function* () {
      const { complete, ledger, sink } = yield* behind;
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["leftover", ledger, undefined]);
      assert.include(fault.detail, "capture-3");
      yield* fault.clear!;
      assert.strictEqual(readFileSync(ledger, "latin1"), complete[ledger]);
      assert.deepStrictEqual((yield* sink.inspect).faults, []);
    }),
  );

  it.effect("that tells it differently is at fault", () =>
    Effect.gen(function* () {
      const { ledger, sink } = yield* after(3);
      const rows = (yield* readRows(bookTables.captures, { path: ledger, ...place })) as ReadonlyArray<CaptureRow>;
      const other = rows.map((row) => (row.capture_id === "capture-3" ? { ...row, pages: 9n } : row));
      yield* written(bookTables.captures, other, fileMetadata(bookTables.captures, place, other), ledger);
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where], ["inconsistent", ledger]);
    }),
  );

  it.effect("that knows of a later capture has the partition at fault", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* after(2);
      const held = readFileSync(data);
      yield* sink.replace({ capture: capture(3, { rows: 3 }), rows: steps[1].captured.rows });
      const later = readFileSync(data);
      writeFileSync(data, held);
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["inconsistent", data, partition]);
      assert.include(fault.detail, "capture-3");
      assert.isUndefined(fault.clear);
      writeFileSync(data, later);
      yield* sink.record(capture(9, { captureId: "failed", outcome: "failed" }));
      assert.deepStrictEqual((yield* sink.inspect).faults, []);
    }),
  );

  it.effect("that knows of a partition without a file has it at fault", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* after(1);
      rmSync(data);
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["inconsistent", data, partition]);
    }),
  );
});

describe("a history that contradicts itself", () => {
  const cases: Record<string, readonly [Capture.CapturedPartition, Capture.Superseded, RegExp]> = {
    "versions at the same time": [
      steps[2].captured,
      { since: 0, revisions: [revision(1, 1, 3)], captures: [] },
      /A row was observed while an earlier version stood/,
    ],
    "an instant of no capture": [
      { capture: capture(9, { rows: 1 }), rows: [version(0, 8)] },
      { since: 0, revisions: superseded, captures: [] },
      /A row was observed by no capture in the ledger/,
    ],
  };
  for (const [title, [captured, superseded, detail]] of Object.entries(cases)) {
    it.effect(`is told, with the partition: ${title}`, () =>
      Effect.gen(function* () {
        const { data, sink } = yield* after(3);
        yield* sink.replace(captured, superseded);
        const fault = yield* onlyFault(sink);
        assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["inconsistent", data, partition]);
        assert.match(fault.detail, detail);
      }),
    );
  }
});
