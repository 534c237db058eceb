/**
 * The one error of a sink: what it was doing, why it failed, and what the user can do about it.
 */
import * as Schema from "effect/Schema";

/**
 * - `Unwritable`: no permission, a read-only file system, a path that is no directory
 * - `Full`: no space left, a quota reached, a file as large as is allowed
 * - `Busy`: another process holds the store
 * - `Foreign`: the path holds something that segmeter did not make
 * - `Damaged`: a file of ours that cannot be read
 * - `Mismatch`: what was read back is not what was written
 * - `Unrepresentable`: a value that the store cannot hold exactly
 * - `Broken`: anything else that the store said
 */
export const SinkReason = Schema.Literals([
  "Unwritable",
  "Full",
  "Busy",
  "Foreign",
  "Damaged",
  "Mismatch",
  "Unrepresentable",
  "Broken",
]);
export type SinkReason = typeof SinkReason.Type;

export class SinkError extends Schema.TaggedError<SinkError>()("SinkError", {
  /** What was being done, such as `replace source-mtu 2024-01`. */
  operation: Schema.String,
  reason: SinkReason,
  /** What happened, in a sentence. */
  detail: Schema.String,
  /** What the user can do. */
  hint: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `${this.operation}: ${this.detail} ${this.hint}`;
  }
}

const hints: Record<SinkReason, string> = {
  Unwritable: "Choose a directory that this user may write to, with --data-dir.",
  Full: "Free some space, then run the command again: what was committed is kept.",
  Busy: "Wait for the other process to end, or stop it, then run the command again.",
  Foreign: "Choose another --data-dir, or move the file out of the way.",
  Damaged: "Run segmeter verify --repair; it takes the file's content from the other sink where that has it.",
  Mismatch: "The file was not kept. Run the command again; if it happens twice, check the disk.",
  Unrepresentable: "Nothing was stored for this partition.",
  Broken: "What was committed is kept. Run the command again.",
};

/** The error for a reason, with that reason's hint unless a better one is at hand. */
export const sinkError = (
  operation: string,
  reason: SinkReason,
  detail: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): SinkError =>
  new SinkError({
    operation,
    reason,
    detail,
    hint: options.hint ?? hints[reason],
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });

const reasonOfCode: Record<string, SinkReason> = {
  EACCES: "Unwritable",
  EPERM: "Unwritable",
  EROFS: "Unwritable",
  ENOTDIR: "Unwritable",
  EEXIST: "Unwritable",
  ENAMETOOLONG: "Unwritable",
  ELOOP: "Unwritable",
  EISDIR: "Foreign",
  ENOSPC: "Full",
  EDQUOT: "Full",
  EFBIG: "Full",
};

/** Where a reason's hint would send the user the wrong way. */
const hintOfCode: Record<string, string> = {
  ENAMETOOLONG: "Choose a directory with a shorter path, with --data-dir.",
  EFBIG: "Raise the limit on the size of files (ulimit -f), then run the command again: what was committed is kept.",
};

/** The error for a failed call of Node's file system, by its code. */
export const fromSystemError = (operation: string, cause: unknown): SinkError => {
  const { code = "", message = String(cause) } = (cause ?? {}) as NodeJS.ErrnoException;
  const hint = hintOfCode[code];
  return sinkError(operation, reasonOfCode[code] ?? "Broken", `${message}.`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
};
