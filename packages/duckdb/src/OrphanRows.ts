/**
 * Takes rows that belong to no capture out of the database without losing them: they become Parquet files in `damaged/`, beside the
 * database.
 */
import {
  fromSystemError,
  Instant,
  now,
  type Partition,
  revisionTableOf,
  type SinkError,
  usageTableOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as Ledger from "./DuckDBLedger.ts";
import type { Transact } from "./DuckDBSession.ts";
import { quoteText } from "./Quote.ts";

/** Moves the rows and revisions of a partition; says where to in a sentence. All or nothing. */
export const setOrphansAside = Effect.fn("setOrphansAside")(function* (
  transact: Transact,
  path: string,
  partition: Partition.Partition,
): Effect.fn.Return<string, SinkError> {
  const stamp = Instant.format(yield* now).replaceAll(/[-:.]/g, "");
  const directory = join(dirname(path), "damaged");
  yield* Effect.tryPromise({
    try: () => mkdir(directory, { recursive: true, mode: 0o700 }),
    catch: (cause) => fromSystemError(`make ${directory}`, cause),
  });
  const moved: Array<string> = [];
  yield* transact(`put rows of ${partition.dataset} ${partition.month} aside`, async (connection) => {
    for (const { name } of [usageTableOf(partition), revisionTableOf(partition)]) {
      const target = join(directory, `${stamp}-${crypto.randomUUID().slice(0, 6)}-${name}.parquet`);
      const where = "workspace_id = $1 AND usage_month = $2";
      const key = Ledger.keyOf(partition);
      const [[rows] = []] = await (
        await connection.run(`SELECT count(*) FROM ${name} WHERE ${where}`, key)
      ).getRowsJS();
      if (Number(rows) === 0) continue;
      await connection.run(`COPY (FROM ${name} WHERE ${where}) TO ${quoteText(target)} (FORMAT parquet)`, key);
      await connection.run(`DELETE FROM ${name} WHERE ${where}`, key);
      moved.push(`${Number(rows)} rows of ${name} to ${target}`);
    }
  });
  return `Moved ${moved.join(", ")}.`;
});
