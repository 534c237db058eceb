/**
 * JSON as it was written: numbers in named fields are kept as the text that stood there, for `JSON.parse` rounds beyond 2^53.
 */
import * as Predicate from "effect/Predicate";

interface ReviverContext {
  readonly source?: string;
}

type ParseWithSource = (
  text: string,
  reviver: (this: unknown, key: string, value: unknown, context: ReviverContext) => unknown,
) => unknown;

/** Throws as `JSON.parse` does. Numbers in `fields` come back as strings, at any depth. About ten times slower. */
const parseKeepingNumbers = (text: string, fields: ReadonlySet<string>): unknown =>
  (JSON.parse as ParseWithSource)(text, (key, value, context) =>
    typeof value === "number" && fields.has(key) ? (context.source ?? value) : value,
  );

/**
 * Parses a body in which `rowsOf` finds the rows. The service sends counts as strings, so the slow way is taken only when a row
 * has a number in one of the `fields`.
 */
export const parseExactly = (
  text: string,
  fields: ReadonlySet<string>,
  rowsOf: (body: unknown) => unknown,
): unknown => {
  const body: unknown = JSON.parse(text);
  const rows = rowsOf(body);
  if (!Array.isArray(rows)) return body;
  const names = [...fields];
  const hasNumber = rows.some(
    (row: unknown) =>
      Predicate.isObject(row) && names.some((name) => typeof (row as Record<string, unknown>)[name] === "number"),
  );
  return hasNumber ? parseKeepingNumbers(text, fields) : body;
};
