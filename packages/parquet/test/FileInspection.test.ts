import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, Capture, Run, type Row, type Table } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { captureMetadata, fileMetadata, type Metadata, revisionsMetadata } from "../src/ParquetFooter.ts";
import { fileOf } from "../src/ParquetLayout.ts";
import { mtuTable } from "./Setting.ts";
import { capture, contents, partition, revisionsTable, steps, workspaceId } from "./SinkSetting.ts";

import {
  kinds,
  moved,
  onlyFault,
  place,
  run,
  sound,
  superseded,
  usageFooter,
  usageRows,
  written,
} from "./InspectionSetting.ts";
describe("a file that is not what was committed", () => {
  const footer = (name: string, value: string | undefined): Metadata =>
    Object.fromEntries(
      Object.entries({ ...usageFooter, [`segmeter.${name}`]: value }).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, value]],
      ),
    );
  const [first, second] = [usageRows[0]!, usageRows[1]!];
  const narrow = { ...mtuTable, columns: mtuTable.columns.filter(({ name }) => name !== "identified") };
  const without = usageRows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => name !== "identified")),
  );
  const cases: Record<string, readonly [RegExp, ReadonlyArray<Row>, Metadata, Table?]> = {
    "a count that differs": [/checksum/, [{ ...first, identified: 1n }, second], usageFooter],
    "a row less": [/has 1 rows; its footer says 2/, [first], usageFooter],
    "no checksum": [/no checksum/, usageRows, footer("checksum", undefined)],
    "no number of rows": [/names no capture/, usageRows, footer("rows", undefined)],
    "no capture": [/names no capture/, usageRows, footer("outcome", "lost")],
    "a key twice": [
      /two rows with the key/,
      [first, first],
      captureMetadata({ ...steps[2].captured, rows: [first, first] }),
    ],
    "rows in another order": [
      /row 1 out of order/,
      [second, first],
      captureMetadata({ ...steps[2].captured, rows: [second, first] }),
    ],
    "other columns": [/has the columns/, without, usageFooter, narrow],
    "another month's footer": [/belongs elsewhere/, usageRows, footer("usage_month", "2024-02-01")],
    "another table's footer": [/belongs elsewhere/, usageRows, footer("table", "workspace_mtu_daily")],
  };
  for (const [title, [detail, rows, metadata, table = mtuTable]] of Object.entries(cases)) {
    it.effect(`is altered and can be moved away: ${title}`, () =>
      Effect.gen(function* () {
        const { data, dataDir, sink } = yield* sound();
        yield* written(table, rows, metadata, data);
        const fault = yield* onlyFault(sink);
        assert.match(fault.detail, detail);
        assert.include(fault.detail, data);
        const kind = title.startsWith("another ") ? "astray" : "altered";
        assert.deepStrictEqual([fault.kind, fault.where, fault.partition], [kind, data, partition]);
        yield* moved(dataDir, fault);
        assert.deepStrictEqual(kinds(yield* sink.inspect), [["inconsistent", data]]);
        yield* sink.replace(steps[2].captured, steps[2].superseded);
        assert.deepStrictEqual((yield* sink.inspect).faults, []);
      }),
    );
  }

  it.effect("is held against its table in the other tables too", () =>
    Effect.gen(function* () {
      const { dataDir, ledger, revisions, sink } = yield* sound();
      const [runs, workspaces, sources] = [
        yield* fileOf(dataDir, bookTables.runs, workspaceId),
        yield* fileOf(dataDir, bookTables.workspaces, workspaceId),
        yield* fileOf(dataDir, bookTables.sources, workspaceId),
      ];
      const entry = Capture.toRow(capture(1));
      const runRow = Run.toRow(run);
      const alike = [{ ...runRow }, { ...runRow, command: "nightly" }];
      const files: ReadonlyArray<readonly [string, Table, ReadonlyArray<Row>, Metadata, RegExp, string]> = [
        [ledger, bookTables.captures, [{ ...entry, state: "shut" }], {}, /no capture: capture-1/, "captures"],
        [runs, bookTables.runs, alike, {}, /key run-1/, "runs"],
        [revisions, revisionsTable, superseded.toReversed(), {}, /order/, "revisions"],
        [
          revisions,
          revisionsTable,
          superseded,
          { "segmeter.superseded_until": "2024-02-01T00:00:00Z" },
          /when the last/,
          "",
        ],
        [workspaces, bookTables.workspaces, [], { "segmeter.rows": "1" }, /has 0 rows; its footer says 1/, ""],
        [sources, bookTables.sources, [], { "segmeter.checksum": "sha256:0" }, /checksum/, ""],
      ];
      for (const [path, table, rows, metadata, detail] of files) {
        const before = readFileSync(path);
        const footer =
          table === revisionsTable ? revisionsMetadata(table, place, superseded) : fileMetadata(table, place, rows);
        const { "segmeter.usage_month": month, ...bare } = footer;
        const monthly = month !== undefined && table.partitioning === "workspace-month" ? footer : bare;
        const own = table === revisionsTable ? revisionsMetadata(table, place, rows as never) : {};
        yield* written(table, rows, { ...monthly, ...own, ...metadata }, path);
        const fault = yield* onlyFault(sink);
        assert.match(fault.detail, detail);
        assert.deepStrictEqual([fault.kind, fault.where], ["altered", path]);
        assert.deepStrictEqual(fault.partition, path === revisions ? partition : undefined);
        writeFileSync(path, before);
      }
      assert.deepStrictEqual((yield* sink.inspect).faults, []);
    }),
  );
});

