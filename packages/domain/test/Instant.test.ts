import { assert, describe, it } from "@effect/vitest";
import * as Option from "effect/Option";
import * as FastCheck from "fast-check";
import { Instant } from "../src/index.ts";
import { inEachZone } from "./Zones.ts";

const parsed = (text: string) => Option.getOrUndefined(Instant.parse(text));
const second = 1_000_000;
/** 2024-02-01T00:00:00Z */
const february = 1_706_745_600 * second;

describe("parse", () => {
  it.each<[string, number]>([
    ["2024-02-01", february],
    ["2024-02-01T00:00Z", february],
    ["2024-02-01T00:00:00Z", february],
    ["2024-02-01t00:00:00z", february],
    ["2024-02-01 00:00:00Z", february],
    ["2024-02-01T00:00:00+00:00", february],
    ["2024-02-01T00:00:00-00:00", february],
    ["2024-02-01T05:45:00+05:45", february],
    ["2024-02-01T14:00:00+14:00", february],
    ["2024-01-31T16:00:00-08:00", february],
    ["2024-01-31T16:00:00-0800", february],
    ["2024-01-31T16:00:00-08", february],
    ["2024-02-01T00:00:00.5Z", february + 500_000],
    ["2024-02-01T00:00:00,5Z", february + 500_000],
    ["2024-02-01T00:00:00.000001Z", february + 1],
    ["2024-02-01T00:00:00.123456Z", february + 123_456],
    ["2024-02-01T00:00:00.123456000Z", february + 123_456],
    ["2024-02-01T23:59:59.999999Z", february + 86_400 * second - 1],
    ["2024-01-31T24:00:00Z", february],
    ["2024-02-29", february + 28 * 86_400 * second],
    ["2024-02-29T23:00:00-02:00", february + 29 * 86_400 * second + 3_600 * second],
    ["1970-01-01T00:00:00Z", 0],
    ["1970-01-01T00:00:00.000001Z", 1],
  ])("reads %s", (text, expected) => assert.strictEqual(parsed(text), expected));

  it("takes what has no zone for UTC, wherever it runs", () =>
    inEachZone(() => {
      assert.strictEqual(parsed("2024-02-01"), february);
      assert.strictEqual(parsed("2024-02-01T00:00:00"), february);
      assert.strictEqual(parsed("2024-02-01 00:00:00.000001"), february + 1);
      // In Los Angeles, there is no such local time.
      assert.strictEqual(parsed("2024-03-10T02:30:00"), parsed("2024-03-10T02:30:00Z"));
      assert.strictEqual(parsed("2024-01-31T16:00:00-08:00"), february);
    }));

  it.each([
    "",
    "2024",
    "2024-02",
    "20240201",
    "2024-2-1",
    "2024-02-30",
    "2023-02-29",
    "1900-02-29",
    "2024-04-31",
    "2024-00-01",
    "2024-13-01",
    "2024-01-00",
    "2024-01-32",
    "2024-13-45T99:00:00Z",
    "2024-02-01T25:00:00Z",
    "2024-02-01T24:00:00.5Z",
    "2024-02-01T00:00.5Z",
    "2024-02-01T00:60:00Z",
    "2024-02-01T00:00:60Z",
    "2024-02-01T00:00:00+25:00",
    "2024-02-01T00:00:00+05:99",
    "2024-02-01T",
    "2024-02-01Z",
    "2024-02-01T00Z",
    "2024-02-01T00:00:00.Z",
    "2024-02-01T00:00:00 Z",
    "2024-02-01T00:00:00ZZ",
    "2024-02-01T00:00:00Z\n",
    " 2024-02-01",
    "+2024-02-01",
    "02024-02-01",
    "Thu, 01 Feb 2024 00:00:00 GMT",
    "1706745600",
    "NaN",
  ])("refuses %j", (text) => assert.strictEqual(parsed(text), undefined));

  it("refuses what it could not keep exactly", () => {
    assert.strictEqual(parsed("2024-02-01T00:00:00.1234567Z"), undefined);
    assert.strictEqual(parsed("2024-02-01T00:00:00.000000001Z"), undefined);
    assert.strictEqual(parsed("2024-02-01T00:00:00.0000000000Z"), undefined);
    assert.strictEqual(parsed("1969-12-31T23:59:59.999999Z"), undefined);
    assert.strictEqual(parsed("1970-01-01T00:00:00+00:01"), undefined);
    assert.strictEqual(parsed("2300-01-01T00:00:00Z"), undefined);
    assert.strictEqual(parsed("2255-06-05T23:47:34.740991Z"), Number.MAX_SAFE_INTEGER);
    assert.strictEqual(parsed("2255-06-05T23:47:34.740992Z"), undefined);
  });

  it("reads back every instant that was formatted, to the microsecond", () =>
    inEachZone(() =>
      FastCheck.assert(
        FastCheck.property(FastCheck.nat({ max: Number.MAX_SAFE_INTEGER }), (instant) => {
          assert.strictEqual(parsed(Instant.format(instant)), instant);
          assert.match(Instant.format(instant), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}(\d{3})?)?Z$/);
        }),
        { numRuns: 200 },
      ),
    ));

  it("gives one instant for any way to write its offset", () =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 86_400 * second, max: 4_000_000_000 * second }),
        FastCheck.integer({ min: -14 * 60, max: 14 * 60 }),
        (instant, minutes) => {
          const local = Instant.format(instant + minutes * 60 * second).slice(0, -1);
          const hh = String(Math.floor(Math.abs(minutes) / 60)).padStart(2, "0");
          const mm = String(Math.abs(minutes) % 60).padStart(2, "0");
          const sign = minutes < 0 ? "-" : "+";
          assert.strictEqual(parsed(`${local}${sign}${hh}:${mm}`), instant);
          assert.strictEqual(parsed(`${local}${sign}${hh}${mm}`), instant);
        },
      ),
    ));

  it("never throws", () =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(FastCheck.string(), FastCheck.stringMatching(/^[0-9T:.Z+-]{0,40}$/)),
        (text) => void Instant.parse(text),
      ),
    ));
});

describe("format", () => {
  it("has as many digits as are needed", () => {
    assert.strictEqual(Instant.format(february), "2024-02-01T00:00:00Z");
    assert.strictEqual(Instant.format(february + 120_000), "2024-02-01T00:00:00.120Z");
    assert.strictEqual(Instant.format(february + 7), "2024-02-01T00:00:00.000007Z");
    assert.strictEqual(Instant.format(february + 120_007), "2024-02-01T00:00:00.120007Z");
  });
});

describe("days", () => {
  it("are UTC days, wherever it runs", () =>
    inEachZone(() => {
      assert.strictEqual(Instant.dayOf(february), 19_754);
      assert.strictEqual(Instant.dayOf(february - 1), 19_753);
      assert.strictEqual(Instant.dayOf(0), 0);
      assert.strictEqual(Instant.startOfDay(19_754), february);
      assert.strictEqual(Instant.formatDay(19_754), "2024-02-01");
      assert.strictEqual(Instant.formatDay(19_753), "2024-01-31");
      assert.strictEqual(Instant.formatDay(0), "1970-01-01");
    }));

  it("are those of Date", () => {
    assert.strictEqual(Instant.toDate(february + 999).getTime(), february / 1_000);
    assert.strictEqual(Instant.fromMillis(february / 1_000), february);
  });
});
