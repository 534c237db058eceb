import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, type Capture, type Encoder } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { openParquetSink } from "../src/ParquetSink.ts";
import { mtuTable, temporaryDirectory } from "./Setting.ts";
import { captured, contents, opened, workspaceId } from "./SinkSetting.ts";

describe("opening", () => {
  it.effect("makes the directory, for this user alone", () =>
    Effect.gen(function* () {
      const { dataDir } = yield* opened();
      assert.strictEqual(statSync(dataDir).mode & 0o777, 0o700);
    }),
  );

  it.effect("takes a directory that holds other things", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      writeFileSync(join(dataDir, "notes.txt"), "mine");
      const sink = yield* openParquetSink({ dataDir, encoder: parquetJsEncoder });
      assert.deepStrictEqual(yield* sink.captures(), []);
      assert.strictEqual(readFileSync(join(dataDir, "notes.txt"), "utf8"), "mine");
    }),
  );

  it.effect("refuses a file, and a path through one", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "file");
      writeFileSync(file, "");
      for (const dataDir of [file, join(file, "data")]) {
        const error = yield* Effect.flip(openParquetSink({ dataDir, encoder: parquetJsEncoder }));
        assert.strictEqual(error.reason, "Unwritable");
        assert.include(error.detail, file);
      }
    }),
  );

  it.effect("refuses a directory in which parquet is a file", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      writeFileSync(join(dataDir, "parquet"), "");
      const error = yield* Effect.flip(openParquetSink({ dataDir, encoder: parquetJsEncoder }));
      assert.strictEqual(error.reason, "Foreign");
      assert.include(error.detail, join(dataDir, "parquet"));
    }),
  );
});

describe("a run that was killed between the usage file and the ledger", () => {
  it.effect("leaves a ledger that still tells of the capture, and that the next replace completes", () =>
    Effect.gen(function* () {
      const { ledger, sink } = yield* opened();
      const all = [captured(1), captured(2), captured(3)] as const;
      yield* sink.replace(all[0]);
      const behind = readFileSync(ledger);
      yield* sink.replace(all[1]);
      writeFileSync(ledger, behind);
      const captures = all.map(({ capture }) => capture);
      assert.deepStrictEqual(yield* sink.captures(), captures.slice(0, 2));
      assert.deepStrictEqual(yield* sink.captures(workspaceId), captures.slice(0, 2));
      // The third takes the place of the second, whose footer was the only place that named it.
      yield* sink.replace(all[2]);
      assert.deepStrictEqual(yield* sink.captures(), captures);
    }),
  );

  it.effect("loses nothing when there was no ledger yet", () =>
    Effect.gen(function* () {
      const { data, ledger, sink } = yield* opened();
      yield* sink.replace(captured(1));
      rmSync(ledger);
      assert.deepStrictEqual(yield* sink.captures(), [captured(1).capture]);
      const failed: Capture.Capture = { ...captured(2).capture, outcome: "failed" };
      yield* sink.record(failed);
      rmSync(data);
      assert.deepStrictEqual(yield* sink.captures(), [captured(1).capture, failed]);
    }),
  );
});

