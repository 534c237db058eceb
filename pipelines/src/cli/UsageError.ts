/**
 * Bad usage or configuration: what the user gave, and what is wanted instead. Ends with exit code 2.
 */
import * as Schema from "effect/Schema";

export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  /** What is wrong, in a sentence. */
  detail: Schema.String,
  /** What to give instead. */
  hint: Schema.String,
}) {
  override get message(): string {
    return `${this.detail} ${this.hint}`;
  }
}

export const usageError = (detail: string, hint: string): UsageError => new UsageError({ detail, hint });
