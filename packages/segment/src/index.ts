/**
 * The adapter of the Segment Public API: the only place that knows its wire format, its limits and its failures.
 */
export * from "./CallTally.ts";
export * from "./SegmentClient.ts";
export * from "./SegmentConfig.ts";
export * from "./SegmentError.ts";
export * from "./ServiceClock.ts";
export { type UsageOperation, usageOperations } from "./Wire.ts";
export { decodeWireRow, type WireRow } from "./WireRow.ts";
