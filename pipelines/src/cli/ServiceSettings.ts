/**
 * From flags and environment to the client's settings: token, host, and the clock that tests and rehearsals may set.
 */
import { Instant, Now, type UsageMonth as Month, UsageMonth } from "@segmeter/domain";
import { apiUrls, defaults, isToken, mostTokenLength, type SegmentConfig } from "@segmeter/segment";
import * as Clock from "effect/Clock";
import * as Config from "effect/Config";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Redacted from "effect/Redacted";
import { createReadStream } from "node:fs";
import { text } from "node:stream/consumers";
import { version } from "../Version.ts";
import { type UsageError, usageError } from "./UsageError.ts";

export interface ServiceFlags {
  readonly tokenFile: Option.Option<string>;
  readonly region: Option.Option<"us" | "eu">;
  readonly apiUrl: Option.Option<string>;
  readonly requestsPerMinute: Option.Option<number>;
  readonly pageSize: number;
}

const environment = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.map((value) => (Option.isSome(value) && value.value.trim() !== "" ? value.value.trim() : undefined)),
    Effect.orElseSucceed(() => undefined),
  );

export const serviceSettings = Effect.fn("serviceSettings")(function* (
  flags: ServiceFlags,
): Effect.fn.Return<SegmentConfig, UsageError> {
  const apiUrl = yield* apiUrlOf(flags);
  return {
    ...defaults,
    apiUrl,
    token: yield* tokenOf(flags.tokenFile),
    userAgent: `segmeter/${version}`,
    pageSize: flags.pageSize,
    requestsPerMinute: Option.getOrUndefined(flags.requestsPerMinute),
  };
});

const tokenOf = (file: Option.Option<string>): Effect.Effect<Redacted.Redacted, UsageError> =>
  Effect.gen(function* () {
    const given = Option.isSome(file) ? yield* readToken(file.value) : yield* environment("SEGMENT_TOKEN");
    if (given === undefined) {
      return yield* usageError(
        "There is no token.",
        "Set SEGMENT_TOKEN, or name a file that holds it with --token-file. To try segmeter without one: segmeter simulate.",
      );
    }
    const token = Redacted.make(given, { label: "token" });
    if (!isToken(token)) {
      const what = given.length > mostTokenLength ? "is longer than any token" : "has characters that no token has";
      return yield* usageError(`The token ${what}.`, "Give the bare token, on one line.");
    }
    return token;
  });

const readToken = (path: string): Effect.Effect<string | undefined, UsageError> =>
  Effect.tryPromise({
    // What is longer is no token, and may have no end.
    try: async () => (await text(createReadStream(path, { end: 2 * mostTokenLength }))).trim(),
    catch: (cause) =>
      usageError(
        `The token file ${path} can't be read (${(cause as NodeJS.ErrnoException).code ?? "unknown"}).`,
        "Check --token-file.",
      ),
  }).pipe(Effect.map((found) => (found === "" ? undefined : found)));

const apiUrlOf = (flags: ServiceFlags): Effect.Effect<URL, UsageError> =>
  Effect.gen(function* () {
    const region = Option.getOrUndefined(flags.region) ?? (yield* environment("SEGMENT_REGION")) ?? "us";
    if (region !== "us" && region !== "eu") {
      return yield* usageError(`SEGMENT_REGION is ${JSON.stringify(region)}.`, "It is us or eu.");
    }
    const text = Option.getOrUndefined(flags.apiUrl) ?? (yield* environment("SEGMENT_API_URL"));
    if (text === undefined) return new URL(apiUrls[region]);
    const url = URL.parse(text);
    if (url === null || !["http:", "https:"].includes(url.protocol)) {
      return yield* usageError(
        "The API's URL is no URL.",
        "Give one such as https://api.segmentapis.com with --api-url.",
      );
    }
    if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
      return yield* usageError("The API's URL has more than host and path.", "Leave user, query and fragment out.");
    }
    if (url.protocol === "http:" && !isLoopback(url)) {
      return yield* usageError(
        `Plain http to ${url.hostname} would show the token to the network.`,
        "Use https; plain http is for loopback addresses only.",
      );
    }
    return url;
  });

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);

/** `SEGMETER_NOW` sets the clock that plans and stamps, for tests and rehearsals against a service on loopback. */
export const clockSettings = Effect.fn("clockSettings")(function* (
  apiUrl: URL,
): Effect.fn.Return<Layer.Layer<never>, UsageError> {
  const text = yield* environment("SEGMETER_NOW");
  if (text === undefined) return yield* machineClock;
  if (!isLoopback(apiUrl)) {
    return yield* usageError(
      "SEGMETER_NOW is set, and the service is a real one.",
      "Unset it: captures must bear their true time.",
    );
  }
  const instant = Instant.parse(text);
  if (Option.isNone(instant)) {
    return yield* usageError("SEGMETER_NOW is no instant.", "Give one such as 2024-03-01T02:00:00Z.");
  }
  return Layer.succeed(Now, Effect.succeed(instant.value));
});

/** The machine's own, where it tells a time that captures can bear. */
const machineClock = Effect.flatMap(
  Clock.currentTimeMillis,
  (millis): Effect.Effect<Layer.Layer<never>, UsageError> => {
    if (Instant.isWithin(Instant.fromMillis(millis))) return Effect.succeed(Layer.empty);
    const said = Number.isNaN(new Date(millis).getTime()) ? "no date" : new Date(millis).toISOString();
    return Effect.fail(usageError(`The machine's clock says ${said}.`, "Set the clock: captures bear its time."));
  },
);

/** Reads a month flag. */
export const monthOf = (flag: string, text: string): Effect.Effect<Month.UsageMonth, UsageError> => {
  const month = UsageMonth.parse(text);
  return Option.isSome(month)
    ? Effect.succeed(month.value)
    : Effect.fail(
        usageError(`--${flag} ${JSON.stringify(text)} is no month.`, "Write it as YYYY-MM, such as 2024-01."),
      );
};
