/**
 * The settings of the client, with their units and defaults.
 */
import type * as Redacted from "effect/Redacted";

export type Region = "us" | "eu";

/** The hosts of the Public API. A token belongs to one region. Source: the API's documentation. */
export const apiUrls: Record<Region, string> = {
  us: "https://api.segmentapis.com",
  eu: "https://eu1.api.segmentapis.com",
};

export interface SegmentConfig {
  /** Base of every request, without a path. */
  readonly apiUrl: URL;
  readonly token: Redacted.Redacted;
  /** Sent as User-Agent. */
  readonly userAgent: string;
  /** Rows a page, 1 to 1,000. */
  readonly pageSize: number;
  /** A ceiling that the user sets on the requests a minute, beside what the service allows. */
  readonly requestsPerMinute: number | undefined;
  /** Milliseconds for one try, body included. */
  readonly timeoutMs: number;
  /** Bytes of an answer; one that is larger is refused, so that no service can fill the memory. */
  readonly maxBodyBytes: number;
  /** Tries of one request that may fail in a row before it is given up; waiting ordered by the service is no failure. */
  readonly maxTries: number;
  /** Times in a row that the service may order one request to wait before it is given up. */
  readonly maxOrderedWaits: number;
  /** Milliseconds before the second try; doubled for each further one, and jittered by a fifth. */
  readonly backoffMs: number;
  /** Milliseconds that the back-off never exceeds. */
  readonly maxBackoffMs: number;
}

export const defaults = {
  pageSize: 1_000,
  requestsPerMinute: undefined,
  timeoutMs: 30_000,
  // A page of 1,000 rows has about 0.3 MB.
  maxBodyBytes: 16 * 2 ** 20,
  maxTries: 8,
  maxOrderedWaits: 30,
  backoffMs: 250,
  maxBackoffMs: 10_000,
} as const satisfies Omit<SegmentConfig, "apiUrl" | "token" | "userAgent">;
