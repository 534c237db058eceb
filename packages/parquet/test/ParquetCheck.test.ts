import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import type { EncodeRequest, Row } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { checkFile } from "../src/ParquetCheck.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { everyType, everyTypeRows, mtuRow, mtuTable, openDuckDB, query, temporaryDirectory } from "./Setting.ts";

const metadata = { "segmeter.schema_version": "1", "segmeter.note": "ünï" };

const written = Effect.fn("written")(function* (rows: ReadonlyArray<Row>, table = everyType) {
  const request = { table, rows, metadata, path: join(yield* temporaryDirectory, "file.parquet") };
  yield* parquetJsEncoder.encode(request);
  return request;
});

const mismatch = Effect.fn("mismatch")(function* (request: EncodeRequest) {
  const error = yield* Effect.flip(checkFile(request));
  assert.strictEqual(error.reason, "Mismatch");
  return error.detail;
});

describe("passes", () => {
  for (const count of [0, 1, 100]) {
    it.effect(`${count} rows of every type`, () =>
      Effect.gen(function* () {
        yield* checkFile(yield* written(everyTypeRows(count)));
      }),
    );
  }

  it.effect("several row groups", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 50_001 }, (_, index) => mtuRow(index));
      yield* checkFile(yield* written(rows, mtuTable));
    }),
  );

  for (const compression of ["zstd", "gzip", "snappy", "uncompressed"]) {
    it.effect(`a file by DuckDB: ${compression}, dictionaries, own row groups, every column nullable`, () =>
      Effect.gen(function* () {
        const source = yield* written(everyTypeRows(5_000));
        const path = `${source.path}.duckdb`;
        const pairs = Object.entries(metadata).map(([key, value]) => `'${key}': '${value}'`);
        const options = `FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE 2048, KV_METADATA {${pairs}}`;
        yield* Effect.promise(() => query(`COPY (SELECT * FROM '${source.path}') TO '${path}' (${options})`));
        yield* checkFile({ ...source, path });
        const rows = source.rows.with(4_000, { ...source.rows[4_000], count: 12n });
        assert.include(yield* mismatch({ ...source, rows, path }), "count of row 4000");
      }),
    );
  }
});

