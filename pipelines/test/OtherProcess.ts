/**
 * Other programs that have to do with the database file: one that holds it open, and one that made it.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { fileURLToPath } from "node:url";
import { type Running, startProgram, until } from "./Command.ts";

/** Where a program written here finds DuckDB. */
const home = fileURLToPath(new URL("..", import.meta.url));

const hold = `
import { DuckDBInstance } from "@duckdb/node-api";
const instance = await DuckDBInstance.create(process.argv[1]);
await instance.connect();
console.log("held");
setInterval(() => instance, 60_000);
`;

/** A process that has the file open for writing, until the scope closes; makes it where there is none. */
export const holdDatabase = (path: string): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function* () {
    const args = ["--input-type=module", "--eval", hold, path];
    const running = yield* startProgram(process.execPath, args, { cwd: home });
    yield* until("the database is held", () => running.stdout().includes("held"));
    return running;
  });

/** A database of somebody else's, with a table in it. */
export const makeForeignDatabase = async (path: string): Promise<void> => {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run("CREATE TABLE invoices AS SELECT 1 AS id");
  connection.closeSync();
  instance.closeSync();
};
