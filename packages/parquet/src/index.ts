/**
 * The Parquet adapter: the sink, the encoder in pure JavaScript, and what keeps the files in order.
 */
export { checkFile } from "./ParquetCheck.ts";
export { sweepLeftovers } from "./ParquetFile.ts";
export { type CaptureFooter, captureMetadata, fileMetadata, type Metadata } from "./ParquetFooter.ts";
export { parquetJsEncoder } from "./ParquetJsEncoder.ts";
export { fileOf, filesOf, parquetDirectory, type TableFile } from "./ParquetLayout.ts";
export { readCapture, readRows } from "./ParquetReader.ts";
export { openParquetSink, type ParquetSinkOptions } from "./ParquetSink.ts";