describe("a file that cannot be read", () => {
  it.effect("is unreadable, keeps no other from being looked at, and can be moved away", () =>
    Effect.gen(function* () {
      const { data, dataDir, ledger, revisions, sink } = yield* sound();
      const books = yield* sink.books(workspaceId);
      const runs = yield* fileOf(dataDir, bookTables.runs, workspaceId);
      const torn = [data, revisions, ledger, runs];
      for (const path of torn) writeFileSync(path, readFileSync(path).subarray(0, 200));
      const { faults, files, held } = yield* sink.inspect;
      assert.sameDeepMembers(
        faults.map(({ kind, where, partition }) => [kind, where, partition?.dataset]),
        [
          ["unreadable", data, "source-mtu"],
          ["unreadable", revisions, "source-mtu"],
          ["unreadable", ledger, undefined],
          ["unreadable", runs, undefined],
        ],
      );
      assert.strictEqual(files, 7);
      assert.deepStrictEqual(
        held.map(({ captureId }) => captureId),
        ["other"],
      );
      for (const { clear } of faults) yield* clear!;
      assert.lengthOf(Object.keys(contents(join(dataDir, "damaged"))), 4);
      yield* sink.addBooks(workspaceId, books);
      assert.deepStrictEqual(kinds(yield* sink.inspect), [["inconsistent", data]]);
      yield* sink.replace(steps[2].captured, { since: 0, revisions: superseded, captures: [] });
      assert.deepStrictEqual((yield* sink.inspect).faults, []);
      assert.deepStrictEqual(yield* sink.books(workspaceId), books);
    }),
  );

  it.effect("is unreadable when it is none of ours, or a directory, and is moved as it is", () =>
    Effect.gen(function* () {
      const { data, dataDir, sink } = yield* sound();
      writeFileSync(data, "mine");
      yield* moved(dataDir, yield* onlyFault(sink));
      mkdirSync(data);
      const [fault] = (yield* sink.inspect).faults;
      assert.strictEqual(fault!.kind, "unreadable");
      yield* fault!.clear!;
      assert.isFalse(existsSync(data));
    }),
  );

  it.effect("stays where it is when a newer version wrote it", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* sound();
      yield* written(mtuTable, usageRows, { ...usageFooter, "segmeter.schema_version": "3" }, data);
      const fault = yield* onlyFault(sink);
      assert.strictEqual(fault.kind, "unreadable");
      assert.include(fault.detail, "Use a newer segmeter.");
      assert.isUndefined(fault.clear);
    }),
  );
});

describe("for want of permission", () => {
  /** As a user whom permissions stop, to whom everything there belongs. */
  const asAnyone = <A, E>(dataDir: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
    if (process.geteuid?.() !== 0) return effect;
    const nobody = 65_534;
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        execFileSync("chown", ["-R", String(nobody), dirname(dataDir)]);
        process.seteuid!(nobody);
      }),
      () => effect,
      () => Effect.sync(() => process.seteuid!(0)),
    );
  };

  it.effect("a file is unreadable and stays where it is, a directory is named, and the rest is looked at", () =>
    Effect.gen(function* () {
      const { data, dataDir, sink } = yield* sound();
      const closed = dirname(yield* fileOf(dataDir, bookTables.runs, workspaceId));
      chmodSync(data, 0);
      chmodSync(closed, 0);
      const { faults, held } = yield* asAnyone(dataDir, sink.inspect);
      chmodSync(closed, 0o700);
      assert.sameDeepMembers(
        faults.map(({ clear, kind, where }) => [kind, where, clear]),
        [
          ["unreadable", data, undefined],
          ["unreadable", closed, undefined],
        ],
      );
      assert.lengthOf(held, 1);
    }),
  );
});
