/**
 * One column of a run of rows, taken out and held against its type: what an encoder may write without altering a value.
 */
import {
  type Column,
  type ColumnData,
  type ColumnType,
  readerOf,
  shown,
  sinkError,
  type Table,
  type Value,
} from "@segmeter/domain";

export type Defined = Exclude<Value, null>;

/** Not copied where they are there as they are. */
export type Values = ReadonlyArray<Defined> | Float64Array | BigInt64Array;

export interface ColumnValues {
  /** The values that are not null, in row order. */
  readonly values: Values;
  /** One per row: 1 for a value, 0 for null. */
  readonly levels: ReadonlyArray<number>;
  readonly nulls: number;
  /** Undefined without values, and where statistics would not help a reader. */
  readonly bounds: Bounds | undefined;
}

/** The least and the greatest value in the order of the Parquet format, where text is ordered by its UTF-8 bytes. */
export interface Bounds {
  readonly min: Defined;
  readonly max: Defined;
}

/** 9999-12-31, the last day that every reader prints. */
const lastDay = 2_932_896;

/** What an encoder may write without altering it, of values that are of the column's type. */
const holds: { readonly [Type in ColumnType]: (value: Defined) => boolean } = {
  // A lone surrogate has no UTF-8 form; it would be written as another character.
  VARCHAR: (value) => (value as string).isWellFormed(),
  DATE: (value) => isWhole(value as number, lastDay),
  TIMESTAMP: (value) => isWhole(value as number, Number.MAX_SAFE_INTEGER),
  BIGINT: () => true,
  BOOLEAN: () => true,
};

const isWhole = (value: number, max: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= max;

/**
 * The values of one column in the rows `[from, to)`. Memory: 8 bytes for a text or a flag, 16 where there are nulls.
 * Throws a `SinkError` (`Unrepresentable`) at the first value that the column's type cannot hold exactly.
 */
export const columnValues = (
  table: Table,
  column: Column,
  data: ColumnData,
  from: number,
  to: number,
): ColumnValues => {
  const { nullable, type } = column;
  const fits = holds[type];
  const read = readerOf(type, data);
  if (data.nulls === undefined) {
    const values = valuesOf(type, data, from, to);
    const misfit = type === "BIGINT" ? -1 : values.findIndex((value: Defined) => !fits(value));
    if (misfit >= 0) throw unrepresentable(table, column, from + misfit, values[misfit]!);
    return { values, levels: allSet(to - from), nulls: 0, bounds: boundsOf(type, values) };
  }
  const values: Array<Defined> = [];
  const levels: Array<number> = [];
  for (let index = from; index < to; index += 1) {
    const value = read(index);
    if (value === null && nullable === true) {
      levels.push(0);
    } else if (value !== null && fits(value)) {
      values.push(value);
      levels.push(1);
    } else {
      throw unrepresentable(table, column, index, value);
    }
  }
  return { values, levels, nulls: levels.length - values.length, bounds: boundsOf(type, values) };
};

const valuesOf = (type: ColumnType, data: ColumnData, from: number, to: number): Values => {
  const { values } = data;
  if (values instanceof Float64Array || values instanceof BigInt64Array) return values.subarray(from, to);
  const read = readerOf(type, data);
  return Array.from({ length: to - from }, (_, index) => read(from + index)!);
};

/** The columns of a file have one length, and few have a null. */
const allSet = (count: number): ReadonlyArray<number> => {
  if (lastSet.length !== count) lastSet = Array.from({ length: count }, () => 1);
  return lastSet;
};
let lastSet: ReadonlyArray<number> = [];

const unrepresentable = (table: Table, { name, type }: Column, index: number, value: Value) => {
  const detail = `Row ${index + 1} has ${shown(value)} for ${name}, which is no ${type} of a Parquet file.`;
  return sinkError(`write ${table.name}`, "Unrepresentable", detail);
};

/** Longer texts (warnings, arguments) would only make the footer heavy. Bytes. */
const longestBound = 64;

/** Undefined without values, for BOOLEAN, and for texts of which the least or the greatest is over `longest` bytes. */
export const boundsOf = (type: ColumnType, values: Values, longest = longestBound): Bounds | undefined => {
  if (values.length === 0 || type === "BOOLEAN") return undefined;
  return type === "VARCHAR" ? textBounds(values as ReadonlyArray<string>, longest) : numberBounds(values);
};

const numberBounds = (values: Values): Bounds => {
  let [min, max] = [values[0]!, values[0]!];
  // By place: an iterator over a typed array costs more than all that is done here.
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max };
};

const textBounds = (values: ReadonlyArray<string>, longest: number): Bounds | undefined => {
  // `<` on strings goes by UTF-16, where 😀 comes before ﬀ; readers go by bytes and would skip groups that match.
  const sorted = [...new Set(values)].map((text) => Buffer.from(text)).sort(Buffer.compare);
  const [min, max] = [sorted[0]!, sorted.at(-1)!];
  return Math.max(min.length, max.length) > longest ? undefined : { min: min.toString(), max: max.toString() };
};
