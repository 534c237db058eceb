/**
 * Writing to stdout at the reader's pace, and what people are told on stderr.
 */
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import { printable, printableLine } from "./Printable.ts";

/**
 * Ends when stdout has taken the text: a slow reader holds the writer back, and not the memory. Dies when it can't be written;
 * see {@link isReaderGone}.
 */
export const write = (text: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    process.stdout.write(text, (error) => resume(error ? Effect.die(error) : Effect.void));
  });

/** A line for people on stdout. */
export const writeLine = (text: string): Effect.Effect<void> => write(`${printableLine(text)}\n`);

/** A message for people on stderr; DuckDB's have several lines. */
export const say = (text: string): Effect.Effect<void> => Console.error(printable(text));

/** Whether a command died because nobody reads on, as after `| head`. */
export const isReaderGone = (defect: unknown): boolean =>
  (defect as NodeJS.ErrnoException | undefined)?.code === "EPIPE";
