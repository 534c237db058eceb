/**
 * Values of a query's result in plain JavaScript, and as JSON text, exactly.
 *
 * Guarantees: no digit is lost. Integers of 64 bits and more are bigints, decimals are strings; JSON text has every integer as a
 * number literal with all its digits.
 */
import * as DuckDB from "@duckdb/node-api";
import * as Predicate from "effect/Predicate";

/**
 * - BOOLEAN: boolean; integers up to 32 bits, FLOAT, DOUBLE: number; wider integers: bigint; DECIMAL: string
 * - DATE: `YYYY-MM-DD`; TIMESTAMP, with or without zone: ISO-8601 in UTC, `Z` at the end
 * - LIST, ARRAY: array; STRUCT: object; MAP: array of `{key, value}`; UNION: `{tag, value}`; anything else: DuckDB's own text
 */
export type QueryValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | ReadonlyArray<QueryValue>
  | { readonly [name: string]: QueryValue };

/** A value of DuckDB's as a {@link QueryValue}. */
export const fromDuckDBValue = (value: DuckDB.DuckDBValue): QueryValue => {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof DuckDB.DuckDBListValue || value instanceof DuckDB.DuckDBArrayValue) {
    return value.items.map(fromDuckDBValue);
  }
  if (value instanceof DuckDB.DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, item]) => [name, fromDuckDBValue(item)]));
  }
  if (value instanceof DuckDB.DuckDBMapValue) {
    return value.entries.map((entry) => ({ key: fromDuckDBValue(entry.key), value: fromDuckDBValue(entry.value) }));
  }
  if (value instanceof DuckDB.DuckDBUnionValue) return { tag: value.tag, value: fromDuckDBValue(value.value) };
  if (value instanceof DuckDB.DuckDBVariantValue) return fromDuckDBValue(value.value);
  // Its own text would be in the machine's zone.
  if (value instanceof DuckDB.DuckDBTimestampTZValue) return iso(new DuckDB.DuckDBTimestampValue(value.micros));
  if (timestamps.some((type) => value instanceof type)) return iso(value);
  return value.toString();
};

const timestamps = [
  DuckDB.DuckDBTimestampValue,
  DuckDB.DuckDBTimestampSecondsValue,
  DuckDB.DuckDBTimestampMillisecondsValue,
  DuckDB.DuckDBTimestampNanosecondsValue,
];

/** `2024-01-01 00:00:00` → `2024-01-01T00:00:00Z`; infinity, and years before 1, which ISO-8601 has no form for, stay. */
const iso = (value: object): string => {
  const text = String(value);
  return /^\d+-\d\d-\d\d [\d:.]+$/.test(text) ? `${text.replace(" ", "T")}Z` : text;
};

/**
 * A value as JSON text, in one line. Integers are number literals with all digits, which a reader that parses them as doubles
 * may round. NaN and the infinities, which JSON lacks, are strings.
 */
export const toJson = (value: QueryValue): string => {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return JSON.stringify(String(value));
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (Predicate.isObject(value)) {
    const entries = Object.entries(value as Record<string, QueryValue>);
    return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${toJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
};
