/**
 * Usage months and their billing periods, in UTC.
 *
 * Guarantees: no local time zone is read anywhere; a month is counted as whole months since year 0, so that arithmetic
 * is exact, and a day as whole days since 1970-01-01.
 */

/** Months since year 0, January being 0: `2024-01` is 24288. */
export type MonthNumber = number;

/** Whole days since 1970-01-01. */
export type DayNumber = number;

/** Milliseconds of one UTC day. */
export const dayMs = 86_400_000;

/** What the service bills by: a run of UTC days. Shape: `first` is included, `end` is not. */
export interface Period {
  readonly first: DayNumber;
  readonly end: DayNumber;
}

/** Reads `YYYY-MM`; undefined when the text is anything else. */
export function parseMonth(text: string): MonthNumber | undefined {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * 12 + Number(match[2]) - 1;
}

/** Writes `YYYY-MM`. */
export function formatMonth(month: MonthNumber): string {
  return `${String(Math.floor(month / 12)).padStart(4, "0")}-${String((month % 12) + 1).padStart(2, "0")}`;
}

/** The month that holds an instant given in milliseconds since 1970. */
export function monthAt(atMs: number): MonthNumber {
  const date = new Date(atMs);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** The first day of a month. */
export function firstDay(month: MonthNumber): DayNumber {
  return Date.UTC(Math.floor(month / 12), month % 12, 1) / dayMs;
}

/**
 * The billing period that answers for a month.
 * Units: `offsetDays` moves both ends, so that the period need not be the calendar month.
 */
export function periodOf(month: MonthNumber, offsetDays: number): Period {
  return { first: firstDay(month) + offsetDays, end: firstDay(month + 1) + offsetDays };
}

/** The day that holds an instant given in milliseconds since 1970. */
export function dayAt(atMs: number): DayNumber {
  return Math.floor(atMs / dayMs);
}

/** Day of the week, Sunday being 0. */
export function weekday(day: DayNumber): number {
  // 1970-01-01 was a Thursday.
  return (((day + 4) % 7) + 7) % 7;
}

/** Midnight of a day as the service writes it: `2021-02-01T00:00:00Z`. */
export function formatDay(day: DayNumber): string {
  return formatInstant(day * dayMs);
}

/** An instant as the service writes it, to the second. */
export function formatInstant(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}