describe("catches", () => {
  const others: Record<string, ReadonlyArray<Row[string]>> = {
    count: [5n, 2n ** 53n],
    count_or_null: [null, 5n],
    text: ["", "Plain"],
    text_or_null: [null, "other"],
    day: [5],
    day_or_null: [null, 5],
    instant: [1_704_067_200_000_000],
    instant_or_null: [null, 5],
    flag: [false],
    flag_or_null: [null, false],
  };
  for (const [column, values] of Object.entries(others)) {
    it.effect(`another value: ${column}`, () =>
      Effect.gen(function* () {
        const request = yield* written(everyTypeRows(100));
        for (const value of values) {
          const rows = request.rows.with(10, { ...request.rows[10], [column]: value });
          assert.include(yield* mismatch({ ...request, rows }), `as ${column} of row 10, not ${value}`);
        }
      }),
    );
  }

  it.effect("neighbouring counts and instants beyond what a double tells apart", () =>
    Effect.gen(function* () {
      const [row] = everyTypeRows(1, () => false);
      const request = yield* written([{ ...row, count: 2n ** 53n + 1n, instant: Number.MAX_SAFE_INTEGER }]);
      yield* mismatch({ ...request, rows: [{ ...request.rows[0], count: 2n ** 53n }] });
      yield* mismatch({ ...request, rows: [{ ...request.rows[0], instant: Number.MAX_SAFE_INTEGER - 1 }] });
    }),
  );

  it.effect("a value where null was to be", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(3, () => false));
      yield* mismatch({ ...request, rows: everyTypeRows(3, (row) => row === 2) });
    }),
  );

  it.effect("a missing row, one too many, two that changed places", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(100));
      assert.include(yield* mismatch({ ...request, rows: everyTypeRows(99) }), "has 100 rows, not 99");
      assert.include(yield* mismatch({ ...request, rows: everyTypeRows(101) }), "has 100 rows, not 101");
      yield* mismatch({ ...request, rows: [request.rows[1]!, request.rows[0]!, ...request.rows.slice(2)] });
    }),
  );

  it.effect("other columns", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(5));
      const { columns } = everyType;
      const changed = [
        columns.slice(1),
        columns.toReversed(),
        columns.with(0, { ...columns[0]!, name: "counts" }),
        columns.with(0, { ...columns[0]!, type: "TIMESTAMP" }),
        columns.with(4, { ...columns[4]!, type: "BIGINT" }),
      ];
      for (const wanted of changed) {
        const table = { ...everyType, columns: wanted };
        assert.include(yield* mismatch({ ...request, table }), "has the columns");
      }
    }),
  );

  it.effect("other metadata", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(5));
      yield* mismatch({ ...request, metadata: { ...metadata, "segmeter.note": "uni" } });
      yield* mismatch({ ...request, metadata: { ...metadata, "segmeter.more": "1" } });
      yield* mismatch({ ...request, metadata: { "segmeter.schema_version": "1" } });
    }),
  );

  const bytesOf = (value: bigint | string): Buffer => {
    if (typeof value === "string") return Buffer.from(value);
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  };
  /** What comes last in a file is its footer. */
  const lieIn = (path: string, truth: bigint | string, lie: bigint | string): void => {
    const bytes = readFileSync(path);
    const at = bytes.lastIndexOf(bytesOf(truth));
    assert.isAbove(at, 0);
    bytesOf(lie).copy(bytes, at);
    writeFileSync(path, bytes);
  };
  const lies: ReadonlyArray<readonly [title: string, truth: bigint | string, lie: bigint | string]> = [
    ["a greatest count that is too small", 900_000_000_000n, 899_999_999_999n],
    ["a least count that is too large", 800_000_000_000n, 800_000_000_001n],
    ["a greatest text that is too small", "zz-last", "zz-lasS"],
    ["a least text that is too large", "aa-first", "ab-first"],
  ];
  for (const [title, truth, lie] of lies) {
    it.effect(`statistics that hide rows: ${title}`, () =>
      Effect.gen(function* () {
        const rows = ([900_000_000_000n, 800_000_000_000n] as const).map((count, index) => ({
          ...everyTypeRows(1)[0],
          count,
          text: index === 0 ? "zz-last" : "aa-first",
        }));
        const request = yield* written(rows);
        lieIn(request.path, truth, lie);
        assert.include(yield* mismatch(request), "statistics");
      }),
    );
  }

  // By the halves of 64-bit integers, the lower of which is never negative.
  const spread: ReadonlyArray<readonly [counts: ReadonlyArray<bigint>, truth: bigint, lie: bigint]> = [
    [[7n, 2n ** 31n + 77n, 2n ** 30n], 2n ** 31n + 77n, 2n ** 31n + 76n],
    [[2n ** 33n + 2n ** 31n, 2n ** 33n + 77n], 2n ** 33n + 77n, 2n ** 33n + 78n],
    [[5n, -(2n ** 40n) - 77n, -1n], -(2n ** 40n) - 77n, -(2n ** 40n) - 76n],
    [[-(2n ** 40n) + 77n, -(2n ** 41n)], -(2n ** 40n) + 77n, -(2n ** 40n) + 76n],
  ];
  for (const [counts, truth, lie] of spread) {
    it.effect(`statistics that hide rows: counts ${counts.join(", ")}`, () =>
      Effect.gen(function* () {
        const request = yield* written(counts.map((count) => ({ ...everyTypeRows(1)[0], count })));
        yield* checkFile(request);
        lieIn(request.path, truth, lie);
        assert.include(yield* mismatch(request), "statistics");
      }),
    );
  }

  it.effect("a count of which one half alone is another", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(9));
      const { count } = request.rows[4]! as { readonly count: bigint };
      for (const other of [count ^ 1n, count ^ (1n << 31n), count ^ (1n << 32n), count ^ (1n << 62n)]) {
        const rows = request.rows.with(4, { ...request.rows[4], count: other });
        assert.include(yield* mismatch({ ...request, rows }), `count of row 4, not ${other}`);
      }
    }),
  );

  it.effect("a file that is cut off, at any length", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(20));
      const bytes = readFileSync(request.path);
      for (let length = 0; length < bytes.length; length += 7) {
        writeFileSync(request.path, bytes.subarray(0, length));
        yield* mismatch(request);
      }
    }),
  );

  it.effect("a file that is gone, as the system says it", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(1));
      rmSync(request.path);
      assert.include((yield* Effect.flip(checkFile(request))).detail, "ENOENT");
    }),
  );

  it.effect("every flipped byte that would change an answer", () =>
    Effect.gen(function* () {
      const request = yield* written(everyTypeRows(12));
      const bytes = readFileSync(request.path);
      const ask = yield* Effect.acquireRelease(Effect.promise(openDuckDB), ({ close }) => Effect.sync(close));
      const answer = (path: string): Effect.Effect<unknown> =>
        Effect.forEach(questions, (where) => Effect.promise(() => ask.query(`SELECT * FROM '${path}' ${where}`)));
      const right = yield* answer(request.path);
      const unnoticed: Array<number> = [];
      for (const index of bytes.keys()) {
        const flipped = Uint8Array.from(bytes);
        flipped[index]! ^= 0x11;
        const path = `${request.path}.${index}`;
        writeFileSync(path, flipped);
        const error = yield* Effect.match(checkFile({ ...request, path }), {
          onFailure: (error) => error,
          onSuccess: () => undefined,
        });
        if (error === undefined) unnoticed.push(index);
        else assert.strictEqual(error.reason, "Mismatch", error.message);
        rmSync(path);
      }
      // What the check lets pass are bytes that no answer hangs on, such as the name of the library.
      for (const index of unnoticed) {
        const flipped = Uint8Array.from(bytes);
        flipped[index]! ^= 0x11;
        const path = `${request.path}.${index}.again`;
        writeFileSync(path, flipped);
        const found = yield* Effect.catchCause(answer(path), () => Effect.succeed(right));
        assert.deepStrictEqual(found, right, `byte ${index} of ${bytes.length}`);
      }
      assert.isBelow(unnoticed.length / bytes.length, 0.3);
    }),
  );
});

/** Filters that DuckDB answers by the statistics where it can. */
const questions = [
  "",
  "WHERE count >= 9007199254740993",
  "WHERE count_or_null < 1",
  "WHERE text >= 'plain'",
  "WHERE text_or_null < 'plain'",
  "WHERE day < DATE '1970-01-12'",
  "WHERE instant >= TIMESTAMP '2024-01-01'",
  "WHERE instant_or_null IS NULL",
];
