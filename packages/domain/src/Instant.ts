/**
 * Instants and days as the stores hold them: whole numbers since the Unix epoch, in UTC.
 *
 * A number of microseconds is exact up to the year 2255, and microseconds are what DuckDB's TIMESTAMP and Parquet's
 * TIMESTAMP_MICROS hold; a `Date` would drop the last three digits of what the service sent.
 */
import { formatISO } from "date-fns/formatISO";
import * as Option from "effect/Option";
import { utc } from "./Utc.ts";

/** Microseconds since 1970-01-01T00:00:00Z. Bounds: 0 to 2^53 − 1. */
export type EpochMicros = number;

/** Days since 1970-01-01, the UTC day. */
export type EpochDay = number;

export const microsPerMilli = 1_000;
export const microsPerSecond = 1_000_000;
export const microsPerDay = 86_400 * microsPerSecond;

export const fromMillis = (millis: number): EpochMicros => millis * microsPerMilli;

/** Whether it is one that the stores can hold. */
export const isWithin = (instant: EpochMicros): boolean => instant >= 0 && Number.isSafeInteger(instant);

export const toDate = (instant: EpochMicros): Date => new Date(Math.floor(instant / microsPerMilli));

/** The UTC day that an instant falls in. */
export const dayOf = (instant: EpochMicros): EpochDay => Math.floor(instant / microsPerDay);

export const startOfDay = (day: EpochDay): EpochMicros => day * microsPerDay;

/** `YYYY-MM-DD` */
export const formatDay = (day: EpochDay): string =>
  formatISO(toDate(startOfDay(day)), { representation: "date", in: utc });

/** ISO-8601 in UTC, with as many fraction digits (none, 3 or 6) as the instant needs. */
export const format = (instant: EpochMicros): string => {
  const millis = toDate(instant).toISOString();
  const micros = instant % microsPerMilli;
  if (micros !== 0) return millis.replace("Z", `${String(micros).padStart(3, "0")}Z`);
  return millis.replace(".000Z", "Z");
};

// A fraction without seconds would be one of a minute.
const iso =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:(?<=:\d{2}:\d{2})[.,](\d{1,9}))?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * Reads an ISO-8601 date or date-time. Without an offset it is UTC, as everything that the service sends.
 * None: not ISO-8601, a day that does not exist, before 1970, or finer than a microsecond (it could not be kept exactly).
 */
export const parse = (text: string): Option.Option<EpochMicros> => {
  const match = iso.exec(text);
  if (match === null) return Option.none();
  const [, date, time = "00:00", fraction = "", offset = "Z"] = match;
  const zone = offset.toUpperCase() === "Z" ? "Z" : offset.length === 3 ? `${offset}:00` : offset;
  const millis = Date.parse(`${date}T${time.length === 5 ? `${time}:00` : time}${withColon(zone)}`);
  // Date.parse rolls 2024-02-30 over into March; the days that the parser accepts must be the day that was written.
  const written = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(millis) || Number.isNaN(written)) return Option.none();
  if (new Date(written).toISOString().slice(0, 10) !== date) return Option.none();
  const nanos = fraction.padEnd(9, "0");
  if (nanos.slice(6) !== "000") return Option.none();
  // The end of a day, written so, is followed by nothing of that day.
  if (time.startsWith("24") && Number(nanos) > 0) return Option.none();
  const instant = millis * microsPerMilli + Number(nanos.slice(0, 6));
  return isWithin(instant) ? Option.some(instant) : Option.none();
};

const withColon = (zone: string): string =>
  zone === "Z" || zone.includes(":") ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
