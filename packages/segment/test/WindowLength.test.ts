import { assert, describe, it } from "@effect/vitest";
import * as FastCheck from "fast-check";
import { estimate, type LengthBounds, narrow } from "../src/WindowLength.ts";

const anyBounds = FastCheck.tuple(
  FastCheck.integer({ min: 1, max: 100_000 }),
  FastCheck.integer({ min: 0, max: 5_000 }),
  FastCheck.option(FastCheck.integer({ min: 0, max: 100 })),
).map(([atLeast, width, percent]): LengthBounds => ({
  atLeast,
  atMost: atLeast + width,
  ...(percent === null ? {} : { likely: atLeast + Math.floor((width * percent) / 100) }),
}));

describe("narrow", () => {
  it("takes the first bounds as they are", () =>
    assert.deepStrictEqual(narrow(undefined, { atLeast: 1, atMost: 9 }), { atLeast: 1, atMost: 9 }));

  it("keeps what both allow", () => {
    assert.deepStrictEqual(narrow({ atLeast: 1_000, atMost: 2_000 }, { atLeast: 1_500, atMost: 3_000 }), {
      atLeast: 1_500,
      atMost: 2_000,
    });
    assert.deepStrictEqual(narrow({ atLeast: 1, atMost: 5 }, { atLeast: 5, atMost: 9 }), {
      atLeast: 5,
      atMost: 5,
    });
  });

  it("believes the newer where they contradict each other", () =>
    assert.deepStrictEqual(narrow({ atLeast: 1, atMost: 2 }, { atLeast: 3, atMost: 4 }), {
      atLeast: 3,
      atMost: 4,
    }));

  it("keeps what is likely until it is told better", () => {
    const held = { atLeast: 1, atMost: 9, likely: 4 };
    assert.strictEqual(narrow(held, { atLeast: 2, atMost: 8 }).likely, 4);
    assert.strictEqual(narrow(held, { atLeast: 2, atMost: 8, likely: 5 }).likely, 5);
    assert.isUndefined(narrow(held, { atLeast: 10, atMost: 11 }).likely);
  });

  it("never gets wider than the newer bounds, nor turns round", () =>
    FastCheck.assert(
      FastCheck.property(anyBounds, anyBounds, (held, seen) => {
        const { atLeast, atMost } = narrow(held, seen);
        assert.isAtLeast(atMost, atLeast);
        assert.isAtLeast(atLeast, seen.atLeast);
        assert.isAtMost(atMost, seen.atMost);
      }),
    ));
});

describe("estimate", () => {
  it.each<[string, LengthBounds, number]>([
    ["a whole second", { atLeast: 59_300, atMost: 60_340 }, 60_000],
    ["the shorter of two whole seconds", { atLeast: 59_900, atMost: 61_100 }, 60_000],
    ["half a second", { atLeast: 1_100, atMost: 1_900 }, 1_500],
    ["a quarter", { atLeast: 1_200, atMost: 1_300 }, 1_250],
    ["a tenth", { atLeast: 1_360, atMost: 1_440 }, 1_400],
    ["the second nearest to what is likely", { atLeast: 59_000, atMost: 61_500, likely: 60_040 }, 60_000],
    ["what is likely", { atLeast: 7_310, atMost: 7_390, likely: 7_345 }, 7_345],
    ["the longest", { atLeast: 7_310, atMost: 7_390 }, 7_390],
    ["one exact length", { atLeast: 1_234, atMost: 1_234 }, 1_234],
  ])("is %s", (_, bounds, length) => assert.strictEqual(estimate(bounds), length));

  it("lies within the bounds", () =>
    FastCheck.assert(
      FastCheck.property(anyBounds, (bounds) => {
        const length = estimate(bounds);
        assert.isAtLeast(length, bounds.atLeast);
        assert.isAtMost(length, bounds.atMost);
      }),
    ));
});
