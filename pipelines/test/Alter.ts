/**
 * A database changed behind the tool's back.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { databaseOf } from "./Held.ts";

export const alter = async (dataDir: string, ...statements: ReadonlyArray<string>): Promise<void> => {
  const instance = await DuckDBInstance.create(databaseOf(dataDir));
  const connection = await instance.connect();
  for (const sql of statements) await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
};
