/**
 * The local time zones under which a test is run: nothing in the domain may depend on them.
 */
import { assert } from "@effect/vitest";

/** On both sides of UTC, one beyond +12 and one off by a quarter of an hour. */
const zones = {
  UTC: 0,
  "America/Los_Angeles": 480,
  "Pacific/Kiritimati": -840,
  "Asia/Kathmandu": -345,
} as const;

/** Runs `body` once in each zone. Fails where setting the zone has no effect, for the test would then say nothing. */
export const inEachZone = (body: (zone: string) => void): void => {
  const before = process.env["TZ"];
  try {
    for (const [zone, offset] of Object.entries(zones)) {
      process.env["TZ"] = zone;
      assert.strictEqual(new Date("2024-01-15T00:00:00Z").getTimezoneOffset(), offset, zone);
      body(zone);
    }
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
};
