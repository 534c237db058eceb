/**
 * The one error of the client: what it was asking for, why that failed, and what the user can do about it.
 * Never holds the token: messages of the service are cleared of it, and the request is not kept as a cause.
 */
import * as Schema from "effect/Schema";

/** 401: the token is missing, invalid, or not sufficient. */
export class Unauthorized extends Schema.TaggedClass<Unauthorized>()("Unauthorized", {}) {
  readonly isRetryable = false;
}

/** The token belongs to the other region. */
export class WrongRegion extends Schema.TaggedClass<WrongRegion>()("WrongRegion", {}) {
  readonly isRetryable = false;
}

/** 403: seen where the plan lacks the feature. */
export class Forbidden extends Schema.TaggedClass<Forbidden>()("Forbidden", {}) {
  readonly isRetryable = false;
}

/** 404: for a usage month, the service has nothing for it. */
export class NotFound extends Schema.TaggedClass<NotFound>()("NotFound", {}) {
  readonly isRetryable = false;
}

/** 413: the request is larger than the service takes; or the answer is larger than segmeter takes. */
export class TooLarge extends Schema.TaggedClass<TooLarge>()("TooLarge", {}) {
  readonly isRetryable = false;
}

/** 422: the service did not accept a parameter. */
export class InvalidRequest extends Schema.TaggedClass<InvalidRequest>()("InvalidRequest", {
  field: Schema.String,
}) {
  readonly isRetryable = false;
}

/** 429, or another status with a `Retry-After`: the service ordered to wait, or to slow down without saying for how long. */
export class RateLimited extends Schema.TaggedClass<RateLimited>()("RateLimited", {
  /** Whether the service said how long to wait: then waiting is no failure. */
  ordered: Schema.Boolean,
}) {
  readonly isRetryable = true;
}

/** 408, 425 or 5xx. */
export class Unavailable extends Schema.TaggedClass<Unavailable>()("Unavailable", { status: Schema.Int }) {
  readonly isRetryable = true;
}

/** Any other status, redirects included: they are not followed, for they would take the token along. */
export class UnexpectedStatus extends Schema.TaggedClass<UnexpectedStatus>()("UnexpectedStatus", {
  status: Schema.Int,
}) {
  readonly isRetryable = false;
}

/** The connection could not be made, or broke before the answer began. */
export class Unreachable extends Schema.TaggedClass<Unreachable>()("Unreachable", { code: Schema.String }) {
  readonly isRetryable = true;
}

export class TimedOut extends Schema.TaggedClass<TimedOut>()("TimedOut", { afterMs: Schema.Int }) {
  readonly isRetryable = true;
}

/** The body broke off, or is not JSON. */
export class BrokenBody extends Schema.TaggedClass<BrokenBody>()("BrokenBody", {}) {
  readonly isRetryable = true;
}

/** JSON, but not the documented envelope. */
export class UnexpectedBody extends Schema.TaggedClass<UnexpectedBody>()("UnexpectedBody", {}) {
  readonly isRetryable = true;
}

export const SegmentReason = Schema.Union([
  Unauthorized,
  WrongRegion,
  Forbidden,
  NotFound,
  TooLarge,
  InvalidRequest,
  RateLimited,
  Unavailable,
  UnexpectedStatus,
  Unreachable,
  TimedOut,
  BrokenBody,
  UnexpectedBody,
]);
export type SegmentReason = typeof SegmentReason.Type;

export class SegmentError extends Schema.TaggedError<SegmentError>()("SegmentError", {
  /** The API operation, such as `GET /usage/mtu/daily 2024-01`. */
  operation: Schema.String,
  reason: SegmentReason,
  /** What the service said or did, in a sentence. */
  detail: Schema.String,
  /** What the user can do. */
  hint: Schema.String,
}) {
  override get message(): string {
    return `${this.operation}: ${this.detail} ${this.hint}`;
  }
}

const later = "The service may be down or overloaded; run the command again later. What was committed is kept.";
const report = "segmeter does not understand this answer; check --api-url, and look for a newer version.";

const hints: { readonly [Tag in SegmentReason["_tag"]]: string } = {
  Unauthorized:
    "Check SEGMENT_TOKEN or --token-file: a Public API token of the workspace, and --region, the one it belongs to.",
  WrongRegion: "The token belongs to the other region: use --region eu or --region us.",
  Forbidden: "The token, or the workspace's plan (Team or Business is needed), does not allow these figures.",
  NotFound: "The service has nothing here; check --api-url if every request says so.",
  TooLarge: "Use a smaller --page-size.",
  InvalidRequest: "The service refused the request; check the month, and --page-size.",
  RateLimited:
    "Other programs may be using up the token's limit; run the command again later, or lower --requests-per-minute.",
  Unavailable: later,
  UnexpectedStatus: report,
  Unreachable: "Check the network, the proxy and --api-url, then run the command again. What was committed is kept.",
  TimedOut: later,
  BrokenBody: later,
  UnexpectedBody: report,
};

/** The error for a reason, with that reason's hint. */
export const segmentError = (operation: string, reason: SegmentReason, detail: string): SegmentError =>
  new SegmentError({ operation, reason, detail, hint: hints[reason._tag] });

/** Whether the whole run can go no further: the token is refused for everything. */
export const isTokenRefused = (error: SegmentError): boolean =>
  error.reason._tag === "Unauthorized" || error.reason._tag === "WrongRegion";
