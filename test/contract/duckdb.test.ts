import { join } from "node:path";
import { openDuckDBSink } from "@segmeter/duckdb";
import { selectRows } from "./ForeignReader.ts";
import { sinkContract } from "./SinkContract.ts";

const databaseOf = (dataDir: string): string => join(dataDir, "segmeter.duckdb");

sinkContract("duckdb", (dataDir) => openDuckDBSink({ path: databaseOf(dataDir) }), {
  rowsOf: (dataDir, table) => selectRows(databaseOf(dataDir), table.name, table),
});
