/**
 * Runs the queries that it is sent over a data directory, and tells how each ended and what the database then is.
 */
import { openQuery, type Query, toJson } from "@segmeter/duckdb";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";

export interface Asked {
  readonly from: "duckdb" | "parquet";
  readonly sql: string;
  /** A file for the rows; by default they are the answer. */
  readonly into?: string;
}

export interface Answered {
  /** The rows as JSON, as many as were taken; a number for a file's. */
  readonly rows?: string;
  readonly error?: { readonly [name: string]: unknown };
  /** What should not be: neither rows nor an error of ours. */
  readonly defect?: string;
  /** Everything that a statement could have changed of the instance. */
  readonly state: string;
}

const [, , dataDir = ""] = process.argv;
const scope = Effect.runSync(Scope.make());
const open = (from: Asked["from"]) => Effect.runPromise(Scope.provide(openQuery({ dataDir, from }), scope));
const queries: Record<Asked["from"], Query> = { duckdb: await open("duckdb"), parquet: await open("parquet") };

const most = 500;

const rowsOf = (query: Query, sql: string) =>
  Effect.flatMap(query.run(sql), ({ rows }) =>
    Effect.map(Stream.runCollect(Stream.take(rows, most)), (taken) => taken.map(toJson).join("\n")),
  );

const state = `
  SELECT 'setting', name, value FROM duckdb_settings()
  UNION ALL SELECT 'table', table_name, sql FROM duckdb_tables()
  UNION ALL SELECT 'view', view_name, sql FROM duckdb_views() WHERE NOT internal
  UNION ALL SELECT 'database', database_name, path FROM duckdb_databases()
  UNION ALL SELECT 'variable', name, value::VARCHAR FROM duckdb_variables()
  ORDER BY ALL`;

process.on("message", async ({ from, into, sql }: Asked) => {
  const query = queries[from];
  const run: Effect.Effect<string, unknown> =
    into === undefined
      ? rowsOf(query, sql)
      : Effect.map(query.copyTo(sql, into, into.endsWith("csv") ? "csv" : "parquet"), String);
  // What takes long by its nature is interrupted; that has to end it, too.
  const exit = await Effect.runPromiseExit(Effect.timeoutOption(run, "3 seconds"));
  const answer: Omit<Answered, "state"> = Exit.match(exit, {
    onSuccess: (rows) => ({ rows: rows._tag === "Some" ? rows.value : "" }),
    onFailure: (cause) => {
      const fails = cause.reasons.filter(Cause.isFailReason);
      if (fails.length !== 1 || cause.reasons.length !== 1) return { defect: Cause.pretty(cause) };
      const { _tag, detail, hint, message, operation, reason } = fails[0]!.error as NonNullable<Answered["error"]>;
      return { error: { _tag, operation, reason, detail, hint, message } };
    },
  });
  process.send!({ ...answer, state: await Effect.runPromise(rowsOf(query, state)) } satisfies Answered);
});
