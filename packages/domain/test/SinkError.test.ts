import { assert, describe, it } from "@effect/vitest";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromSystemError, SinkError, sinkError, SinkReason } from "../src/index.ts";

const thrownBy = (act: () => unknown): unknown => {
  try {
    act();
  } catch (cause) {
    return cause;
  }
  throw new Error("it was expected to throw");
};

describe("a sink error", () => {
  it("says in its message what was done, what happened, and what can be done", () => {
    const error = sinkError("replace source-mtu 2024-01", "Full", "No space is left.");
    assert.instanceOf(error, SinkError);
    assert.instanceOf(error, Error);
    assert.strictEqual(error._tag, "SinkError");
    assert.strictEqual(
      error.message,
      "replace source-mtu 2024-01: No space is left. Free some space, then run the command again: what was committed is kept.",
    );
    assert.isUndefined(error.cause);
  });

  it("has a hint for each reason, which a better one replaces", () => {
    for (const reason of SinkReason.literals) {
      assert.match(sinkError("read", reason, "It failed.").hint, /^[A-Z].*\.$/, reason);
      assert.strictEqual(sinkError("read", reason, "", { hint: "Wait." }).hint, "Wait.");
    }
  });

  it("keeps the cause", () => {
    const cause = new Error("inner");
    assert.strictEqual(sinkError("read", "Broken", "", { cause }).cause, cause);
  });
});

describe("an error of the file system", () => {
  const coded = (code: string) => Object.assign(new Error(`${code}: said so`), { code });

  it.each<[string, string]>([
    ["EACCES", "Unwritable"],
    ["EPERM", "Unwritable"],
    ["EROFS", "Unwritable"],
    ["ENOTDIR", "Unwritable"],
    ["EEXIST", "Unwritable"],
    ["ENAMETOOLONG", "Unwritable"],
    ["ELOOP", "Unwritable"],
    ["EISDIR", "Foreign"],
    ["ENOSPC", "Full"],
    ["EDQUOT", "Full"],
    ["EFBIG", "Full"],
    ["EIO", "Broken"],
  ])("%s is %s", (code, reason) => {
    const cause = coded(code);
    const error = fromSystemError("replace", cause);
    assert.strictEqual(error.reason, reason);
    assert.strictEqual(error.detail, `${code}: said so.`);
    assert.strictEqual(error.cause, cause);
  });

  it("comes from real calls", () => {
    const here = fileURLToPath(import.meta.url);
    const file = fromSystemError(
      "read",
      thrownBy(() => readdirSync(here)),
    );
    assert.strictEqual(file.reason, "Unwritable");
    const folder = fromSystemError(
      "read",
      thrownBy(() => readFileSync(new URL(".", import.meta.url))),
    );
    assert.strictEqual(folder.reason, "Foreign");
    assert.include(folder.message, "EISDIR");
  });

  it.each([undefined, null, "text", 7, {}, { code: 7 }])("may be anything: %j", (cause) => {
    const error = fromSystemError("replace", cause);
    assert.strictEqual(error.reason, "Broken");
    assert.match(error.detail, /\S\.$/);
  });
});
