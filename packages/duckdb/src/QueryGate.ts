/**
 * The gate that every query passes before it runs: one statement, which only reads.
 *
 * DuckDB's own locks do most of it: the file is opened read-only, no path outside the data directory can be opened, no setting
 * changed, no extension loaded. They leave two holes that this gate closes: COPY and EXPLAIN ANALYZE COPY may write inside the
 * data directory, and so may functions that look like tables (`enable_logging` with a file, for one). So only a SELECT passes,
 * and only when its plan, after every view, macro and `query('…')` is resolved, has none of those functions.
 */
import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from "@duckdb/node-api";
import * as Predicate from "effect/Predicate";
import { messageOf } from "./DuckDBFailure.ts";
import { fromQuery, QueryError, refused } from "./QueryError.ts";
import { quoteText } from "./Quote.ts";

/** Table functions that change something. A test lists all that DuckDB has, so that a new version's cannot slip in. */
export const refusedFunctions: ReadonlyArray<string> = [
  "checkpoint",
  "disable_logging",
  "disable_peg_parser",
  "disable_profiling",
  "enable_logging",
  "enable_peg_parser",
  "enable_profiling",
  "force_checkpoint",
  "truncate_duckdb_logs",
];

/** The statement as a table, whatever it ends in; DuckDB takes one SELECT there and nothing else. */
export const asTable = (sql: string): string => `query(${quoteText(sql)})`;

/** The statement, prepared and found harmless; the caller destroys it. Throws a `QueryError`. Nothing is run. */
export const admit = async (
  connection: DuckDBConnection,
  operation: string,
  sql: string,
): Promise<DuckDBPreparedStatement> => {
  if (sql.includes("\0")) throw refused(operation, "the text has a NUL character in it.");
  const statement = await prepareOnly(connection, operation, sql);
  try {
    if (statement.statementType !== StatementType.SELECT) {
      throw refused(operation, `this is ${article(StatementType[statement.statementType])} statement.`);
    }
    if (statement.parameterCount > 0) throw refused(operation, "there are no values for its parameters.");
    const called = (await plannedOperators(connection, operation, sql)).find((name) => refusedFunctions.includes(name));
    if (called !== undefined) throw refused(operation, `${called} changes settings or files.`);
    return statement;
  } catch (cause) {
    statement.destroySync();
    throw cause;
  }
};

const prepareOnly = async (connection: DuckDBConnection, operation: string, sql: string) => {
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) {
      const hint = "Run them one by one. A PIVOT counts as two unless its values are named: PIVOT … ON column IN (…).";
      throw refused(operation, "this is more than one statement.", { hint });
    }
    return await statements.prepare(0);
  } catch (cause) {
    // What the binding says when there is nothing but blanks and comments.
    if (messageOf(cause) === "Error in native callback") throw refused(operation, "there is no statement.", { cause });
    const error = fromQuery(operation, cause);
    const [, verb = ""] = firstWord.exec(sql) ?? [];
    // Else `INSERT INTO nowhere` would be about a table that is not there.
    throw writing.test(verb) && !(cause instanceof QueryError)
      ? refused(operation, `this is ${article(verb.toUpperCase())} statement.`, { cause })
      : error;
  }
};

const firstWord = /^(?:\s|--.*\n|\/\*[^]*?\*\/)*([a-z]+)/i;

const writing =
  /^(alter|attach|call|comment|copy|create|delete|detach|drop|export|import|insert|install|load|merge|truncate|update)$/i;

/** The names of all operators and table functions that the statement would run, in lower case. */
const plannedOperators = async (
  connection: DuckDBConnection,
  operation: string,
  sql: string,
): Promise<ReadonlyArray<string>> => {
  const rows = await connection.run(`EXPLAIN (FORMAT json) FROM ${asTable(sql)}`).then(
    (result) => result.getRowsJS(),
    // PRAGMA comes here: it prepares as a SELECT, and is none.
    (cause: unknown) => {
      throw refused(operation, "this is no SELECT statement.", { cause });
    },
  );
  return rows.flatMap(([, plan]) => namesIn(JSON.parse(String(plan))));
};

const namesIn = (node: unknown): ReadonlyArray<string> => {
  if (Array.isArray(node)) return node.flatMap(namesIn);
  if (!Predicate.isObject(node)) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    typeof value === "string" && (key === "name" || key === "Function") ? [value.trim().toLowerCase()] : namesIn(value),
  );
};

const article = (name = "unknown"): string => `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name.replaceAll("_", " ")}`;
