/**
 * From a refusal of the service to the typed error: the status decides, the body only explains.
 */
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import {
  Forbidden,
  InvalidRequest,
  NotFound,
  RateLimited,
  type SegmentError,
  segmentError,
  type SegmentReason,
  TooLarge,
  Unauthorized,
  Unavailable,
  UnexpectedStatus,
  WrongRegion,
} from "./SegmentError.ts";
import { ErrorBody, RateLimitData } from "./Wire.ts";

/** What the body of an error says; empty for one that is not the documented envelope, such as a proxy's HTML. */
export interface Explanation {
  readonly message: string;
  readonly field: string;
  readonly msBeforeNext: number | undefined;
}

const decodeError = Schema.decodeUnknownOption(Schema.fromJsonString(ErrorBody));
const decodeRateLimit = Schema.decodeUnknownOption(RateLimitData);

/**
 * Never fails: an answer without a readable reason is still an answer. `redact` clears texts of the token; it is given them as
 * they were before JSON escaped them, and before they are cut.
 */
export const explain = (body: string, redact: (text: string) => string): Explanation =>
  Option.match(decodeError(body), {
    onNone: () => ({ message: "", field: "", msBeforeNext: undefined }),
    onSome: ({ errors: [first] }) => ({
      message: typeof first.message === "string" ? redact(first.message).slice(0, 300) : "",
      field: typeof first.field === "string" ? redact(first.field).slice(0, 100) : "",
      msBeforeNext: Option.getOrUndefined(
        Option.map(decodeRateLimit(first.data), ({ msBeforeNext }) => Math.max(0, msBeforeNext)),
      ),
    }),
  });

/** `ordered`: whether the service said how long to wait. */
export const failureOf = (
  operation: string,
  status: number,
  { field, message }: Explanation,
  ordered: boolean,
): SegmentError => {
  const said = message === "" ? "" : `, and said: ${JSON.stringify(message)}`;
  return segmentError(operation, reasonOf(status, message, field, ordered), `The service answered ${status}${said}.`);
};

const reasonOf = (status: number, message: string, field: string, ordered: boolean): SegmentReason => {
  if (/must be sent to Segment's \w+-hosted API/i.test(message)) return new WrongRegion();
  if (status === 429 || (ordered && isTransient(status))) return new RateLimited({ ordered });
  if (isTransient(status)) return new Unavailable({ status });
  switch (status) {
    case 401:
      return new Unauthorized();
    case 403:
      return new Forbidden();
    case 404:
      return new NotFound();
    case 413:
      return new TooLarge();
    case 422:
      return new InvalidRequest({
        field: field === "" && message.includes("pagination.count") ? "pagination.count" : field,
      });
    default:
      return new UnexpectedStatus({ status });
  }
};

const isTransient = (status: number): boolean => status === 408 || status === 425 || status >= 500;
