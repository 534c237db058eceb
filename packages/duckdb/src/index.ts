/**
 * The DuckDB adapter: the sink, the Parquet encoder that is DuckDB's COPY, and SQL over what was captured.
 */
export { makeDuckDBEncoder } from "./DuckDBEncoder.ts";
export { openQuery, type Query, type QueryColumn, type QueryResult } from "./DuckDBQuery.ts";
export { type Macro, macros } from "./DuckDBMacros.ts";
export { openDuckDBSink } from "./DuckDBSink.ts";
export { type View, views } from "./DuckDBViews.ts";
export { foreignObjects } from "./ForeignObjects.ts";
export type { CopyFormat } from "./QueryCopy.ts";
export { QueryError, QueryReason } from "./QueryError.ts";
export { type QueryValue, toJson } from "./QueryValue.ts";
