import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { type Capture, Instant, type SinkError, type Table, usageTables, UsageMonth } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { checksumOf } from "../src/Checksum.ts";
import { captureMetadata, fileMetadata } from "../src/ParquetFooter.ts";
import { publishFile } from "../src/ParquetFile.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { fileOf, type TableFile } from "../src/ParquetLayout.ts";
import { readCapture, readCaptured, readFile, readRows } from "../src/ParquetReader.ts";
import { mtuRow, mtuTable, query, temporaryDirectory } from "./Setting.ts";

const month = Option.getOrThrow(UsageMonth.parse("2024-01"));

const capture: Capture.Capture = {
  captureId: "capture-1",
  runId: "run-1",
  partition: { workspaceId: "w 1", dataset: "source-mtu", month },
  state: "open",
  outcome: "captured",
  rows: 40,
  pages: 3,
  requests: 5,
  retries: 2,
  warnings: [{ gate: "missing-day", message: `ünï "quoted" 😀` }],
  capturedAt: 1_706_745_600_000_001,
};

const rows = Array.from({ length: 40 }, (_, index) => mtuRow(index));

const place = Effect.fn("place")(function* (table: Table = mtuTable) {
  const dataDir = yield* temporaryDirectory;
  const path = yield* fileOf(dataDir, table, "w 1", month);
  return { path, workspaceId: "w 1", month } satisfies TableFile;
});

const published = Effect.fn("published")(function* (metadata: Record<string, string> = {}) {
  const file = yield* place();
  const footer = { ...captureMetadata({ capture, rows }), ...metadata };
  yield* publishFile(parquetJsEncoder, { table: mtuTable, rows, metadata: footer, path: file.path });
  return file;
});

const refused = Effect.fn("refused")(function* (file: TableFile) {
  const errors = [
    yield* Effect.flip(readCapture(mtuTable, file)),
    yield* Effect.flip(readCaptured(mtuTable, file)),
    yield* Effect.flip(readRows(mtuTable, file)),
  ];
  for (const error of errors) assert.include(error.detail, file.path);
  const [{ reason }] = errors as [(typeof errors)[number]];
  assert.deepStrictEqual(
    errors.map((error) => error.reason),
    [reason, reason, reason],
  );
  return reason;
});

describe("a file of ours", () => {
  it.effect("comes back with its capture, its period and its rows", () =>
    Effect.gen(function* () {
      const file = yield* published();
      const footer = { capture, periodStart: rows[0]!.period_start, periodEnd: rows[0]!.period_end };
      assert.deepStrictEqual(yield* readCapture(mtuTable, file), footer);
      assert.deepStrictEqual(yield* readRows(mtuTable, file), rows);
      assert.deepStrictEqual(yield* readCaptured(mtuTable, file), { ...footer, rows });
    }),
  );

  it.effect("says in its footer, to any reader, what the contract names", () =>
    Effect.gen(function* () {
      const { path } = yield* published();
      const sql = `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${path}')`;
      const pairs = yield* Effect.promise(() => query(sql));
      assert.deepStrictEqual(Object.fromEntries(pairs.map(({ key, value }) => [key, value])), {
        "segmeter.schema_version": "2",
        "segmeter.checksum": checksumOf(mtuTable, rows),
        "segmeter.table": "source_mtu_daily",
        "segmeter.workspace_id": "w 1",
        "segmeter.usage_month": "2024-01-01",
        "segmeter.capture_id": "capture-1",
        "segmeter.dataset": "source-mtu",
        "segmeter.state": "open",
        "segmeter.outcome": "captured",
        "segmeter.rows": "40",
        "segmeter.pages": "3",
        "segmeter.requests": "5",
        "segmeter.retries": "2",
        "segmeter.warnings": `[{"gate":"missing-day","message":"ünï \\"quoted\\" 😀"}]`,
        "segmeter.captured_at": "2024-02-01T00:00:00.000001Z",
        "segmeter.run_id": "run-1",
        "segmeter.period_start": "2024-01-01T00:00:00Z",
        "segmeter.period_end": "2024-01-31T23:59:59.999999Z",
      });
    }),
  );

  it("has the calendar month for a period where its rows name none", () => {
    const metadata = captureMetadata({ capture, rows: [] });
    assert.strictEqual(metadata["segmeter.period_start"], "2024-01-01T00:00:00Z");
    assert.strictEqual(metadata["segmeter.period_end"], "2024-02-01T00:00:00Z");
    const later = { ...rows[0]!, period_start: Instant.fromMillis(1), period_end: Instant.fromMillis(2e12) };
    const wider = captureMetadata({ capture, rows: [rows[0]!, later, rows[1]!] });
    assert.strictEqual(wider["segmeter.period_start"], "1970-01-01T00:00:00.001Z");
    assert.strictEqual(wider["segmeter.period_end"], "2033-05-18T03:33:20Z");
  });

  it.effect("tells its capture from its tail alone", () =>
    Effect.gen(function* () {
      const file = yield* place();
      const many = Array.from({ length: 30_000 }, (_, index) => mtuRow(index));
      const metadata = captureMetadata({ capture, rows: many });
      yield* publishFile(parquetJsEncoder, { table: mtuTable, rows: many, metadata, path: file.path });
      const bytes = readFileSync(file.path);
      assert.isAbove(bytes.length, 150_000);
      writeFileSync(file.path, bytes.fill(0, 4, bytes.length - 64 * 1024));
      assert.deepStrictEqual((yield* readCapture(mtuTable, file)).capture, capture);
      assert.strictEqual((yield* Effect.flip(readRows(mtuTable, file))).reason, "Damaged");
    }),
  );
});

