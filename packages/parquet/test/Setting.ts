/**
 * What the tests of this package stand on: a directory that goes away, two tables, and DuckDB as a reader.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Row, type SourceMtuRow, type Table, usageTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** A new directory for the time of the scope. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-parquet-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true })),
);

/** Every type, required and nullable. */
export const everyType: Table = {
  name: "every_type",
  partitioning: "workspace",
  key: ["count"],
  columns: [
    { name: "count", type: "BIGINT", doc: "" },
    { name: "count_or_null", type: "BIGINT", nullable: true, doc: "" },
    { name: "text", type: "VARCHAR", doc: "" },
    { name: "text_or_null", type: "VARCHAR", nullable: true, doc: "" },
    { name: "day", type: "DATE", doc: "" },
    { name: "day_or_null", type: "DATE", nullable: true, doc: "" },
    { name: "instant", type: "TIMESTAMP", doc: "" },
    { name: "instant_or_null", type: "TIMESTAMP", nullable: true, doc: "" },
    { name: "flag", type: "BOOLEAN", doc: "" },
    { name: "flag_or_null", type: "BOOLEAN", nullable: true, doc: "" },
  ],
};

const texts = [
  "",
  "plain",
  'it\'s "quoted"',
  "ünïcödé",
  "日本語",
  "ﬀ",
  "😀",
  "\uFEFFmark",
  "zero\0byte",
  "line\nbreak",
  "\uFFFD",
];
const counts = [0n, 1n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

/** Rows of {@link everyType}; `isNull` says where the nullable columns are null. */
export const everyTypeRows = (count: number, isNull: (row: number) => boolean = (row) => row % 3 === 0): Array<Row> =>
  Array.from({ length: count }, (_, row) => {
    const values = {
      count: counts[row % counts.length]!,
      text: texts[row % texts.length]!,
      day: row === 1 ? 2_932_896 : row % 20_000,
      instant: row === 1 ? Number.MAX_SAFE_INTEGER : 1_704_067_200_000_001 + row,
      flag: row % 2 === 0,
    };
    const nullable = Object.entries(values).map(([name, value]) => [`${name}_or_null`, isNull(row) ? null : value]);
    return { ...values, ...Object.fromEntries(nullable) };
  });

export const mtuTable = usageTables.source_mtu_daily;

export const mtuRow = (index: number): SourceMtuRow => ({
  day: 19_723 + (index % 31),
  source_id: `source-${index % 97}`,
  period_start: 1_704_067_200_000_000,
  period_end: 1_706_745_599_999_999,
  anonymous: BigInt((index * 7_919) % 10_007) - 5_000n,
  anonymous_identified: BigInt(index),
  identified: 2n ** 53n + BigInt(index),
  never_identified: 0n,
  snapshot_at: 1_704_067_200_000_001 + index,
  observed_at: 1_706_745_600_000_000,
});

export interface DuckDB {
  /** The rows, with counts as bigint. */
  readonly query: (sql: string) => Promise<ReadonlyArray<Record<string, unknown>>>;
  readonly close: () => void;
}

export const openDuckDB = async (): Promise<DuckDB> => {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  return {
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowObjects(),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
};

/** One query by a DuckDB of its own. */
export const query: DuckDB["query"] = async (sql) => {
  const { close, query } = await openDuckDB();
  return query(sql).finally(close);
};
