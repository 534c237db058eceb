import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, type Capture, datasets, type Encoder, tables, UsageMonth } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { checksumOf } from "../src/Checksum.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { filesOf } from "../src/ParquetLayout.ts";
import { migrateFiles } from "../src/ParquetMigration.ts";
import { readRows } from "../src/ParquetReader.ts";
import { openParquetSink } from "../src/ParquetSink.ts";
import { temporaryDirectory } from "./Setting.ts";
import { contents } from "./SinkSetting.ts";

const archive = new URL("../../../fixtures/data-directory-version-1.tar.gz", import.meta.url).pathname;
const months = ["2024-01", "2024-02", "2024-03"].map((text) => Option.getOrThrow(UsageMonth.parse(text)));
const workspaceId = "ixQx4w4cwo68H53C2L6qHY";

const firstVersion = Effect.map(temporaryDirectory, (directory) => {
  execFileSync("tar", ["-xzf", archive, "-C", directory]);
  return join(directory, "version-1");
});

const files = Effect.fnUntraced(function* (dataDir: string) {
  const found = yield* Effect.forEach(tables, (table) =>
    Effect.map(filesOf(dataDir, table), (files) => files.map((file) => ({ table, file }))),
  );
  return found.flat();
});

/** By a library alone: the rows and the footer's pairs. */
const foreign = (path: string) =>
  Effect.promise(async () => {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const pairs = (metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value] as const);
    return { rows: await parquetReadObjects({ file, compressors }), footer: Object.fromEntries(pairs) };
  });

/** What a sink says that it holds. */
const state = Effect.fnUntraced(function* (dataDir: string) {
  const sink = yield* openParquetSink({ dataDir, encoder: parquetJsEncoder });
  const partitions = datasets.flatMap(({ name }) => months.map((month) => ({ workspaceId, dataset: name, month })));
  return {
    held: yield* sink.held(workspaceId),
    captures: yield* sink.captures(),
    books: yield* sink.books(workspaceId),
    workspaceIds: yield* sink.workspaceIds,
    read: yield* Effect.forEach(partitions, (partition) => sink.read(partition)),
    revisions: yield* Effect.forEach(partitions, (partition) => sink.revisions(partition)),
  };
});

describe("a directory of version 1", () => {
  it.effect("is read as it is, and written to", () =>
    Effect.gen(function* () {
      const dataDir = yield* firstVersion;
      const { books, held, read, workspaceIds } = yield* state(dataDir);
      assert.lengthOf(held, 12);
      assert.lengthOf(workspaceIds, 1);
      assert.isAbove(books.runs.length, 0);
      const partition = read.find((found) => found!.rows.length > 0)!;
      const next: Capture.Capture = { ...partition.capture, captureId: "next", capturedAt: 2e15 };
      const sink = yield* openParquetSink({ dataDir, encoder: parquetJsEncoder });
      yield* sink.replace({ ...partition, capture: next });
      assert.deepStrictEqual((yield* sink.read(next.partition))?.capture, next);
    }),
  );

  it.effect("becomes one of version 2 with the same rows, and stays one", () =>
    Effect.gen(function* () {
      const dataDir = yield* firstVersion;
      const all = yield* files(dataDir);
      const stateBefore = yield* state(dataDir);
      const before = yield* Effect.forEach(all, ({ file }) => foreign(file.path));
      const rows = yield* Effect.forEach(all, ({ file, table }) => readRows(table, file));
      assert.strictEqual(yield* migrateFiles(dataDir, parquetJsEncoder), 18);
      assert.lengthOf(all, 18);
      for (const [index, { file, table }] of all.entries()) {
        const { footer, rows: found } = yield* foreign(file.path);
        assert.deepStrictEqual(found, before[index]!.rows);
        assert.deepStrictEqual(yield* readRows(table, file), rows[index]);
        assert.deepStrictEqual(footer, {
          ...before[index]!.footer,
          "segmeter.schema_version": "2",
          "segmeter.rows": String(found.length),
          "segmeter.checksum": checksumOf(table, rows[index]!),
        });
      }
      assert.deepStrictEqual(yield* state(dataDir), stateBefore);
      const migrated = contents(dataDir);
      const { ino } = statSync(all[0]!.file.path);
      assert.strictEqual(yield* migrateFiles(dataDir, parquetJsEncoder), 0);
      assert.deepStrictEqual(contents(dataDir), migrated);
      assert.strictEqual(statSync(all[0]!.file.path).ino, ino);
    }),
  );

  it.effect("has nothing wrong with it, before and after", () =>
    Effect.gen(function* () {
      const dataDir = yield* firstVersion;
      const sink = yield* openParquetSink({ dataDir, encoder: parquetJsEncoder });
      const before = yield* sink.inspect;
      assert.deepStrictEqual(before.faults, []);
      yield* migrateFiles(dataDir, parquetJsEncoder);
      assert.deepStrictEqual(yield* sink.inspect, before);
    }),
  );
});

const failingAfter = (files: number): Encoder => {
  let left = files;
  return {
    name: "parquetjs",
    encode: (request) => {
      left -= 1;
      const path = left < 0 ? join(request.path, "missing") : request.path;
      return parquetJsEncoder.encode({ ...request, path });
    },
  };
};

describe("a migration that was cut off", () => {
  it.effect("goes on where it ended", () =>
    Effect.gen(function* () {
      const dataDir = yield* firstVersion;
      const old = `${dataDir}-old`;
      cpSync(dataDir, old, { recursive: true });
      const before = yield* state(dataDir);
      yield* migrateFiles(dataDir, parquetJsEncoder);
      const complete = contents(join(dataDir, "parquet"));
      const all = yield* files(dataDir);
      for (const { file } of all.slice(7)) copyFileSync(file.path.replace(dataDir, old), file.path);
      assert.deepStrictEqual(yield* state(dataDir), before, "both versions are read");
      assert.strictEqual(yield* migrateFiles(dataDir, parquetJsEncoder), all.length - 7);
      assert.deepStrictEqual(contents(join(dataDir, "parquet")), complete);
    }),
  );

  it.effect("by a failure leaves each file whole", () =>
    Effect.gen(function* () {
      const dataDir = yield* firstVersion;
      const before = yield* state(dataDir);
      yield* Effect.flip(migrateFiles(dataDir, failingAfter(5)));
      assert.deepStrictEqual(yield* state(dataDir), before);
      // The directory counts as migrated once its runs are.
      const { file } = (yield* files(dataDir)).find(({ table }) => table === bookTables.runs)!;
      assert.strictEqual((yield* foreign(file.path)).footer["segmeter.schema_version"], "1");
      assert.strictEqual((yield* Effect.flip(migrateFiles(dataDir, failingAfter(12)))).operation, "write runs");
      assert.strictEqual(yield* migrateFiles(dataDir, parquetJsEncoder), 1);
    }),
  );

  it.effect("is not stopped by a file that cannot be read, nor by one of a newer version", () =>
    Effect.gen(function* () {
      const dataDir = yield* firstVersion;
      const all = yield* files(dataDir);
      const [torn, middle] = [all[0]!.file.path, all[3]!.file.path];
      writeFileSync(torn, readFileSync(torn).subarray(0, 100));
      const bytes = readFileSync(middle);
      writeFileSync(middle, bytes.fill(0, 4, 60));
      assert.strictEqual(yield* migrateFiles(dataDir, parquetJsEncoder), all.length - 2);
      assert.strictEqual(statSync(torn).size, 100);
      assert.deepStrictEqual(readFileSync(middle), bytes);
    }),
  );
});
