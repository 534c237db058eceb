import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, usageTables, UsageMonth } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { fileOf, filesOf } from "../src/ParquetLayout.ts";
import { temporaryDirectory } from "./Setting.ts";

const january = Option.getOrThrow(UsageMonth.parse("2024-01"));
const table = usageTables.source_mtu_daily;

describe("paths", () => {
  it.effect("are those of the contract with users", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* fileOf("data", table, "9aQ1-x_Y", january),
        join("data/parquet/source_mtu_daily/workspace_id=9aQ1-x_Y/usage_month=2024-01-01/data.parquet"),
      );
      assert.strictEqual(
        yield* fileOf("data", bookTables.sources, "9aQ1"),
        join("data/parquet/sources/workspace_id=9aQ1/data.parquet"),
      );
    }),
  );

  const ids = ["../../etc", "..", ".", "a/b", "a\\b", "*", "?[x]", "%2F", "a b", "ünï", "😀", "null", "c:d", "a\0b"];
  for (const id of ids) {
    it.effect(`stay in the directory and come back: ${JSON.stringify(id)}`, () =>
      Effect.gen(function* () {
        const dataDir = yield* temporaryDirectory;
        const path = yield* fileOf(dataDir, table, id, january);
        const parts = relative(dataDir, path).split(sep);
        assert.lengthOf(parts, 5);
        assert.match(parts[2]!, /^workspace_id=[\w%-]+$/);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, "");
        const file = { path, workspaceId: id, month: january };
        assert.deepStrictEqual(yield* filesOf(dataDir, table), [file]);
        assert.deepStrictEqual(yield* filesOf(dataDir, table, id), [file]);
        assert.deepStrictEqual(yield* filesOf(dataDir, table, `${id}x`), []);
      }),
    );
  }

  for (const id of ["", "\uD83D"]) {
    it.effect(`there is none for the id ${JSON.stringify(id)}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(fileOf("data", table, id, january))).reason, "Unrepresentable");
        assert.strictEqual((yield* Effect.flip(filesOf("data", table, id))).reason, "Unrepresentable");
      }),
    );
  }
});

describe("listing", () => {
  it.effect("passes over what is not ours", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      const root = join(dataDir, "parquet", table.name);
      const strangers = [
        "README.md",
        "workspace_id=a/notes.txt",
        "workspace_id=a/usage_month=2024-01-01/.data.parquet.1.0123456789ab.tmp",
        "workspace_id=a/usage_month=2024-01-01/data.parquet.bak",
        "workspace_id=a/usage_month=2024-01-02/data.parquet",
        "workspace_id=a/usage_month=2024-13-01/data.parquet",
        "workspace_id=a/usage_month=2024-01-01/more/data.parquet",
        "workspace_id=a b/usage_month=2024-01-01/data.parquet",
        "workspace_id=%zz/usage_month=2024-01-01/data.parquet",
        "workspace_id=%61/usage_month=2024-01-01/data.parquet",
        "workspace_id=/usage_month=2024-01-01/data.parquet",
        "other=a/usage_month=2024-01-01/data.parquet",
        "workspace_id=a/data.parquet",
      ];
      for (const name of strangers) {
        mkdirSync(dirname(join(root, name)), { recursive: true });
        writeFileSync(join(root, name), "");
      }
      assert.deepStrictEqual(yield* filesOf(dataDir, table), []);
      assert.deepStrictEqual(yield* filesOf(dataDir, bookTables.sources), []);
    }),
  );

  it.effect("is in the order of paths, and of nothing where there is nothing", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      assert.deepStrictEqual(yield* filesOf(dataDir, table), []);
      const months = UsageMonth.range(january, UsageMonth.plus(january, 2));
      for (const id of ["b", "a"]) {
        for (const month of months.toReversed()) {
          const path = yield* fileOf(dataDir, table, id, month);
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(path, "");
        }
      }
      const found = yield* filesOf(dataDir, table);
      assert.deepStrictEqual(
        found.map(({ month, workspaceId }) => `${workspaceId} ${month}`),
        ["a 2024-01", "a 2024-02", "a 2024-03", "b 2024-01", "b 2024-02", "b 2024-03"],
      );
    }),
  );
});
