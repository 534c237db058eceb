/** Faults as they are written on a command line. */
import { assert, describe, it } from "@effect/vitest";
import * as Result from "effect/Result";
import { faultKinds, FaultSyntaxError, parseFault } from "../src/index.ts";

describe("parseFault", () => {
  it("reads a kind alone, with every default", () => {
    assert.deepStrictEqual(Result.getOrThrow(parseFault("bad-row")), {
      kind: "bad-row",
      times: 1,
      variant: "decimal",
      row: 0,
    });
  });

  it("reads parameters", () => {
    assert.deepStrictEqual(Result.getOrThrow(parseFault("html-502:path=/usage/mtu/daily, page=last,times=Infinity")), {
      kind: "html-502",
      path: "/usage/mtu/daily",
      page: "last",
      times: Infinity,
    });
    assert.deepStrictEqual(Result.getOrThrow(parseFault("hang:month=2024-02,page=3,probability=0.25")), {
      kind: "hang",
      times: 1,
      month: "2024-02",
      page: 3,
      probability: 0.25,
    });
  });

  it("reads a URL with colons and equal signs", () => {
    const rule = Result.getOrThrow(parseFault("redirect:to=http://127.0.0.1:1/?a=b"));
    assert.propertyVal(rule, "to", "http://127.0.0.1:1/?a=b");
  });

  for (const { kind, description } of faultKinds) {
    it(`knows ${kind}, and describes it in one line`, () => {
      assert.isTrue(Result.isSuccess(parseFault(kind === "redirect" ? "redirect:to=/" : kind)));
      assert.match(description, /^[^\n]{10,200}$/);
    });
  }

  for (const [text, hint] of [
    ["explode", /no such kind.*html-502/],
    ["", /no such kind/],
    ["html-502:page", /"page" lacks "=value"/],
    ["html-502:page=-1", /page/],
    ["html-502:page=1,page=2", /given twice/],
    ["html-502:kind=hang", /given twice/],
    ["html-502:status=500", /status/],
    ["html-502:times=0", /times/],
    ["html-502:path=usage", /path/],
    ["html-502:month=2024-13", /month/],
    ["status:status=abc", /status/],
    ["bad-row:variant=odd", /variant/],
    ["hang:probability=2", /probability/],
    ["redirect", /to/],
  ] as const) {
    it(`says what is wrong with "${text}"`, () => {
      const error = Result.getOrThrow(Result.flip(parseFault(text)));
      assert.instanceOf(error, FaultSyntaxError);
      assert.strictEqual(error.text, text);
      assert.match(error.hint, hint);
      assert.notInclude(error.message, "\n");
    });
  }
});
