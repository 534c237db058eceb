/**
 * How the values of our column types are stored in a Parquet file, and how they are taken out without altering them.
 */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { ColumnType } from "@segmeter/domain";
import type { DecodedArray, SchemaElement } from "hyparquet";

/** INT64 as bigint, INT32 as number, BYTE_ARRAY as text, BOOLEAN as boolean; null or undefined for null. */
export type Decoded = ArrayLike<bigint | number | string | boolean | null | undefined>;

/** Undefined: a type that no table of ours has. */
export const columnType = ({
  converted_type: converted,
  logical_type: logical,
  type,
}: SchemaElement): ColumnType | undefined => {
  switch (type) {
    case "BYTE_ARRAY":
      return converted === "UTF8" || logical?.type === "STRING" ? "VARCHAR" : undefined;
    case "INT32":
      return converted === "DATE" || logical?.type === "DATE" ? "DATE" : undefined;
    case "INT64":
      if (converted === "TIMESTAMP_MICROS") return "TIMESTAMP";
      if (logical?.type === "TIMESTAMP") return logical.unit === "MICROS" ? "TIMESTAMP" : undefined;
      return converted === "INT_64" || (converted === undefined && logical === undefined) ? "BIGINT" : undefined;
    case "BOOLEAN":
      return "BOOLEAN";
    default:
      return undefined;
  }
};

/** Without its logical type the library hands an integer on as it is stored, and leaves only text to the parser. */
export const withoutLogicalType = (element: SchemaElement): SchemaElement => {
  const bare = { ...element };
  delete bare.converted_type;
  delete bare.logical_type;
  return bare;
};

const kinds: Record<string, string> = { INT64: "bigint", INT32: "number", BYTE_ARRAY: "string", BOOLEAN: "boolean" };

/** Whether the values are what the schema says; a damaged page header can make the library take them for others. */
export const areStored = (values: DecodedArray, type: SchemaElement["type"]): values is DecodedArray & Decoded => {
  const kind = kinds[type ?? ""];
  if (values instanceof BigInt64Array) return kind === "bigint";
  if (values instanceof Int32Array) return kind === "number";
  return (
    Array.isArray(values) && values.every((value) => value === null || value === undefined || typeof value === kind)
  );
};

// Node's own zlib is native, and unlike the JavaScript ports it checks the checksum that a gzip stream ends with.
export const compressors = {
  GZIP: (input: Uint8Array, size: number) => gunzipSync(input, { maxOutputLength: Math.max(size, 1) }),
  ZSTD: (input: Uint8Array, size: number) => zstdDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
};

/** A byte order mark is kept, which a `TextDecoder` would take away. */
export const text = (bytes: Uint8Array): string => Buffer.prototype.utf8Slice.call(bytes, 0, bytes.length);

/** For the footer's statistics: as stored. */
export const exact = {
  timestampFromMilliseconds: (value: bigint) => value,
  timestampFromMicroseconds: (value: bigint) => value,
  timestampFromNanoseconds: (value: bigint) => value,
  dateFromDays: (value: number) => value,
  stringFromBytes: (value: Uint8Array) => value,
};