describe("damaged", () => {
  it.effect("a file that is cut off, at any length", () =>
    Effect.gen(function* () {
      const file = yield* published();
      const bytes = readFileSync(file.path);
      for (let length = 0; length < bytes.length; length += 11) {
        writeFileSync(file.path, bytes.subarray(0, length));
        assert.strictEqual(yield* refused(file), "Damaged", `${length} bytes`);
      }
    }),
  );

  it.effect("a file with a bit flipped in any byte fails by name or reads as it was written", () =>
    Effect.gen(function* () {
      const file = yield* published();
      const bytes = readFileSync(file.path);
      const bits = [0x02, 0x04, 0x10];
      for (const index of bytes.keys()) {
        const flipped = Uint8Array.from(bytes);
        flipped[index]! ^= bits[index % bits.length]!;
        writeFileSync(file.path, flipped);
        const found = yield* Effect.match(readRows(mtuTable, file), {
          onFailure: (error) => error.detail,
          onSuccess: (read) => read,
        });
        if (typeof found === "string") assert.include(found, file.path);
        else assert.deepStrictEqual(found, rows, `byte ${index} of ${bytes.length}`);
      }
    }),
  );

  const footers: Record<string, string> = {
    "segmeter.rows": "-1",
    "segmeter.pages": "many",
    "segmeter.captured_at": "yesterday",
    "segmeter.period_end": "",
    "segmeter.outcome": "lost",
    "segmeter.state": "",
    "segmeter.dataset": "source-mtus",
    "segmeter.warnings": "[",
  };
  for (const [key, value] of Object.entries(footers)) {
    it.effect(`a footer with ${key} = ${JSON.stringify(value)}`, () =>
      Effect.gen(function* () {
        const file = yield* published({ [key]: value });
        const error = yield* Effect.flip(readCapture(mtuTable, file));
        assert.strictEqual(error.reason, "Damaged");
        assert.include(error.detail, file.path);
      }),
    );
  }

  const unproven: Record<string, readonly [detail: RegExp, metadata: Record<string, string>]> = {
    "rows that are not those of its checksum": [
      /other rows than were written/,
      { "segmeter.checksum": checksumOf(mtuTable, rows.slice(1)) },
    ],
    "no checksum at all": [/no checksum/, {}],
  };
  for (const [title, [detail, metadata]] of Object.entries(unproven)) {
    it.effect(`a file with ${title}; its footer can be read all the same`, () =>
      Effect.gen(function* () {
        const file = yield* place();
        const { "segmeter.checksum": _, ...footer } = captureMetadata({ capture, rows });
        const request = { table: mtuTable, rows, metadata: { ...footer, ...metadata }, path: file.path };
        yield* publishFile(parquetJsEncoder, request);
        for (const read of [readRows, readCaptured, readFile]) {
          const error = yield* Effect.flip(read(mtuTable, file) as Effect.Effect<unknown, SinkError>);
          assert.strictEqual(error.reason, "Damaged");
          assert.match(error.detail, detail);
          assert.include(error.hint, "segmeter verify --repair");
        }
        assert.deepStrictEqual((yield* readCapture(mtuTable, file)).capture, capture);
        const first = { ...request, metadata: { ...request.metadata, "segmeter.schema_version": "1" } };
        yield* publishFile(parquetJsEncoder, first);
        assert.deepStrictEqual(yield* readRows(mtuTable, file), rows, "version 1 had none");
      }),
    );
  }

  it.effect("a file without a column of the table", () =>
    Effect.gen(function* () {
      const file = yield* place();
      const table = { ...mtuTable, columns: mtuTable.columns.filter(({ name }) => name !== "day") };
      const less = rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => name !== "day")));
      const metadata = fileMetadata(table, file, less);
      yield* publishFile(parquetJsEncoder, { table, rows: less, metadata, path: file.path });
      const error = yield* Effect.flip(readRows(mtuTable, file));
      assert.strictEqual(error.reason, "Damaged");
      assert.include(error.detail, "no column day");
    }),
  );
});

describe("foreign", () => {
  const contents: Record<string, string | Uint8Array> = {
    "a text": "day,source_id\n2024-01-01,a\n",
    "a short text": "x",
    zeros: new Uint8Array(1_000),
  };
  for (const [title, content] of Object.entries(contents)) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const file = yield* place();
        mkdirSync(dirname(file.path), { recursive: true });
        writeFileSync(file.path, content);
        assert.strictEqual(yield* refused(file), "Foreign");
      }),
    );
  }

  it.effect("a directory of that name", () =>
    Effect.gen(function* () {
      const file = yield* place();
      mkdirSync(file.path, { recursive: true });
      assert.strictEqual(yield* refused(file), "Foreign");
    }),
  );

  it.effect("a Parquet file that another program wrote", () =>
    Effect.gen(function* () {
      const file = yield* place();
      mkdirSync(dirname(file.path), { recursive: true });
      yield* Effect.promise(() => query(`COPY (SELECT 1 AS day) TO '${file.path}' (FORMAT parquet)`));
      assert.strictEqual(yield* refused(file), "Foreign");
    }),
  );

  const elsewhere: Record<string, string> = {
    "segmeter.schema_version": "3",
    "segmeter.table": "workspace_mtu_daily",
    "segmeter.workspace_id": "w 2",
    "segmeter.usage_month": "2024-02-01",
  };
  for (const [key, value] of Object.entries(elsewhere)) {
    it.effect(`a file that belongs elsewhere: ${key} = ${value}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* refused(yield* published({ [key]: value })), "Foreign");
      }),
    );
  }

  it.effect("is not what a missing file is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(readCapture(usageTables.source_mtu_daily, yield* place()));
      assert.include(error.detail, "ENOENT");
    }),
  );
});
