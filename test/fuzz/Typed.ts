/**
 * What every failure has to be: one error of ours that says what was done, why it went wrong, and what to do.
 */
import { assert } from "@effect/vitest";
import * as Cause from "effect/Cause";
import * as Exit from "effect/Exit";

/** The value, or the tag of the error. A defect fails the test. */
export const outcomeOf = <A, E>(exit: Exit.Exit<A, E>): { readonly value: A } | { readonly error: E } => {
  if (Exit.isSuccess(exit)) return { value: exit.value };
  const fails = exit.cause.reasons.filter(Cause.isFailReason);
  assert.strictEqual(fails.length, exit.cause.reasons.length, `a defect: ${Cause.pretty(exit.cause)}`);
  assertTyped(fails[0]!.error);
  return { error: fails[0]!.error };
};

const assertTyped = (error: unknown): void => {
  const { hint, message, operation, reason } = error as Readonly<Record<string, unknown>>;
  assert.isString(operation);
  assert.isNotEmpty(operation);
  assert.isNotEmpty(hint);
  assert.isTrue(reason !== undefined, "a reason");
  assertSaid(String(message));
};

/** Of bounded length, with nothing of the insides. */
export const assertSaid = (text: string): void => {
  assert.isBelow(text.length, 2_000, text.slice(0, 200));
  assert.notMatch(text, /^\s+at .+:\d+/m);
  assert.notMatch(text, /node:internal|\[object Object\]/);
};

/** As people are told it: with nothing that steers a terminal. */
export const assertPrintable = (text: string): void =>
  assert.isFalse(controls.test(text), `control characters in ${JSON.stringify(text.slice(0, 500))}`);

const controls = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