describe("a replace that fails", () => {
  /** Fails, or waits, for one table. */
  const encoderThat = (table: string, act: Effect.Effect<void>): Encoder => ({
    name: "parquetjs",
    encode: (request) =>
      request.table.name === table
        ? Effect.andThen(act, parquetJsEncoder.encode({ ...request, path: join(request.path, "missing") }))
        : parquetJsEncoder.encode(request),
  });

  for (const table of [mtuTable.name, bookTables.captures.name]) {
    it.effect(`at ${table} changes no file`, () =>
      Effect.gen(function* () {
        const { dataDir, sink } = yield* opened();
        yield* sink.replace(captured(1));
        const before = contents(dataDir);
        const failing = yield* openParquetSink({ dataDir, encoder: encoderThat(table, Effect.void) });
        const error = yield* Effect.flip(failing.replace(captured(2, 9)));
        assert.strictEqual(error.operation, "replace source-mtu 2024-01");
        assert.deepStrictEqual(contents(dataDir), before);
      }),
    );
  }

  it.effect("at a ledger that cannot be read changes no file, and names it", () =>
    Effect.gen(function* () {
      const { dataDir, ledger, sink } = yield* opened();
      yield* sink.replace(captured(1));
      writeFileSync(ledger, "PAR1 and no more");
      const before = contents(dataDir);
      const error = yield* Effect.flip(sink.replace(captured(2, 9)));
      assert.strictEqual(error.reason, "Damaged");
      assert.include(error.detail, ledger);
      assert.deepStrictEqual(contents(dataDir), before);
    }),
  );

  it.live("because it is interrupted changes no file", () =>
    Effect.gen(function* () {
      const { dataDir, sink } = yield* opened();
      yield* sink.replace(captured(1));
      const before = contents(dataDir);
      for (const table of [mtuTable.name, bookTables.captures.name]) {
        const reached = yield* Deferred.make<void>();
        const encoder = encoderThat(table, Effect.andThen(Deferred.succeed(reached, undefined), Effect.never));
        const hanging = yield* openParquetSink({ dataDir, encoder });
        const fiber = yield* Effect.forkChild(hanging.replace(captured(2, 9)));
        yield* Deferred.await(reached);
        yield* Fiber.interrupt(fiber);
        assert.deepStrictEqual(contents(dataDir), before);
      }
    }),
  );
});

describe("several replaces at once", () => {
  it.live("encode their rows side by side, those of one month too", () =>
    Effect.gen(function* () {
      const both = yield* Deferred.make<void>();
      let encoding = 0;
      const meeting: Encoder = {
        name: "parquetjs",
        encode: (request) =>
          request.table.name === bookTables.captures.name
            ? parquetJsEncoder.encode(request)
            : Effect.gen(function* () {
                encoding += 1;
                if (encoding === 2) yield* Deferred.succeed(both, undefined);
                yield* Deferred.await(both);
                yield* parquetJsEncoder.encode(request);
              }),
      };
      const { sink } = yield* opened(meeting);
      const all = [captured(1, 5), captured(2, 5, "workspace-mtu")];
      yield* Effect.forEach(all, (one) => sink.replace(one), { concurrency: "unbounded" }).pipe(
        Effect.timeout("10 seconds"),
      );
      assert.deepStrictEqual(
        yield* sink.captures(),
        all.map(({ capture }) => capture),
      );
    }),
  );
});

describe("a damaged or foreign file", () => {
  it.effect("is named by whatever meets it", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* opened();
      yield* sink.replace(captured(1));
      const whole = readFileSync(data);
      const cases = [
        ["Damaged", whole.subarray(0, whole.length / 2)],
        ["Foreign", Buffer.from("day,source_id\n")],
      ] as const;
      for (const [reason, bytes] of cases) {
        writeFileSync(data, bytes);
        const errors = [
          yield* Effect.flip(sink.held(workspaceId)),
          yield* Effect.flip(sink.captures()),
          yield* Effect.flip(sink.read(captured(1).capture.partition)),
        ];
        for (const error of errors) {
          assert.strictEqual(error.reason, reason);
          assert.include(error.detail, data);
        }
      }
    }),
  );

  it.effect("does not keep another workspace from being read", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* opened();
      yield* sink.replace(captured(1));
      writeFileSync(data, "");
      const { capture, rows } = captured(2);
      const other = { ...capture, partition: { ...capture.partition, workspaceId: "other" } };
      yield* sink.replace({ capture: other, rows });
      assert.deepStrictEqual(yield* sink.held("other"), [other]);
    }),
  );

  it.effect("stands until it is taken out of the way, then its partition can be captured again", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* opened();
      yield* sink.replace(captured(1));
      writeFileSync(data, "");
      const error = yield* Effect.flip(sink.replace(captured(2)));
      assert.strictEqual(error.reason, "Damaged");
      assert.include(error.detail, data);
      assert.include(error.hint, "segmeter verify --repair");
      assert.strictEqual(statSync(data).size, 0);
      rmSync(data);
      yield* sink.replace(captured(2));
      assert.deepStrictEqual(yield* sink.held(workspaceId), [captured(2).capture]);
    }),
  );
});
