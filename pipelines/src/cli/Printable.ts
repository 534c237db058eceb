/**
 * Text for people, which may hold what a service or a file called itself: nothing in it steers a terminal.
 */

/** Control characters and what turns the direction of a line are spelled out; line feeds and tabs stay. */
export const printable = (text: string): string =>
  text.replaceAll(/(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (control) => {
    const code = control.codePointAt(0)!.toString(16).padStart(4, "0");
    return `\\u${code}`;
  });

/** The same, in one line. */
export const printableLine = (text: string): string => printable(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
