/**
 * The one error of a query: why it did not run or did not finish, with DuckDB's message and its caret under the place.
 */
import * as Schema from "effect/Schema";
import { messageOf } from "./DuckDBFailure.ts";

/**
 * - `Invalid`: not SQL, or names something that is not there
 * - `Refused`: would write, change a setting, or read outside the data directory
 * - `Failed`: went wrong while it ran, such as a division or a cast, or a damaged file
 * - `Unwritable`: the file that the rows were to go to cannot be written
 *
 * None is worth a retry as it is.
 */
export const QueryReason = Schema.Literals(["Invalid", "Refused", "Failed", "Unwritable"]);
export type QueryReason = typeof QueryReason.Type;

export class QueryError extends Schema.TaggedError<QueryError>()("QueryError", {
  /** What was being done: `query`, or `query into <path>`. */
  operation: Schema.String,
  reason: QueryReason,
  /** What happened. May have several lines: DuckDB's own, which point at the place in the SQL. */
  detail: Schema.String,
  /** What the user can do. */
  hint: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    // DuckDB's caret points at the line above it; the hint must not stand beside it.
    return `${this.operation}: ${this.detail}${this.detail.includes("\n") ? "\n" : " "}${this.hint}`;
  }
}

const hints: Record<QueryReason, string> = {
  Invalid: "SHOW TABLES lists tables and views; DESCRIBE <table> its columns.",
  Refused: "Use one SELECT over the tables and views that SHOW TABLES lists.",
  Failed: "Change the query; the data is as it was.",
  Unwritable: "Name a file in a directory that this user may write to.",
};

export const queryError = (
  operation: string,
  reason: QueryReason,
  detail: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): QueryError =>
  new QueryError({
    operation,
    reason,
    detail,
    hint: options.hint ?? hints[reason],
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });

/** The one message for whatever is refused. */
export const refused = (
  operation: string,
  what: string,
  options?: { readonly hint?: string; readonly cause?: unknown },
) => queryError(operation, "Refused", `A query only reads, and only the data directory: ${what}`, options);

// The last: what DuckDB says from the second time on when its secrets are asked for.
const forbidden =
  /Permission Error|disabled (by|through) configuration|configuration has been locked|read-only mode|^Invalid Configuration Error: Secret Storage/;
const misunderstood = /^(Parser|Binder|Catalog|Syntax) Error/;

/** The error for what DuckDB threw. */
export const fromQuery = (operation: string, cause: unknown): QueryError => {
  if (cause instanceof QueryError) return cause;
  // The place in a statement that the user did not write is none to point at.
  const message = messageOf(cause).replace(/\n\nLINE \d+: (COPY|.*\bquery\()[^]*$/, "");
  if (forbidden.test(message)) return refused(operation, message, { cause });
  return queryError(operation, misunderstood.test(message) ? "Invalid" : "Failed", message, { cause });
};
