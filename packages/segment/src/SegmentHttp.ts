/**
 * One GET of the API, the whole way: wait for the budget, send, read the body, decode it, and try again where that can help.
 *
 * A try covers fetch, body and decode, under one time-out. Failures are backed off exponentially, capped and jittered; waiting
 * that the service orders is no failure, and holds every request of the token back, not only the refused one.
 */
import { isUtf8 } from "node:buffer";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schedule from "effect/Schedule";
import * as Schema from "effect/Schema";
import * as Stream from "effect/Stream";
import type * as HttpClient from "effect/http/HttpClient";
import type * as HttpClientError from "effect/http/HttpClientError";
import * as HttpClientRequest from "effect/http/HttpClientRequest";
import type * as HttpClientResponse from "effect/http/HttpClientResponse";
import { CallTally } from "./CallTally.ts";
import { explain, failureOf } from "./Failure.ts";
import type { RateBudget } from "./RateBudget.ts";
import { parseDate, readRateSignal } from "./RateSignal.ts";
import type { Sent } from "./RateWindow.ts";
import { makeRedaction } from "./Redaction.ts";
import type { SegmentConfig } from "./SegmentConfig.ts";
import {
  BrokenBody,
  type SegmentError,
  segmentError,
  TimedOut,
  TooLarge,
  UnexpectedBody,
  Unreachable,
} from "./SegmentError.ts";
import type { ServiceClock } from "./ServiceClock.ts";

export interface Get<A> {
  /** For messages, such as `GET /usage/mtu/daily 2024-01`. */
  readonly operation: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Reads a body. None: JSON, but not the documented body. Throws what `JSON.parse` throws. */
  readonly read: (body: Body) => Option.Option<A>;
}

/** A whole body, of valid UTF-8. */
export interface Body {
  /** To be read at once: the memory is used again for the next body. */
  readonly bytes: Buffer;
  readonly text: () => string;
}

export interface SegmentHttp {
  /** As of the last answer with a `Date`. */
  readonly serviceClock: Effect.Effect<ServiceClock | undefined>;
  readonly get: <A>(request: Get<A>) => Effect.Effect<A, SegmentError>;
}

