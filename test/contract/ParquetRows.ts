/**
 * The rows of a table from its Parquet files, read by DuckDB the way a user would: over a glob, with Hive partitioning.
 */
import { globSync } from "node:fs";
import { type Row, type Table, partitionColumns } from "@segmeter/domain";
import { selectRows } from "./ForeignReader.ts";

export const parquetRows = async (dataDir: string, table: Table): Promise<ReadonlyArray<Row>> => {
  const files = `${dataDir}/parquet/${table.name}/**/*.parquet`;
  // DuckDB takes a pattern that matches nothing for a mistake.
  if (globSync(files).length === 0) return [];
  const types = partitionColumns(table).map(({ name, type }) => `'${name}': ${type}`);
  return selectRows(":memory:", `read_parquet('${files}', hive_partitioning = true, hive_types = {${types}})`, table);
};
