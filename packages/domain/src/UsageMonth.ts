/**
 * The usage month: the `period` that the service is asked for, written `YYYY-MM`, always a calendar month in UTC.
 */
import { addMonths } from "date-fns/addMonths";
import { eachMonthOfInterval } from "date-fns/eachMonthOfInterval";
import { formatISO } from "date-fns/formatISO";
import type * as Brand from "effect/Brand";
import * as Option from "effect/Option";
import { dayOf, type EpochDay, type EpochMicros, fromMillis, microsPerDay, toDate } from "./Instant.ts";
import { utc } from "./Utc.ts";

/** `YYYY-MM`; sorts as text in time order. */
export type UsageMonth = string & Brand.Brand<"UsageMonth">;

// The service has no usage before 1970 and DATE columns no trouble until 9999; the year is kept to four digits.
const pattern = /^(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])$/;

export const isUsageMonth = (text: string): text is UsageMonth => pattern.test(text);

/** None unless exactly `YYYY-MM`, a month that exists. */
export const parse = (text: string): Option.Option<UsageMonth> =>
  isUsageMonth(text) ? Option.some(text) : Option.none();

const ofDate = (date: Date): UsageMonth =>
  formatISO(date, { representation: "date", in: utc }).slice(0, 7) as UsageMonth;

const startDate = (month: UsageMonth): Date => new Date(`${month}-01T00:00:00Z`);

/** The month that an instant falls in. */
export const of = (instant: EpochMicros): UsageMonth => ofDate(toDate(instant));

/** First day, as the API's `period` parameter and the `usage_month` partition have it: `YYYY-MM-01`. */
export const toPeriod = (month: UsageMonth): string => `${month}-01`;

/** Reads `YYYY-MM-01` back. */
export const fromPeriod = (period: string): Option.Option<UsageMonth> =>
  period.endsWith("-01") ? parse(period.slice(0, -3)) : Option.none();

/** First instant, included. */
export const start = (month: UsageMonth): EpochMicros => fromMillis(startDate(month).getTime());

/** First instant of the month after: the end, excluded. */
export const end = (month: UsageMonth): EpochMicros => start(plus(month, 1));

export const firstDay = (month: UsageMonth): EpochDay => dayOf(start(month));

export const dayCount = (month: UsageMonth): number => (end(month) - start(month)) / microsPerDay;

/** `months` later; negative goes back. */
export const plus = (month: UsageMonth, months: number): UsageMonth =>
  ofDate(addMonths(startDate(month), months, { in: utc }));

/** Every month from `from` to `to`, both included, ascending; empty when `to` is before `from`. */
export const range = (from: UsageMonth, to: UsageMonth): ReadonlyArray<UsageMonth> =>
  to < from ? [] : eachMonthOfInterval({ start: startDate(from), end: startDate(to) }, { in: utc }).map(ofDate);
