/**
 * What one writes first: the official SDK, one call after the other; each month to a Parquet file with parquetjs-lite's
 * `appendRow`, and to a DuckDB table with its row appender.
 */
import { DuckDBInstance, DuckDBTimestampValue } from "@duckdb/node-api";
import sdk from "@segment/public-api-sdk-typescript";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { partitions, task } from "./Walk.ts";

/** The package brings no types. */
interface Parquet {
  readonly ParquetSchema: new (fields: Readonly<Record<string, object>>) => object;
  readonly ParquetWriter: { readonly openFile: (schema: object, path: string) => Promise<ParquetWriter> };
}
interface ParquetWriter {
  readonly appendRow: (row: object) => Promise<void>;
  readonly close: () => Promise<void>;
}
const { ParquetSchema, ParquetWriter } = createRequire(import.meta.url)("parquetjs-lite") as Parquet;

const given = task();
const opened = <A extends { accessToken: string | (() => string) }>(Api: new (basePath: string) => A): A => {
  const api = new Api(given.url);
  api.accessToken = given.token;
  return api;
};
const mtu = opened(sdk.MonthlyTrackedUsersApi);
const calls = opened(sdk.APICallsApi);

type Figures = Readonly<Record<string, string | number>>;
type Page = { readonly rows: ReadonlyArray<object>; readonly next: string | null | undefined };
type Ask = (period: string, pagination: { count: number; cursor?: string }) => Promise<Page>;

const asks: Readonly<Record<string, Ask>> = {
  "workspace-mtu": async (period, pagination) => {
    const { dailyWorkspaceMTUUsage: rows, pagination: at } = (await mtu.getDailyWorkspaceMTUUsage(period, pagination))
      .body.data!;
    return { rows, next: at.next };
  },
  "source-mtu": async (period, pagination) => {
    const { dailyPerSourceMTUUsage: rows, pagination: at } = (await mtu.getDailyPerSourceMTUUsage(period, pagination))
      .body.data!;
    return { rows, next: at.next };
  },
  "workspace-api-calls": async (period, pagination) => {
    const found = (await calls.getDailyWorkspaceAPICallsUsage(period, pagination)).body.data!;
    return { rows: found.dailyWorkspaceAPICallsUsage, next: found.pagination.next };
  },
  "source-api-calls": async (period, pagination) => {
    const found = (await calls.getDailyPerSourceAPICallsUsage(period, pagination)).body.data!;
    return { rows: found.dailyPerSourceAPICallsUsage, next: found.pagination.next };
  },
};

const counts = ["anonymous", "anonymousIdentified", "identified", "neverIdentified", "apiCalls"];
const kindOf = (name: string): "text" | "count" | "instant" =>
  counts.includes(name) ? "count" : name === "sourceId" ? "text" : "instant";
const millis = (name: string, value: string | number): number =>
  name === "timestamp" ? Date.parse(String(value)) : Number(value) * 1000;

await mkdir(given.dataDir, { recursive: true });
const instance = await DuckDBInstance.create(join(given.dataDir, "usage.duckdb"));
const connection = await instance.connect();
const parquetTypes = { text: "UTF8", count: "INT64", instant: "TIMESTAMP_MILLIS" } as const;
const duckdbTypes = { text: "VARCHAR", count: "BIGINT", instant: "TIMESTAMP" } as const;

for (const [dataset, month] of partitions(given)) {
  const table = dataset.replaceAll("-", "_");
  let writer: ParquetWriter | undefined;
  let appender: Awaited<ReturnType<typeof connection.createAppender>> | undefined;
  for (let cursor: string | null | undefined = ""; cursor !== undefined && cursor !== null;) {
    const page: Page = await asks[dataset]!(`${month}-01`, { count: 1000, ...(cursor === "" ? {} : { cursor }) });
    for (const row of page.rows as ReadonlyArray<Figures>) {
      const names = Object.keys(row);
      if (writer === undefined || appender === undefined) {
        const schema = new ParquetSchema(
          Object.fromEntries(names.map((name) => [name, { type: parquetTypes[kindOf(name)], compression: "GZIP" }])),
        );
        writer = await ParquetWriter.openFile(schema, join(given.dataDir, `${dataset}-${month}.parquet`));
        const columns = names.map((name) => `"${name}" ${duckdbTypes[kindOf(name)]}`).join(", ");
        await connection.run(`CREATE TABLE IF NOT EXISTS ${table} (${columns})`);
        appender = await connection.createAppender(table);
      }
      const written: Record<string, string | number> = {};
      for (const name of names) {
        const value = row[name]!;
        const kind = kindOf(name);
        if (kind === "text") appender.appendVarchar(String(value));
        else if (kind === "count") appender.appendBigInt(BigInt(value));
        else appender.appendTimestamp(new DuckDBTimestampValue(BigInt(millis(name, value)) * 1000n));
        written[name] = kind === "text" ? value : kind === "count" ? Number(value) : millis(name, value);
      }
      appender.endRow();
      await writer.appendRow(written);
    }
    cursor = page.next;
  }
  appender?.closeSync();
  await writer?.close();
}
connection.closeSync();
instance.closeSync();
