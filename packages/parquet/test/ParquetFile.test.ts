import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { type Encoder, type EncodeRequest, type SinkError, sinkError } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { leftoversIn, publishFile, removeLeftover, stageFile } from "../src/ParquetFile.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { mtuRow, mtuTable, query, temporaryDirectory } from "./Setting.ts";

const request = (path: string, count = 10): EncodeRequest => ({
  table: mtuTable,
  rows: Array.from({ length: count }, (_, index) => mtuRow(index)),
  metadata: {},
  path,
});

/** An encoder that does something to the finished file. */
const spoiling = (spoil: (path: string) => Effect.Effect<void, SinkError>): Encoder => ({
  name: "parquetjs",
  encode: (asked) => Effect.andThen(parquetJsEncoder.encode(asked), spoil(asked.path)),
});

const target = Effect.map(temporaryDirectory, (directory) => join(directory, "data", "inner", "data.parquet"));

describe("publishing", () => {
  it.effect("makes the directories and the file, for this user alone", () =>
    Effect.gen(function* () {
      const path = yield* target;
      yield* publishFile(parquetJsEncoder, request(path));
      assert.strictEqual(statSync(path).mode & 0o777, 0o600);
      assert.strictEqual(statSync(dirname(path)).mode & 0o777, 0o700);
      assert.strictEqual(statSync(dirname(dirname(path))).mode & 0o777, 0o700);
      assert.deepStrictEqual(readdirSync(dirname(path)), ["data.parquet"]);
      assert.deepStrictEqual(yield* Effect.promise(() => query(`SELECT count(*) AS n FROM '${path}'`)), [{ n: 10n }]);
    }),
  );

  it.effect("narrows the mode that an encoder left", () =>
    Effect.gen(function* () {
      const path = yield* target;
      yield* publishFile(
        spoiling((made) => Effect.sync(() => void spawnSync("chmod", ["644", made]))),
        request(path),
      );
      assert.strictEqual(statSync(path).mode & 0o777, 0o600);
    }),
  );

  it.effect("shows nothing before the commit, and the new file after it", () =>
    Effect.gen(function* () {
      const path = yield* target;
      yield* publishFile(parquetJsEncoder, request(path, 1));
      const before = readFileSync(path);
      yield* Effect.scoped(
        Effect.gen(function* () {
          const staged = yield* stageFile(parquetJsEncoder, request(path, 2));
          assert.deepStrictEqual(readFileSync(path), before);
          assert.lengthOf(readdirSync(dirname(path)), 2);
          yield* staged.commit;
          assert.notDeepEqual(readFileSync(path), before);
        }),
      );
      assert.deepStrictEqual(readdirSync(dirname(path)), ["data.parquet"]);
    }),
  );
});

