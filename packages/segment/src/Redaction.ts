/**
 * Clears texts of the token: the service may repeat what it was sent, and services, proxies and their logs write it down in ways
 * of their own.
 *
 * Guarantees: the token is found as it is, with any of its characters escaped for JSON, URLs or HTML, more than once too, and in
 * base64 with anything around it. A text of any length takes no longer than its length.
 */
import * as Redacted from "effect/Redacted";

const named: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" };

/** The ways in which one character may stand in a text. Their number is bounded, or a text of backslashes would take for ever. */
const character = (char: string): string => {
  const code = char.charCodeAt(0);
  const hex = code.toString(16).padStart(2, "0");
  const anyCase = hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
  const ways = [
    `%(?:25){0,4}${anyCase}`,
    `\\\\{1,8}(?:u00|x)${anyCase}`,
    `&(?:amp;){0,4}#(?:0{0,4}${code}|[xX]0{0,4}${anyCase});`,
    ...(named[char] === undefined ? [] : [`&(?:amp;){0,4}${named[char]};`]),
    // Last, for an escape may begin with the character itself.
    `\\\\{0,8}\\x${hex}`,
  ];
  return `(?:${ways.join("|")})`;
};

/** Fewer characters than these would be found where no token is. */
const shortest = 8;

/** Base64 of the token after no, one or two other bytes, without what these bytes have a share in; and as it is in URLs. */
const base64 = (token: string): ReadonlyArray<string> =>
  [0, 1, 2].flatMap((before) => {
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor(((before + token.length) * 8) / 6)];
    const encoded = Buffer.from("\0".repeat(before) + token)
      .toString("base64")
      .slice(from, to);
    return encoded.length < shortest ? [] : [encoded, encoded.replaceAll("+", "-").replaceAll("/", "_")];
  });

/** In place of the token the text has `<token>`. */
export const makeRedaction = (token: Redacted.Redacted): ((text: string) => string) => {
  const value = Redacted.value(token);
  const escaped = new RegExp([...value].map(character).join(""), "g");
  const encoded = base64(value);
  return (text) =>
    encoded.reduce((cleared, form) => cleared.replaceAll(form, "<token>"), text.replace(escaped, "<token>"));
};
