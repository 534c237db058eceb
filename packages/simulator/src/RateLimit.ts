/**
 * The rate limiter: counts requests by token, and says what a refusal tells the client.
 *
 * Guarantees: one token's requests never count against another's; a refused request moves no window, and under `sliding`
 * it does not count. The time is handed in, so that a test need not wait.
 */
import type { RateLimitOptions } from "./SimulatorConfig.ts";
import { errorBody } from "./Wire.ts";

/** What the limiter says about one request. */
export interface Verdict {
  readonly isAllowed: boolean;
  /** Requests counted in the window, this one included. */
  readonly consumed: number;
  /** Requests still let through. */
  readonly remaining: number;
  /** When the window ends, or the oldest request stops counting, in milliseconds since 1970. */
  readonly resetAtMs: number;
}

interface Window {
  startMs: number;
  consumed: number;
  /** For `sliding`: when each counted request came, oldest first. */
  readonly times: Array<number>;
}

/** Counts requests by token. */
export class RateLimiter {
  readonly #options: RateLimitOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Counts one request of a token at an instant, in milliseconds since 1970. */
  take(token: string, atMs: number): Verdict {
    const window = this.#windows.get(token) ?? { startMs: -Infinity, consumed: 0, times: [] };
    this.#windows.set(token, window);
    return this.#options.style === "sliding" ? this.#slide(window, atMs) : this.#count(window, atMs);
  }

  #count(window: Window, atMs: number): Verdict {
    const { limit, windowMs, style } = this.#options;
    if (atMs >= window.startMs + windowMs) {
      window.startMs = style === "aligned" ? Math.floor(atMs / windowMs) * windowMs : atMs;
      window.consumed = 0;
    }
    window.consumed += 1;
    return verdict(limit, window.consumed, window.startMs + windowMs);
  }

  #slide({ times }: Window, atMs: number): Verdict {
    const { limit, windowMs } = this.#options;
    while (times.length > 0 && (times[0] as number) <= atMs - windowMs) times.shift();
    if (times.length < limit) times.push(atMs);
    else return verdict(limit, limit + 1, (times[0] as number) + windowMs);
    return verdict(limit, times.length, (times[0] as number) + windowMs);
  }
}

/** The headers that go with a success. */
export function rateHeaders({ consumed, remaining, resetAtMs }: Verdict): Record<string, string> {
  return {
    "X-RateLimit-Consumed": String(consumed),
    "X-RateLimit-Remaining": String(remaining),
    "X-RateLimit-Reset": httpDate(resetAtMs),
  };
}

/** A refusal: its headers and body. */
export function refuse(
  verdict: Verdict,
  atMs: number,
  refusal: RateLimitOptions["refusal"],
): { readonly headers: Record<string, string>; readonly body: string } {
  const waitMs = Math.max(1, Math.ceil(verdict.resetAtMs - atMs));
  const tells = (what: RateLimitOptions["refusal"]) => refusal === what || refusal === "all";
  const headers: Record<string, string> = {};
  if (tells("reset-header")) Object.assign(headers, rateHeaders(verdict));
  if (refusal === "retry-after-date") headers["Retry-After"] = httpDate(verdict.resetAtMs);
  if (tells("retry-after-seconds")) headers["Retry-After"] = String(Math.ceil(waitMs / 1000));
  const data = {
    remainingPoints: 0,
    ...(tells("ms-before-next") ? { msBeforeNext: waitMs } : {}),
    consumedPoints: verdict.consumed,
  };
  return { headers, body: errorBody({ type: "RequestError", message: "Too many requests", data }) };
}

/** An RFC 5322 date. It has whole seconds, so it is rounded up: who waits until then has waited long enough. */
function httpDate(atMs: number): string {
  return new Date(Math.ceil(atMs / 1000) * 1000).toUTCString();
}

function verdict(limit: number, consumed: number, resetAtMs: number): Verdict {
  return {
    isAllowed: consumed <= limit,
    consumed,
    remaining: Math.max(0, limit - consumed),
    resetAtMs,
  };
}
