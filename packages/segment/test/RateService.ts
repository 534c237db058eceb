/**
 * A service that limits requests, and clients that call it, as discrete events on a virtual clock: hours of pacing in
 * milliseconds of test, and exact to the millisecond.
 */
import { type OrderedWait, type RateSignal } from "../src/RateSignal.ts";
import { RateWindow, type Sent } from "../src/RateWindow.ts";

export interface Service {
  readonly limit: number;
  readonly windowMs: number;
  readonly kind: "first-request" | "aligned" | "sliding";
  /** Whether successes carry the X-RateLimit headers. */
  readonly headers: boolean;
  /** Whether a date is cut to whole seconds, or rounded up to them. */
  readonly dates?: "cut" | "up";
  readonly refusal: "milliseconds" | "seconds" | "date" | "nothing";
  /** Requests of somebody else, at these times. */
  readonly others?: ReadonlyArray<number>;
}

export interface Outcome {
  readonly elapsedMs: number;
  readonly refusedAt: ReadonlyArray<number>;
}

/** The moment that a date says, which has whole seconds only. */
const dated = ({ dates }: Service, ms: number): number =>
  (dates === "up" ? Math.ceil(ms / 1_000) : Math.floor(ms / 1_000)) * 1_000;

/** Counts requests as the kinds of window do. */
const makeCounter = ({ kind, limit, windowMs }: Service) => {
  let start = Number.NEGATIVE_INFINITY;
  let count = 0;
  let log: Array<number> = [];
  return (at: number): { readonly allowed: boolean; readonly consumed: number; readonly end: number } => {
    if (kind === "sliding") {
      log = log.filter((time) => time > at - windowMs);
      const allowed = log.length < limit;
      if (allowed) log.push(at);
      return { allowed, consumed: log.length, end: log[0]! + windowMs };
    }
    if (at >= start + windowMs) {
      start = kind === "aligned" ? Math.floor(at / windowMs) * windowMs : at;
      count = 0;
    }
    const allowed = count < limit;
    if (allowed) count++;
    return { allowed, consumed: count, end: start + windowMs };
  };
};

interface Event {
  readonly at: number;
  readonly act: (now: number) => void;
}

/** Makes `calls` successful calls with `concurrency` callers; `latency()` is one way, in milliseconds. */
export const simulate = (options: {
  readonly service: Service;
  readonly calls: number;
  readonly concurrency: number;
  readonly startAt: number;
  readonly latency: () => number;
}): Outcome => {
  const { calls, concurrency, latency, service, startAt } = options;
  const count = makeCounter(service);
  const window = new RateWindow();
  const events: Array<Event> = [];
  const refusedAt: Array<number> = [];
  const schedule = (at: number, act: Event["act"]) => events.push({ at, act });
  let waiting = calls;
  let inFlight = 0;
  let done = 0;
  let wakeAt = Number.POSITIVE_INFINITY;

  const dispatch = (now: number): void => {
    while (waiting > 0 && inFlight < concurrency) {
      const next = window.nextAt(now);
      if (next === undefined) return;
      if (next > now) {
        if (next < wakeAt) {
          wakeAt = next;
          schedule(next, (later) => {
            wakeAt = Number.POSITIVE_INFINITY;
            dispatch(later);
          });
        }
        return;
      }
      waiting--;
      inFlight++;
      const sent = window.sent(now);
      schedule(now + latency(), (at) => arrive(sent, at));
    }
  };

  const arrive = (sent: Sent, at: number): void => {
    const { allowed, consumed, end } = count(at);
    const reset = dated(service, end);
    schedule(at + latency(), (now) => {
      inFlight--;
      if (allowed) {
        done++;
        const signal: RateSignal = service.headers
          ? { consumed, remaining: service.limit - consumed, resetIn: reset - now, wait: undefined }
          : { consumed: undefined, remaining: undefined, resetIn: undefined, wait: undefined };
        window.succeeded(sent, now, signal);
      } else {
        refusedAt.push(at);
        waiting++;
        window.refused(sent, now, waitOf(service, end, at, now), 1_000);
      }
      dispatch(now);
    });
  };

  for (const at of service.others ?? []) schedule(startAt + at, count);
  schedule(startAt, dispatch);
  let now = startAt;
  while (done < calls) {
    events.sort((a, b) => a.at - b.at);
    const event = events.shift();
    if (event === undefined) throw new Error("nobody waits, and nothing is done");
    now = event.at;
    event.act(now);
  }
  return { elapsedMs: now - startAt, refusedAt };
};

const waitOf = (service: Service, end: number, at: number, now: number): OrderedWait | undefined => {
  switch (service.refusal) {
    case "milliseconds":
      return { atLeast: end - at, atMost: end - at };
    case "seconds": {
      const ms = Math.ceil((end - at) / 1_000) * 1_000;
      return { atLeast: ms - 1_000, atMost: ms };
    }
    case "date": {
      const ms = dated(service, end) - now;
      return { atLeast: Math.max(0, ms), atMost: ms + 1_000 };
    }
    case "nothing":
      return undefined;
  }
};
