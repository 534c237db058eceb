/**
 * The domain: months, datasets, tables, partitions, captures, and the ports that adapters implement. Knows no technology.
 */
export * as Books from "./Books.ts";
export * as Capture from "./Capture.ts";
export * as Instant from "./Instant.ts";
export * as Name from "./Name.ts";
export * as Partition from "./Partition.ts";
export * as Run from "./Run.ts";
export * as UsageMonth from "./UsageMonth.ts";
export * from "./Columns.ts";
export * from "./Dataset.ts";
export * from "./Encoder.ts";
export * from "./Fault.ts";
export * from "./HistoryFaults.ts";
export * from "./MemorySink.ts";
export * from "./Now.ts";
export * from "./Sink.ts";
export * from "./SinkError.ts";
export * from "./Table.ts";
export * from "./UsageColumns.ts";
export * from "./UsageKey.ts";
