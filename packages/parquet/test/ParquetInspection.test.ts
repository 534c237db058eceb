import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { fileOf, parquetDirectory } from "../src/ParquetLayout.ts";
import { mtuTable } from "./Setting.ts";
import { contents, january, markBeside, opened, partition, steps, workspaceId } from "./SinkSetting.ts";
import { onlyFault, sound } from "./InspectionSetting.ts";

describe("a sink in which all is well", () => {
  it.effect("has no faults, says what was looked at, and is not changed", () =>
    Effect.gen(function* () {
      const { dataDir, sink } = yield* sound();
      const before = contents(dataDir);
      const { faults, files, held, rows } = yield* sink.inspect;
      assert.deepStrictEqual(faults, []);
      assert.sameDeepMembers([...held], [...(yield* sink.held(workspaceId))]);
      assert.strictEqual(files, 7);
      // Two of usage, two revisions, five captures, a run, a workspace and a source.
      assert.strictEqual(rows, 12);
      assert.deepStrictEqual(contents(dataDir), before);
    }),
  );

  it.effect("even when it is empty", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened();
      assert.deepStrictEqual(yield* sink.inspect, { faults: [], held: [], files: 0, rows: 0 });
    }),
  );
});

describe("what does not belong there", () => {
  it.effect("is named, directories as a whole; a file can be moved away, and is not lost", () =>
    Effect.gen(function* () {
      const { data, dataDir, revisions, sink } = yield* sound();
      const root = parquetDirectory(dataDir);
      const month = dirname(data);
      const strangers = [
        join(root, "notes.txt"),
        join(root, "other_table"),
        join(root, "runs", "workspace_id=w", "usage_month=2024-01-01"),
        join(month, "data.parquet.bak"),
        join(month, `.data.parquet.${"0".repeat(32)}.previous`),
        join(dirname(revisions), ".data.parquet.0123.previous"),
        join(root, mtuTable.name, "workspace_id=a b"),
        join(root, mtuTable.name, "workspace_id=w", "data.parquet"),
        join(root, mtuTable.name, "workspace_id=w", "usage_month=2024-01-02"),
      ];
      const isDirectory = (path: string) => !/\.(?:txt|bak|parquet|previous)$/.test(path);
      for (const path of strangers) {
        if (isDirectory(path)) mkdirSync(path, { recursive: true });
        writeFileSync(isDirectory(path) ? join(path, "data.parquet") : path, "mine");
      }
      const { faults } = yield* sink.inspect;
      assert.sameDeepMembers(
        faults.map(({ clear, kind, where }) => [kind, where, clear !== undefined]),
        strangers.map((path) => ["astray", path, !isDirectory(path)]),
      );
      assert.strictEqual(readFileSync(strangers[0]!, "utf8"), "mine");
      const done = yield* faults.find(({ where }) => where === strangers[0])!.clear!;
      assert.isFalse(existsSync(strangers[0]!));
      assert.strictEqual(readFileSync(/ to (.+)\.$/.exec(done)![1]!, "utf8"), "mine");
      assert.lengthOf((yield* sink.inspect).faults, strangers.length - 1);
    }),
  );

  it.effect("is removed when a killed process left it, and left when one that lives writes it", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* sound();
      const left = markBeside(data);
      const written = join(dirname(data), `.data.parquet.${process.ppid}.0123456789ab.tmp`);
      for (const path of [left, written]) writeFileSync(path, "half");
      const fault = yield* onlyFault(sink);
      assert.deepStrictEqual([fault.kind, fault.where], ["leftover", left]);
      assert.include(yield* fault.clear!, left);
      assert.deepStrictEqual([existsSync(left), existsSync(written)], [false, true]);
    }),
  );
});

it.effect("faults of one workspace are not those of another", () =>
  Effect.gen(function* () {
    const { data, dataDir, sink } = yield* sound();
    const elsewhere = { ...partition, workspaceId: "other" };
    yield* sink.replace({ ...steps[0].captured, capture: { ...steps[0].captured.capture, partition: elsewhere } });
    const path = yield* fileOf(dataDir, mtuTable, "other", january);
    copyFileSync(data, path);
    const fault = yield* onlyFault(sink);
    assert.deepStrictEqual([fault.kind, fault.where, fault.partition], ["astray", path, elsewhere]);
    assert.include(fault.detail, "belongs elsewhere");
  }),
);
