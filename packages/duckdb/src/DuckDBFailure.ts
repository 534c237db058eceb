/**
 * What DuckDB's messages mean. DuckDB tells its errors apart by text alone; this is the one place that reads it.
 *
 * Guarantees: a `SinkError` keeps its reason and gets the outer operation; the cause is kept; the detail is one line.
 */
import { SinkError, type SinkReason, sinkError } from "@segmeter/domain";
import { basename } from "node:path";

interface Meaning {
  readonly pattern: RegExp;
  readonly reason: SinkReason;
  /** In plain words, where DuckDB's own are not. */
  readonly detail?: (path: string, match: RegExpExecArray) => string;
  readonly hint?: string;
}

// In order: the first that matches counts.
const meanings: ReadonlyArray<Meaning> = [
  {
    pattern: /Conflicting lock is held in (.+?) \(PID (\d+)\)/,
    reason: "Busy",
    detail: (path, [, program = "", pid]) => `${path} is held by process ${pid} (${basename(program)}).`,
  },
  {
    pattern: /Could not set lock|Conflicting lock/,
    reason: "Busy",
    detail: (path) => `${path} is held by another process.`,
  },
  {
    pattern: /not a valid DuckDB database/,
    reason: "Foreign",
    detail: (path) => `${path} is not a DuckDB database.`,
  },
  {
    pattern: /with version number|newer version of DuckDB|older version of DuckDB/,
    reason: "Foreign",
    hint: "Another version of DuckDB wrote the file. Use that version, or choose another --data-dir.",
  },
  { pattern: /Is a directory/, reason: "Foreign", detail: (path) => `${path} is a directory.` },
  {
    pattern: /Corrupt|checksum|Could not read enough bytes|Serialization Error|INTERNAL Error|WAL file/,
    reason: "Damaged",
  },
  {
    pattern: /File too large/,
    reason: "Full",
    hint: "Raise the limit on the size of files (ulimit -f), then run the command again: what was committed is kept.",
  },
  { pattern: /No space left|Disk quota|Could not write (all )?bytes|failed to offload/i, reason: "Full" },
  { pattern: /Permission denied|Read-only file system|Not a directory|No such file/, reason: "Unwritable" },
  { pattern: /Out of Memory/i, reason: "Broken", hint: "Give the process more memory, then run the command again." },
];

/** The text of DuckDB's error without its stack; all lines, since those after the first point at the place in the SQL. */
export const messageOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/^Failed to extract statements: /, "").trim();

/** The `SinkError` for something that failed at a database file or a Parquet file. `Broken` where the text is unknown. */
export const fromDuckDB = (operation: string, path: string, cause: unknown): SinkError => {
  if (cause instanceof SinkError) return sinkError(operation, cause.reason, cause.detail, cause);
  const message = messageOf(cause);
  for (const { detail, hint, pattern, reason } of meanings) {
    const match = pattern.exec(message);
    if (match === null) continue;
    const options = hint === undefined ? { cause } : { cause, hint };
    return sinkError(operation, reason, detail?.(path, match) ?? inOneLine(path, message), options);
  }
  return sinkError(operation, "Broken", inOneLine(path, message), { cause });
};

const inOneLine = (path: string, message: string): string => {
  const line = message.split("\n", 1)[0] ?? "";
  return `${path}: ${line}${/[.!]$/.test(line) ? "" : "."}`;
};
