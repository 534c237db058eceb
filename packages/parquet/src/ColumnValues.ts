/**
 * One column of a run of rows, taken out and held against its type: what an encoder may write without altering a value.
 */
import { type Column, type ColumnType, type Row, sinkError, type Table, type Value } from "@segmeter/domain";

export type Defined = Exclude<Value, null>;

export interface ColumnValues {
  /** The values that are not null, in row order. */
  readonly values: Array<Defined>;
  /** One per row: 1 for a value, 0 for null. */
  readonly levels: Array<number>;
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
const least = -(2n ** 63n);
const greatest = 2n ** 63n - 1n;

const isWhole = (value: unknown, max: number): boolean => Number.isSafeInteger(value) && inRange(value as number, max);
const inRange = (value: number, max: number): boolean => value >= 0 && value <= max;

const holds: { readonly [Type in ColumnType]: (value: unknown) => boolean } = {
  // A lone surrogate has no UTF-8 form; it would be written as another character.
  VARCHAR: (value) => typeof value === "string" && value.isWellFormed(),
  DATE: (value) => isWhole(value, lastDay),
  TIMESTAMP: (value) => isWhole(value, Number.MAX_SAFE_INTEGER),
  BIGINT: (value) => typeof value === "bigint" && value >= least && value <= greatest,
  BOOLEAN: (value) => typeof value === "boolean",
};

/**
 * The values of one column in `rows[from..to)`. Memory: 16 bytes a row beside the values themselves.
 * Throws a `SinkError` (`Unrepresentable`) at the first value that the column's type cannot hold exactly.
 */
export const columnValues = (
  table: Table,
  column: Column,
  rows: ReadonlyArray<Row>,
  from: number,
  to: number,
): ColumnValues => {
  const { name, nullable, type } = column;
  const fits = holds[type];
  const values: Array<Defined> = [];
  const levels: Array<number> = [];
  for (let index = from; index < to; index += 1) {
    const value = rows[index]![name];
    if (value === null && nullable === true) {
      levels.push(0);
    } else if (value !== undefined && value !== null && fits(value)) {
      values.push(value);
      levels.push(1);
    } else {
      throw unrepresentable(table, column, index, value);
    }
  }
  return { values, levels, nulls: levels.length - values.length, bounds: boundsOf(type, values) };
};

/** Throws a `SinkError` (`Unrepresentable`) when a row has a column that the table does not have: it would be lost. */
export const refuseUnknownColumns = (table: Table, rows: ReadonlyArray<Row>): void => {
  const known = new Set(table.columns.map(({ name }) => name));
  for (const [index, row] of rows.entries()) {
    for (const name in row) {
      if (!known.has(name)) {
        const detail = `Row ${index} has a column ${name}, which the table ${table.name} does not have.`;
        throw sinkError(`write ${table.name}`, "Unrepresentable", detail);
      }
    }
  }
};

const unrepresentable = (table: Table, column: Column, index: number, value: unknown) => {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  const expected = `${column.type}${column.nullable === true ? "" : " that is not null"}`;
  const detail = `Row ${index} of ${table.name}: ${column.name} is ${shown} (${typeof value}), not a ${expected}.`;
  return sinkError(`write ${table.name}`, "Unrepresentable", detail);
};

/** Longer texts (warnings, arguments) would only make the footer heavy. Bytes. */
const longestBound = 64;

/** Undefined without values, for BOOLEAN, and for texts of which the least or the greatest is over `longest` bytes. */
export const boundsOf = (
  type: ColumnType,
  values: ReadonlyArray<Defined>,
  longest = longestBound,
): Bounds | undefined => {
  if (values.length === 0 || type === "BOOLEAN") return undefined;
  return type === "VARCHAR" ? textBounds(values as ReadonlyArray<string>, longest) : numberBounds(values);
};

const numberBounds = (values: ReadonlyArray<Defined>): Bounds => {
  let [min, max] = [values[0]!, values[0]!];
  for (const value of values) {
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
