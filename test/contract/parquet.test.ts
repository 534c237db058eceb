import { makeDuckDBEncoder } from "@segmeter/duckdb";
import { openParquetSink, parquetJsEncoder } from "@segmeter/parquet";
import * as Effect from "effect/Effect";
import { parquetRows } from "./ParquetRows.ts";
import { sinkContract } from "./SinkContract.ts";

const options = { rowsOf: parquetRows };

sinkContract(
  "parquet, encoded by parquetjs",
  (dataDir) => openParquetSink({ dataDir, encoder: parquetJsEncoder }),
  options,
);

sinkContract(
  "parquet, encoded by duckdb",
  (dataDir) => Effect.flatMap(makeDuckDBEncoder(), (encoder) => openParquetSink({ dataDir, encoder })),
  options,
);
