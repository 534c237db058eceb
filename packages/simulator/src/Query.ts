/**
 * Reads the query of a request, and refuses what the service refuses.
 *
 * Guarantees: both ways of writing nested parameters are understood, `pagination.count` as documented and
 * `pagination[count]` as the official SDKs send; cursors mean something to this module alone.
 */
import { type MonthNumber, parseMonth } from "./Month.ts";

/** A query, decoded; nested names are written with a dot. */
export type Query = Readonly<Record<string, string>>;

/** What is wrong with a parameter. Source: the entries of `errors` in a 422. */
export interface InvalidParameter {
  readonly field: string;
  readonly message: string;
}

/** Where a page begins. */
export interface Cursor {
  /** Pages walked before, 0 for the first. */
  readonly page: number;
  /** Rows before the first row of the page. */
  readonly offset: number;
}

/** The first page. */
export const firstCursor: Cursor = { page: 0, offset: 0 };

/** The cursor as the wire has it: opaque base64. */
export function encodeCursor({ page, offset }: Cursor): string {
  return Buffer.from(`${page}:${offset}`).toString("base64");
}

/** Decodes the query of a URL; the last of two values for one name counts. */
export function readQuery(search: URLSearchParams): Query {
  const query: Record<string, string> = {};
  for (const [name, value] of search) query[name.replace(/\[([^\]]*)\]/g, ".$1")] = value;
  return query;
}

/**
 * The usage month that `period` names.
 * Shape: the first day of a month, `2021-02-01`, or midnight of it in UTC.
 */
export function readPeriod(query: Query): MonthNumber | InvalidParameter {
  const text = query["period"];
  if (text === undefined || text === "") return { field: "period", message: '"period" is required' };
  const month = /^(\d{4}-\d{2})-01(T00:00(:00(\.0+)?)?(Z|\+00:00))?$/.exec(text)?.[1];
  const read = month === undefined ? undefined : parseMonth(month);
  return (
    read ?? {
      field: "period",
      message: '"period" must be the first day of a month in ISO 8601 format',
    }
  );
}

/** The page size that `pagination.count` names. */
export function readCount(query: Query, maxPageSize: number): number | InvalidParameter {
  const field = "pagination.count";
  const text = query[field];
  if (text === undefined || text === "") return { field, message: `"${field}" is required` };
  if (!/^-?\d{1,15}$/.test(text)) return { field, message: `"${field}" must be an integer` };
  const count = Number(text);
  if (count < 1) return { field, message: `"${field}" must be greater than or equal to 1` };
  if (count > maxPageSize) return { field, message: `"${field}" must be less than or equal to ${maxPageSize}` };
  return count;
}

/** The page that `pagination.cursor` names; the first when there is none. Rows are `total` in all. */
export function readCursor(query: Query, total: number): Cursor | InvalidParameter {
  const text = query["pagination.cursor"];
  if (text === undefined) return firstCursor;
  const match = /^(\d{1,9}):(\d{1,9})$/.exec(Buffer.from(text, "base64").toString());
  const cursor = { page: Number(match?.[1]), offset: Number(match?.[2]) };
  // Decoding base64 passes over what is not base64, so only a cursor that encodes to itself was given out here.
  const isOurs = match !== null && encodeCursor(cursor) === text && cursor.offset <= total;
  return isOurs ? cursor : { field: "pagination.cursor", message: '"pagination.cursor" is not a valid cursor' };
}
