/**
 * Months and instants as people and the service write them: read for what they are, or not at all.
 */
import { assert, describe } from "@effect/vitest";
import { Instant, UsageMonth } from "@segmeter/domain";
import * as Option from "effect/Option";
import * as FastCheck from "fast-check";
import { fuzz } from "./Fuzz.ts";
import { daysIn, isoMicros } from "./IsoText.ts";
import { isoText } from "./WireText.ts";

/** A text that is one, or has something in it changed, taken out or added. */
const nearly = (whole: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<string> =>
  FastCheck.oneof(
    { weight: 4, arbitrary: whole },
    {
      weight: 4,
      arbitrary: FastCheck.tuple(
        whole,
        FastCheck.nat(30),
        FastCheck.nat(2),
        FastCheck.oneof(
          FastCheck.string({ unit: "binary", maxLength: 2 }),
          FastCheck.constantFrom("-", "0", "9", " ", "\n", "٣"),
        ),
      ).map(([text, at, lost, more]) => text.slice(0, at) + more + text.slice(at + lost)),
    },
    { weight: 1, arbitrary: FastCheck.string({ unit: "binary" }) },
  );

const month = FastCheck.tuple(FastCheck.integer({ min: 0, max: 10_500 }), FastCheck.nat(14)).map(
  ([year, number]) => `${String(year).padStart(4, "0")}-${String(number).padStart(2, "0")}`,
);

describe("a text", () => {
  fuzz(
    "is a month only when it is one, and then has its days",
    120,
    FastCheck.property(nearly(month), (text) => {
      const parsed = UsageMonth.parse(text);
      const [, year, number] = /^([0-9]{4})-([0-9]{2})$/.exec(text) ?? [];
      const isMonth = number !== undefined && Number(number) >= 1 && Number(number) <= 12 && Number(year) >= 1970;
      assert.strictEqual(Option.isSome(parsed), isMonth);
      if (Option.isNone(parsed)) return;
      assert.strictEqual(parsed.value, text);
      assert.strictEqual(UsageMonth.dayCount(parsed.value), daysIn(Number(year), Number(number)));
      // Later ones are further off than an instant can say.
      const start = isoMicros(`${text}-01`);
      if (start !== undefined) assert.strictEqual(BigInt(UsageMonth.start(parsed.value)), start);
    }),
  );

  fuzz(
    "is an instant only when it is one, and then to the microsecond",
    120,
    FastCheck.property(nearly(isoText), (text) => {
      const parsed = Option.getOrUndefined(Instant.parse(text));
      assert.strictEqual(parsed === undefined ? undefined : BigInt(parsed), isoMicros(text));
      if (parsed !== undefined)
        assert.deepStrictEqual(Option.getOrUndefined(Instant.parse(Instant.format(parsed))), parsed);
    }),
  );
});
