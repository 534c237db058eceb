/**
 * The Parquet adapter: the sink, the encoder in pure JavaScript, and what keeps the files in order.
 */
export { checkFile } from "./ParquetCheck.ts";
export {
  type CaptureFooter,
  captureMetadata,
  fileMetadata,
  type Metadata,
  revisionsMetadata,
  schemaVersion,
} from "./ParquetFooter.ts";
export { checksumOf } from "./Checksum.ts";
export { directoryVersion } from "./DirectoryVersion.ts";
export { parquetJsEncoder } from "./ParquetJsEncoder.ts";
export { fileOf, filesOf, parquetDirectory, type TableFile } from "./ParquetLayout.ts";
export { migrateFiles } from "./ParquetMigration.ts";
export { readCapture, readRows } from "./ParquetReader.ts";
export { recover, type Recovery } from "./ParquetRecovery.ts";
export { openParquetSink, type ParquetSinkOptions } from "./ParquetSink.ts";
