/**
 * What a response says about the rate limit: the documented headers, and the body of a 429.
 * Source: X-RateLimit-Consumed, -Remaining, -Reset (an RFC 5322 date), Retry-After, `errors[0].data.msBeforeNext`.
 */
import type * as Headers from "effect/http/Headers";

/** How long the service orders to wait, as bounds: a header in whole seconds leaves up to one second open. Milliseconds. */
export interface OrderedWait {
  readonly atLeast: number;
  readonly atMost: number;
}

export interface RateSignal {
  /** Requests counted in the current window, this one included. */
  readonly consumed: number | undefined;
  /** Requests left in the current window. */
  readonly remaining: number | undefined;
  /** Milliseconds until the window ends; the date has whole seconds, so it ends up to one second later. */
  readonly resetIn: number | undefined;
  readonly wait: OrderedWait | undefined;
}

/**
 * `nowMs`: the local clock when the headers came. Dates are measured against the response's own `Date`, when it has one, if the
 * clocks differ by more than the second that both are rounded to.
 */
export const readRateSignal = (
  headers: Headers.Headers,
  msBeforeNext: number | undefined,
  nowMs: number,
): RateSignal => {
  const date = parseDate(headers["date"]);
  const serviceNow = date !== undefined && Math.abs(date - nowMs) > 2_000 ? date : nowMs;
  const reset = parseDate(headers["x-ratelimit-reset"]);
  const resetIn = reset === undefined || Math.abs(reset - serviceNow) > farthestReset ? undefined : reset - serviceNow;
  return {
    consumed: parseCount(headers["x-ratelimit-consumed"]),
    remaining: parseCount(headers["x-ratelimit-remaining"]),
    resetIn,
    wait: orderedWait(retryAfter(headers, serviceNow), msBeforeNext, resetIn),
  };
};

/** A window's end that is more than a day off is a broken header, or a clock that nothing can be measured by. */
const farthestReset = 86_400_000;

/** The service's `Retry-After` comes first; milliseconds are taken where they say the same more exactly. */
const orderedWait = (
  after: OrderedWait | undefined,
  msBeforeNext: number | undefined,
  resetIn: number | undefined,
): OrderedWait | undefined => {
  if (msBeforeNext !== undefined && (after === undefined || agrees(after, msBeforeNext))) {
    return { atLeast: msBeforeNext, atMost: msBeforeNext };
  }
  if (after !== undefined) return after;
  return resetIn === undefined ? undefined : wholeSecondsFrom(resetIn);
};

const agrees = (wait: OrderedWait, ms: number): boolean => ms > wait.atLeast - 1_000 && ms <= wait.atMost + 1_000;

/** A truncated date: the moment lies in the second that begins there. */
const wholeSecondsFrom = (ms: number): OrderedWait | undefined =>
  ms <= -1_000 ? undefined : { atLeast: Math.max(0, ms), atMost: ms + 1_000 };

const retryAfter = (headers: Headers.Headers, serviceNow: number): OrderedWait | undefined => {
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) {
    const ms = Number(text) * 1_000;
    // Whole seconds are rounded up, or else a client that obeys would come too early.
    return { atLeast: Math.max(0, ms - 1_000), atMost: ms };
  }
  const date = parseDate(text);
  return date === undefined ? undefined : wholeSecondsFrom(date - serviceNow);
};

const parseCount = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

export const parseDate = (text: string | undefined): number | undefined => {
  const ms = text === undefined || /^\d+$/.test(text) ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
};
