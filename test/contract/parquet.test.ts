import { openParquetSink, parquetJsEncoder } from "@segmeter/parquet";
import { parquetRows } from "./ParquetRows.ts";
import { sinkContract } from "./SinkContract.ts";

sinkContract("parquet, by parquetjs", (dataDir) => openParquetSink({ dataDir, encoder: parquetJsEncoder }), {
  rowsOf: parquetRows,
});
