/**
 * SQL of any kind given to a query: it reads what it may read, or is refused; nothing changes, anywhere, and the process lives.
 */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as FastCheck from "fast-check";
import { lstatSync, readdirSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fill } from "../../packages/duckdb/test/DataDir.ts";
import { temporaryDirectory } from "../../pipelines/test/Command.ts";
import { ask } from "../../pipelines/test/Held.ts";
import { fuzz } from "./Fuzz.ts";
import type { Answered, Asked } from "./QueryProgram.ts";
import { sqlText } from "./SqlText.ts";
import { assertSaid } from "./Typed.ts";
import { makeWorker, type Worker } from "./Worker.ts";

const canary = "canary-that-no-query-may-see";

const scope = Effect.runSync(Scope.make());
let parent: string;
let worker: Worker<Asked, Answered>;
let before: ReadonlyArray<string>;
const states = new Map<string, string>();

const namesOf = async (column: string, from: string): Promise<ReadonlyArray<string>> =>
  (await ask(`SELECT DISTINCT ${column} AS name FROM ${from} ORDER BY ALL`)).map(({ name }) => String(name));

const vocabulary = {
  scalar: await namesOf("function_name", "duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro')"),
  table: await namesOf("function_name", "duckdb_functions() WHERE function_type IN ('table', 'table_macro', 'pragma')"),
  settings: await namesOf("name", "duckdb_settings()"),
};

beforeAll(async () => {
  parent = await Effect.runPromise(Scope.provide(temporaryDirectory, scope));
  await Promise.all(["tmp", "home", "out"].map((name) => mkdir(join(parent, name))));
  await writeFile(join(parent, "secret.csv"), `${canary}\n`);
  await Effect.runPromise(Effect.scoped(fill(join(parent, "data"), ["w1"])));
  const env = { HOME: join(parent, "home"), TMPDIR: join(parent, "tmp"), SECRET: canary };
  worker = makeWorker(new URL("QueryProgram.ts", import.meta.url), [join(parent, "data")], env);
  before = marksOf(parent);
});

afterAll(async () => {
  await worker.close();
  await Effect.runPromise(Scope.close(scope, Exit.void));
});

/** Every file and directory, with what changes when it is written: no process can set the time of a change. */
const marksOf = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !/^tmp\/segmeter-query-[^/]+$/.test(name))
    .toSorted()
    .map((name) => {
      const { ctimeNs, ino, size } = lstatSync(join(directory, name), { bigint: true });
      return `${name} ${ino} ${changes.has(name) ? "" : `${size} ${ctimeNs}`}`;
    });

/** Directories in which something may come and go. */
const changes: ReadonlySet<string> = new Set(["out", "tmp"]);

/** Nothing is changed, nothing seen that may not be seen, and what went wrong is said. */
const assertHarmless = async (asked: Asked, { defect, error, rows, state }: Answered): Promise<void> => {
  assert.isUndefined(defect);
  if (error !== undefined) {
    assert.strictEqual(error["_tag"], "QueryError");
    for (const name of ["operation", "reason", "detail", "hint"]) assert.isNotEmpty(error[name], name);
    const { detail, message } = error;
    assertSaid(String(message).replace(String(detail), ""));
    assert.notMatch(String(message), /^\s+at .+:\d+/m);
  }
  assert.notInclude(`${rows} ${String(error?.["message"]).replaceAll(asked.sql, "")}`, canary);
  const known = states.get(asked.from) ?? state;
  states.set(asked.from, known);
  assert.strictEqual(state, known, "the database is as it was");
  assert.deepStrictEqual(marksOf(parent), before);
};

describe("SQL", () => {
  const asked = FastCheck.record({
    from: FastCheck.constantFrom("duckdb" as const, "parquet" as const),
    sql: sqlText(vocabulary),
  });
  const named = (sql: string) => sql.replaceAll("DATA", join(parent, "data")).replaceAll("OUT", parent);

  fuzz(
    "reads what it may, or is refused, and changes nothing",
    15,
    FastCheck.asyncProperty(asked, async ({ from, sql }) => {
      const question = { from, sql: named(sql) };
      await assertHarmless(question, await worker.ask(question));
    }),
  );

  fuzz(
    "for a file writes that file alone, whole or not at all",
    5,
    FastCheck.asyncProperty(asked, FastCheck.constantFrom("csv", "parquet"), async ({ from, sql }, format) => {
      const into = join(parent, "out", `rows.${format}`);
      const question = { from, sql: named(sql), into };
      const answered = await worker.ask(question);
      const made = await readdir(join(parent, "out"));
      assert.deepStrictEqual(made, answered.rows === undefined || answered.rows === "" ? [] : [`rows.${format}`]);
      for (const name of made) await rm(join(parent, "out", name));
      await assertHarmless(question, answered);
    }),
  );
});
