/**
 * The encoder port: writes the rows of one table to one new file. The Parquet sink uses it; an encoder need not know where its
 * file ends up, nor when it becomes visible.
 */
import type * as Effect from "effect/Effect";
import type { Rows } from "./Columns.ts";
import type { SinkError } from "./SinkError.ts";
import type { Table } from "./Table.ts";

export interface EncodeRequest {
  readonly table: Table;
  /** Keyed by column name, in the order in which they are to be written; or by column. */
  readonly rows: Rows;
  /** Key–value pairs for the file's footer. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Must not exist yet. The encoder creates it; on failure the caller removes what is left of it. */
  readonly path: string;
}

export interface Encoder {
  readonly name: "parquetjs" | "duckdb";
  /** When it succeeds the file is on the disk to stay, and this user's alone. Memory: the file's columns, about 100 bytes a row. */
  readonly encode: (request: EncodeRequest) => Effect.Effect<void, SinkError>;
}