describe("leaves the old file and nothing else", () => {
  const failing: Record<string, readonly [reason: SinkError["reason"], encoder: Encoder]> = {
    "when the encoder fails": ["Full", spoiling(() => Effect.fail(sinkError("write", "Full", "No space.")))],
    "when bytes went missing": [
      "Mismatch",
      spoiling((path) => Effect.sync(() => writeFileSync(path, readFileSync(path).subarray(0, -1)))),
    ],
    "when bytes were added": ["Mismatch", spoiling((path) => Effect.sync(() => appendFileSync(path, "x")))],
    "when a byte was flipped": [
      "Mismatch",
      spoiling((path) =>
        Effect.sync(() => {
          const bytes = readFileSync(path);
          bytes[40]! ^= 1;
          writeFileSync(path, bytes);
        }),
      ),
    ],
  };
  for (const [title, [reason, encoder]] of Object.entries(failing)) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const path = yield* target;
        yield* publishFile(parquetJsEncoder, request(path));
        const before = readFileSync(path);
        const error = yield* Effect.flip(publishFile(encoder, request(path, 20)));
        assert.strictEqual(error.reason, reason);
        assert.deepStrictEqual(readFileSync(path), before);
        assert.deepStrictEqual(readdirSync(dirname(path)), ["data.parquet"]);
      }),
    );
  }

  it.effect("when it is interrupted while it writes", () =>
    Effect.gen(function* () {
      const path = yield* target;
      yield* publishFile(parquetJsEncoder, request(path));
      const before = readFileSync(path);
      const written = yield* Deferred.make<void>();
      const endless = spoiling(() => Effect.andThen(Deferred.succeed(written, undefined), Effect.never));
      const fiber = yield* Effect.forkChild(publishFile(endless, request(path, 20)));
      yield* Deferred.await(written);
      assert.lengthOf(readdirSync(dirname(path)), 2);
      yield* Fiber.interrupt(fiber);
      assert.deepStrictEqual(readFileSync(path), before);
      assert.deepStrictEqual(readdirSync(dirname(path)), ["data.parquet"]);
    }),
  );

  it.live("when it is interrupted in the middle of a row group", () =>
    Effect.gen(function* () {
      const path = yield* target;
      const fiber = yield* Effect.forkChild(publishFile(parquetJsEncoder, request(path, 120_000)));
      while (!existsSync(dirname(path)) || readdirSync(dirname(path)).length === 0) yield* Effect.sleep(1);
      yield* Fiber.interrupt(fiber);
      yield* Effect.sleep(300);
      assert.deepStrictEqual(readdirSync(dirname(path)), []);
    }),
  );

  it.effect("when the target is a directory", () =>
    Effect.gen(function* () {
      const path = yield* target;
      mkdirSync(path, { recursive: true });
      yield* Effect.flip(publishFile(parquetJsEncoder, request(path)));
      assert.deepStrictEqual(readdirSync(dirname(path)), ["data.parquet"]);
    }),
  );

  it.effect("when a file lies where a directory is needed", () =>
    Effect.gen(function* () {
      const path = yield* target;
      writeFileSync(dirname(dirname(path)), "");
      assert.strictEqual((yield* Effect.flip(publishFile(parquetJsEncoder, request(path)))).reason, "Unwritable");
    }),
  );
});

/** Returns what was removed. */
const sweep = (dataDir: string) => Effect.tap(leftoversIn(dataDir), (paths) => Effect.forEach(paths, removeLeftover));

describe("leftovers", () => {
  it.effect("are swept away whatever process has their number by now; nothing else is", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      const inner = join(dataDir, "parquet", "source_mtu_daily", "workspace_id=w", "usage_month=2024-01-01");
      mkdirSync(inner, { recursive: true });
      const gone = spawnSync("true").pid;
      const name = (pid: number): string => `.data.parquet.${pid}.0123456789ab.tmp`;
      const swept = [name(gone), name(process.pid), name(process.ppid), `tmp_${name(gone)}`];
      const kept = ["data.parquet", ".data.parquet.1.tmp", "notes.tmp", `${name(gone)}.txt`];
      for (const file of [...swept, ...kept]) writeFileSync(join(inner, file), "");
      const removed = yield* sweep(dataDir);
      assert.deepStrictEqual(removed.toSorted(), swept.map((file) => join(inner, file)).toSorted());
      assert.deepStrictEqual(readdirSync(inner).toSorted(), kept.toSorted());
      assert.deepStrictEqual(yield* sweep(dataDir), []);
    }),
  );

  it.effect("of a process that was killed while it wrote have a name that is swept", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryDirectory;
      const path = join(dataDir, "parquet", "t", "data.parquet");
      const left: Array<string> = [];
      const leaving = spoiling((made) =>
        Effect.sync(() => {
          left.push(made.replace(`.${process.pid}.`, `.${spawnSync("true").pid}.`));
          writeFileSync(left[0]!, "half");
        }),
      );
      yield* publishFile(leaving, request(path));
      assert.deepStrictEqual(yield* sweep(dataDir), left);
      assert.deepStrictEqual(readdirSync(dirname(path)), ["data.parquet"]);
    }),
  );

  it.effect("there are none where there is nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* sweep(join(yield* temporaryDirectory, "missing")), []);
    }),
  );
});