/** Shape: a whole answer, decoded. Memory: one body, at most `maxBodyBytes`. Errors: `SegmentError`, after all tries. */
export const makeSegmentHttp = (
  config: SegmentConfig,
  client: HttpClient.HttpClient,
  budget: RateBudget,
): SegmentHttp => {
  let serviceClock: ServiceClock | undefined;
  const gathered = gatherer();

  const prepared = (path: string, query: Readonly<Record<string, string>>) =>
    HttpClientRequest.get(new URL(path.slice(1), withSlash(config.apiUrl))).pipe(
      HttpClientRequest.setUrlParams(query),
      HttpClientRequest.bearerToken(config.token),
      HttpClientRequest.setHeaders({ accept: "application/vnd.segment.v1+json", "user-agent": config.userAgent }),
    );

  /** Sends, and reads the body, in pieces. A refusal stands whether or not its explanation can be read. */
  const exchange = Effect.fnUntraced(function* <A>({ operation, path, query }: Get<A>) {
    const response = yield* client
      .execute(prepared(path, query))
      .pipe(Effect.mapError((error) => unreachable(operation, error)));
    const chunks = yield* boundedBody(operation, response).pipe((read) =>
      response.status === 200 ? read : Effect.orElseSucceed(read, () => []),
    );
    return { response, chunks };
  });

  /** The body, in pieces; the rest of one that is too large is not read. */
  const boundedBody = (operation: string, response: HttpClientResponse.HttpClientResponse) => {
    const chunks: Array<Uint8Array> = [];
    let length = 0;
    return response.stream.pipe(
      Stream.mapError(() => segmentError(operation, new BrokenBody(), "The answer broke off.")),
      Stream.runForEach((chunk) => {
        length += chunk.byteLength;
        chunks.push(chunk);
        return length > config.maxBodyBytes ? oversized(operation, config.maxBodyBytes) : Effect.void;
      }),
      Effect.as<ReadonlyArray<Uint8Array>>(chunks),
    );
  };

  const attempt = <A>(request: Get<A>, tries: { count: number }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const sent = yield* budget.pass;
        (yield* CallTally).count(tries.count++ > 0);
        const timeOut = () => Effect.fail(timedOut(request.operation, config.timeoutMs));
        const { chunks, response } = yield* exchange(request).pipe(
          Effect.timeoutOrElse({ duration: config.timeoutMs, orElse: timeOut }),
          restore,
          Effect.onError(() => budget.lost(sent)),
        );
        yield* received(request.operation, sent, response, chunks);
        return yield* decoded(request, chunks);
      }),
    );

  /** Tells the budget what the answer says of it. Fails with what else it says. */
  const received = Effect.fnUntraced(function* (
    operation: string,
    sent: Sent,
    response: HttpClientResponse.HttpClientResponse,
    chunks: ReadonlyArray<Uint8Array>,
  ) {
    const now = yield* Clock.currentTimeMillis;
    const serviceMs = parseDate(response.headers["date"]);
    if (serviceMs !== undefined) serviceClock = { serviceMs, localMs: now };
    const explanation = response.status === 200 ? undefined : explain(textOf(gathered(chunks)) ?? "", redact);
    const signal = readRateSignal(response.headers, explanation?.msBeforeNext, now);
    if (explanation === undefined) return yield* budget.succeeded(sent, signal);
    const orders = response.status === 429 || response.headers["retry-after"] !== undefined;
    const wait = orders ? signal.wait : undefined;
    const failure = failureOf(operation, response.status, explanation, wait !== undefined);
    yield* failure.reason._tag === "RateLimited"
      ? budget.refused(sent, wait, config.backoffMs * 4)
      : budget.succeeded(sent, signal);
    return yield* failure;
  });

  const redact = makeRedaction(config.token);

  const decoded = <A>(request: Get<A>, chunks: ReadonlyArray<Uint8Array>): Effect.Effect<A, SegmentError> =>
    Effect.suspend(() => {
      const fail = (reason: BrokenBody | UnexpectedBody, detail: string) =>
        Effect.fail(segmentError(request.operation, reason, detail));
      const bytes = gathered(chunks);
      // Put right without a word, two different ids could become the same.
      if (!isUtf8(bytes)) return fail(new BrokenBody(), "The answer is not UTF-8, as JSON is.");
      const text = () => textOf(bytes)!;
      let found: Option.Option<A>;
      try {
        found = request.read({ bytes, text });
      } catch {
        return fail(new BrokenBody(), "The answer is not whole JSON.");
      }
      if (Option.isSome(found)) return Effect.succeed(found.value);
      const { message } = explain(text(), redact);
      const said = message === "" ? "" : ` It said: ${JSON.stringify(message)}.`;
      return fail(new UnexpectedBody(), `The answer is JSON, but not the documented body.${said}`);
    });

  const isOrdered = (error: SegmentError): boolean => error.reason._tag === "RateLimited" && error.reason.ordered;

  const backOff = Schedule.min([Schedule.exponential(config.backoffMs), Schedule.spaced(config.maxBackoffMs)]).pipe(
    Schedule.jittered,
    Schedule.upTo({ times: config.maxTries - 1 }),
  );

  return {
    serviceClock: Effect.sync(() => serviceClock),
    get: (request) =>
      Effect.suspend(() => {
        const tries = { count: 0 };
        return attempt(request, tries).pipe(
          Effect.retry({ while: isOrdered, times: config.maxOrderedWaits }),
          Effect.retry({ while: (error) => error.reason.isRetryable && !isOrdered(error), schedule: backOff }),
        );
      }),
  };
};

/** Puts pieces together in memory that is used again each time: to ask for new memory costs more than to read the page. */
const gatherer = (): ((chunks: ReadonlyArray<Uint8Array>) => Buffer) => {
  let memory = Buffer.alloc(0);
  return (chunks) => {
    const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (length > memory.length) memory = Buffer.allocUnsafeSlow(length * 2);
    let at = 0;
    for (const chunk of chunks) {
      memory.set(chunk, at);
      at += chunk.byteLength;
    }
    return memory.subarray(0, length);
  };
};

/** Undefined: not UTF-8. */
const textOf = (bytes: Buffer): string | undefined => (isUtf8(bytes) ? new TextDecoder().decode(bytes) : undefined);

const withSlash = (url: URL): URL => (url.pathname.endsWith("/") ? url : new URL(`${url.href}/`));

const unreachable = (operation: string, error: HttpClientError.HttpClientError): SegmentError => {
  const code = systemCode(error);
  return segmentError(operation, new Unreachable({ code }), `No answer came${code === "" ? "" : ` (${code})`}.`);
};

const timedOut = (operation: string, afterMs: number): SegmentError =>
  segmentError(operation, new TimedOut({ afterMs }), `No whole answer came in ${afterMs / 1_000} s.`);

const oversized = (operation: string, maxBytes: number): SegmentError =>
  segmentError(operation, new TooLarge(), `The answer is larger than ${maxBytes / 2 ** 20} MiB.`);

const decodeCode = Schema.decodeUnknownOption(Schema.Struct({ code: Schema.String }));

/** The system's code at the root of the causes, such as ECONNREFUSED; the causes themselves may hold the request. */
const systemCode = (error: unknown): string => {
  for (let cause = error, depth = 0; cause !== undefined && cause !== null && depth < 8; depth++) {
    const found = decodeCode(cause);
    if (Option.isSome(found)) return found.value.code;
    cause =
      (cause as { readonly cause?: unknown; readonly reason?: unknown }).cause ??
      (cause as { readonly reason?: unknown }).reason;
  }
  return "";
};
