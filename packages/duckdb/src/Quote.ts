/**
 * Quoting for the few places where SQL takes no bound value: names, and the paths and metadata of COPY and read_parquet.
 */

/** A name as a quoted SQL identifier. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A text as an SQL string literal. The text must hold no NUL: the native binding would end the statement there. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A path in which DuckDB's glob takes every character for itself. */
export const escapeGlob = (path: string): string => path.replace(/[*?[]/g, "[$&]");
