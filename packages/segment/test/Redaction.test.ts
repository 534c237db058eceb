/** A text of the service is cleared of the token, however it is written. */
import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import * as Redacted from "effect/Redacted";
import { makeRedaction } from "../src/Redaction.ts";
import { mostTokenLength } from "../src/SegmentClient.ts";

const odd = `sgp_Ab1"'\\\\/+%25&=#<>?yZ9`;
const plain = "sgp_7Qx9vTz2LmWc4RkYpB3nHd";

const coded = (text: string, ...[before, after]: readonly [string, string]): string =>
  [...text].map((char) => before + char.charCodeAt(0).toString(16).padStart(2, "0") + after).join("");

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

const inHtml = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

const ways: Readonly<Record<string, (token: string) => string>> = {
  "as it is": (token) => token,
  "in JSON": inJson,
  "in JSON in JSON": (token) => inJson(inJson(token)),
  "in JSON that escapes slashes": (token) => inJson(token).replaceAll("/", "\\/"),
  "in a URL's query": encodeURIComponent,
  "in a URL": (token) => encodeURI(token),
  "in a form": (token) => new URLSearchParams({ token }).toString().slice("token=".length),
  "in a URL in a URL": (token) => encodeURIComponent(encodeURIComponent(token)),
  "in a URL in JSON": (token) => inJson(encodeURIComponent(token)),
  "as codes of a URL": (token) => coded(token, "%", ""),
  "as codes of JSON": (token) => coded(token, "\\u00", ""),
  "as codes of JavaScript": (token) => coded(token, "\\x", ""),
  "as codes of HTML": (token) => coded(token, "&#x", ";"),
  "in HTML": inHtml,
  "in HTML in HTML": (token) => inHtml(inHtml(token)),
};

describe("what the service says of the token", () => {
  for (const [way, write] of Object.entries(ways)) {
    it(`is struck out ${way}`, () => {
      for (const token of [odd, plain]) {
        const redact = makeRedaction(Redacted.make(token));
        assert.strictEqual(redact(`no ${write(token)} here, nor ${write(token)}.`), "no <token> here, nor <token>.");
      }
    });
  }

  it("is struck out in base64, whatever stands around it", () => {
    for (const token of [odd, plain]) {
      const redact = makeRedaction(Redacted.make(token));
      for (const before of ["", "u", "us", "Bearer ", "user:", "a:b:"]) {
        for (const form of ["base64", "base64url"] as const) {
          const text = redact(Buffer.from(`${before}${token}:x`).toString(form));
          const left = Buffer.from(text.replace("<token>", ""), form).toString("latin1");
          assert.include(text, "<token>");
          assert.notInclude(left, token.slice(4, 10));
        }
      }
    }
  });

  it("is struck out with any of its characters escaped in any way", () => {
    const one = fc.constantFrom(...Object.values(ways).filter((write) => !write.name.startsWith("inHtml")));
    const tokens = fc
      .string({ unit: "grapheme-ascii", minLength: 9, maxLength: 30 })
      .map((text) => text.replaceAll(/\s/g, "x"));
    fc.assert(
      fc.property(tokens, fc.array(one, { minLength: 30, maxLength: 30 }), (token, writers) => {
        const text = [...token].map((char, at) => writers[at]!(char)).join("");
        assert.strictEqual(makeRedaction(Redacted.make(token))(text), "<token>");
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("is struck out though it is as long as a token may be", () => {
    for (const char of ["x", "<", "k<z9~"]) {
      const token = char.repeat(mostTokenLength).slice(0, mostTokenLength);
      assert.strictEqual(makeRedaction(Redacted.make(token))(`a ${coded(token, "%", "")} b`), "a <token> b");
    }
  });

  it("is all that is struck out", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.strictEqual(makeRedaction(Redacted.make(plain))(text), text);
      }),
    );
  });

  it("is looked for in texts of backslashes and percents that are as long as an answer may be", () => {
    const redact = makeRedaction(Redacted.make(odd));
    for (const unit of ["\\", "%25", "&amp;", "sgp_", "A"]) {
      const text = unit.repeat(2 ** 20);
      assert.strictEqual(redact(text), text);
    }
  });
});
