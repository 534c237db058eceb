/**
 * The encoders side by side over one month of source usage: ours, and hyparquet-writer. Prints milliseconds and bytes by name, the
 * least of several rounds.
 */
import { makeDuckDBEncoder } from "@segmeter/duckdb";
import { type Encoder, usageTables } from "@segmeter/domain";
import { parquetJsEncoder } from "@segmeter/parquet";
import * as Effect from "effect/Effect";
import { parquetWriteFile } from "hyparquet-writer";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

const [dataDir = ".", count = "300000", rounds = "3"] = process.argv.slice(2);
const table = usageTables.source_mtu_daily;
const start = Date.UTC(2024, 0, 1);
const rows = Array.from({ length: Number(count) }, (_, index) => {
  const day = index % 31;
  const base = BigInt((index * 7_919) % 1_000_003);
  return {
    day: start / 86_400_000 + day,
    period_start: start * 1000,
    period_end: Date.UTC(2024, 1, 1) * 1000,
    source_id: `source-${String(Math.floor(index / 31)).padStart(12, "0")}`,
    anonymous: base,
    anonymous_identified: base / 3n,
    identified: base / 2n,
    never_identified: base - base / 3n,
    snapshot_at: (start + day * 86_400_000) * 1000,
    observed_at: Date.UTC(2024, 1, 9) * 1000,
  };
});

const ours = (encoder: Encoder) => (path: string) =>
  Effect.runPromise(encoder.encode({ table, rows, metadata: {}, path }));

const types = {
  VARCHAR: "STRING",
  DATE: "INT32",
  TIMESTAMP: "TIMESTAMP",
  BIGINT: "INT64",
  BOOLEAN: "BOOLEAN",
} as const;
const hyparquet = async (filename: string): Promise<void> => {
  parquetWriteFile({
    filename,
    columnData: table.columns.map(({ name, type }) => {
      const values = rows.map((row) => (row as Readonly<Record<string, unknown>>)[name]);
      const data = type === "TIMESTAMP" ? values.map((value) => new Date(Number(value) / 1000)) : values;
      return { name, data, type: types[type], nullable: false } as never;
    }),
  });
};

await mkdir(dataDir, { recursive: true });
await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const encoders = {
        "parquetjs-lite": ours(parquetJsEncoder),
        DuckDB: ours(yield* makeDuckDBEncoder()),
        "hyparquet-writer": hyparquet,
      };
      const least = new Map<string, number>();
      const bytes = new Map<string, number>();
      for (let round = 0; round < Number(rounds); round++) {
        for (const [name, encode] of Object.entries(encoders)) {
          const path = join(dataDir, `${name}-${round}.parquet`);
          const began = performance.now();
          yield* Effect.promise(() => encode(path));
          least.set(name, Math.min(least.get(name) ?? Infinity, performance.now() - began));
          bytes.set(name, (yield* Effect.promise(() => stat(path))).size);
        }
      }
      const report = Object.keys(encoders).map((name) => ({ name, ms: least.get(name), bytes: bytes.get(name) }));
      process.stdout.write(`${JSON.stringify(report)}\n`);
    }),
  ),
);
