/**
 * Writing to stdout at the reader's pace.
 */
import * as Effect from "effect/Effect";

/** Ends when stdout has taken the text: a slow reader holds the writer back, and not the memory. */
export const write = (text: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    process.stdout.write(text, () => resume(Effect.void));
  });
