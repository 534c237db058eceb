/**
 * Writing to stdout at the reader's pace.
 */
import * as Effect from "effect/Effect";

/**
 * Ends when stdout has taken the text: a slow reader holds the writer back, and not the memory. Dies when it can't be written;
 * see {@link isReaderGone}.
 */
export const write = (text: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    process.stdout.write(text, (error) => resume(error ? Effect.die(error) : Effect.void));
  });

/** Whether a command died because nobody reads on, as after `| head`. */
export const isReaderGone = (defect: unknown): boolean =>
  (defect as NodeJS.ErrnoException | undefined)?.code === "EPIPE";
