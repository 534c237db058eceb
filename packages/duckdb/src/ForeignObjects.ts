/**
 * What a database of ours holds beside what segmeter made in it: what its user would lose if the file were made anew.
 */
import { type SinkError, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { connect } from "./DuckDBConnection.ts";
import { fromDuckDB } from "./DuckDBFailure.ts";
import { openDuckDBFile } from "./DuckDBFile.ts";
import { macros } from "./DuckDBMacros.ts";
import { views } from "./DuckDBViews.ts";

/** Names as they are without quotes; `schema` is left out where it is `main`. */
const listObjects = `
  SELECT 'schema' AS kind, NULL AS schema, schema_name AS name FROM duckdb_schemas()
    WHERE NOT internal AND database_name = current_database()
  UNION ALL SELECT 'table', schema_name, table_name FROM duckdb_tables()
    WHERE NOT internal AND database_name = current_database()
  UNION ALL SELECT 'view', schema_name, view_name FROM duckdb_views()
    WHERE NOT internal AND database_name = current_database()
  UNION ALL SELECT DISTINCT 'macro', schema_name, function_name FROM duckdb_functions()
    WHERE NOT internal AND database_name = current_database()
  UNION ALL SELECT 'index', schema_name, index_name FROM duckdb_indexes() WHERE database_name = current_database()
  UNION ALL SELECT 'sequence', schema_name, sequence_name FROM duckdb_sequences()
    WHERE database_name = current_database()
  UNION ALL SELECT 'type', schema_name, type_name FROM duckdb_types()
    WHERE NOT internal AND database_name = current_database()`;

/** Of every version: `internal.held` was a table, and is a view. */
const ours = new Set([
  "schema main",
  "schema internal",
  "table internal.held",
  "view internal.held",
  "table internal.held_captures",
  "table internal.schema_version",
  ...tables.map(({ name }) => `table ${name}`),
  ...views.map(({ name }) => `view ${name}`),
  ...macros.map(({ name }) => `macro ${name}`),
]);

/**
 * The objects in the database at `path` that are not segmeter's, such as `table notes` or `view reports.weekly`. Sorted.
 * The file is opened read-only and closed again. Errors: as opening it read-only.
 */
export const foreignObjects = Effect.fn("foreignObjects")(function* (
  path: string,
): Effect.fn.Return<ReadonlyArray<string>, SinkError> {
  return yield* Effect.scoped(list(path));
});

const list = Effect.fnUntraced(function* (
  path: string,
): Effect.fn.Return<ReadonlyArray<string>, SinkError, Scope.Scope> {
  const failed = (cause: unknown) => fromDuckDB(`look into ${path}`, path, cause);
  const instance = yield* openDuckDBFile({ path, access: "read-only" });
  const connection = yield* connect(instance, failed);
  const rows = yield* Effect.tryPromise({
    try: async () => (await connection.run(listObjects)).getRowsJS(),
    catch: failed,
  });
  return rows
    .map(([kind, schema, name]) =>
      schema === null || schema === "main" ? `${kind} ${name}` : `${kind} ${schema}.${name}`,
    )
    .filter((object) => !ours.has(object))
    .toSorted();
});
