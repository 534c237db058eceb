/**
 * What a simulated service can be told to be.
 *
 * Guarantees: every field has a default, so `{}` is a working service; unknown keys are refused, and so are tokens that
 * two workspaces share. A field that is undefined counts as left out. Every default makes the same data on every machine, but for `now`, which is the real time.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { SimulatorError } from "./SimulatorError.ts";

/** A usage month, `YYYY-MM`. */
export const Month = Schema.String.check(
  Schema.isPattern(/^\d{4}-(0[1-9]|1[0-2])$/, { expected: "a month written YYYY-MM" }),
);

/** Reads an ISO-8601 instant; NaN when it is none, or when it would depend on the machine's time zone. */
export function parseInstant(text: string): number {
  return /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : NaN;
}

const Instant = Schema.String.check(
  Schema.makeFilter(
    (text: string) => !Number.isNaN(parseInstant(text)) || "an ISO-8601 instant in UTC or with an offset",
  ),
);

/** A whole number within bounds, both included. */
export const wholeNumber = (minimum: number, maximum: number) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { expected: `a whole number from ${minimum} to ${maximum}` }),
  );

/** A field that may be left out. */
export const withDefault = <A extends Schema.Top>(schema: A, value: A["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefault(Effect.succeed(value)));

/** What a 429 tells about the wait; `all` is all of them, the date aside. */
export const RefusalStyle = Schema.Literals([
  "retry-after-seconds",
  "retry-after-date",
  "ms-before-next",
  "reset-header",
  "all",
]);

/** How requests are counted against a limit; one count per token. */
export const RateLimitOptions = Schema.Struct({
  /** Requests let through in one window. */
  limit: wholeNumber(1, 1_000_000_000),
  /** Length of a window, in milliseconds. Default: 60 000. */
  windowMs: withDefault(wholeNumber(1, 86_400_000), 60_000),
  /**
   * When a window begins. Default: `first-request`.
   * `first-request`: at the first request after the last window; `aligned`: at whole multiples of the window since 1970;
   * `sliding`: there is none, a request counts for one window's length.
   */
  style: withDefault(Schema.Literals(["first-request", "aligned", "sliding"]), "first-request"),
  /** Whether successes carry the `X-RateLimit-*` headers. Default: true. */
  headers: withDefault(Schema.Boolean, true),
  /** What a 429 tells about the wait. Default: `all`. */
  refusal: withDefault(RefusalStyle, "all"),
});

/** One made-up workspace. */
const WorkspaceOptions = Schema.Struct({
  /** Sources over the whole life of the workspace. From 4 on, one dies, one is deleted, some come later. Default: 40. */
  sources: withDefault(wholeNumber(1, 20_000), 40),
  /** First month with activity. Default: 2024-01. */
  from: withDefault(Month, "2024-01"),
  /** Bearer token. Default: `simulator-token`, `simulator-token-2`, … by position. */
  token: Schema.optional(Schema.NonEmptyString),
  /** Further tokens of the same workspace; each has a rate limit of its own. Default: none. */
  moreTokens: withDefault(Schema.Array(Schema.NonEmptyString), []),
  /** Identifier. Default: 22 base58 characters made from the seed. */
  id: Schema.optional(Schema.NonEmptyString),
  /** Slug. Default: made from the seed. */
  slug: Schema.optional(Schema.NonEmptyString),
  /** Name that people read. Default: made from the seed. */
  name: Schema.optional(Schema.NonEmptyString),
});

/** Everything that can be set. */
export const SimulatorConfig = Schema.Struct({
  /** TCP port on 127.0.0.1; 0 takes any that is free. Default: 0. */
  port: withDefault(wholeNumber(0, 65_535), 0),
  /** Which world is made up. Default: 1. */
  seed: withDefault(wholeNumber(0, 4_294_967_295), 1),
  /** The workspaces. Default: one. */
  workspaces: withDefault(Schema.Array(WorkspaceOptions).check(Schema.isMinLength(1)), [{}]),
  /** What the service takes for the present, ISO-8601. Default: the real time, which moves on. */
  now: Schema.optional(Instant),
  /** Wait before each answer, in milliseconds, or its bounds. Default: 0. */
  latencyMs: withDefault(
    Schema.Union([wholeNumber(0, 600_000), Schema.Tuple([wholeNumber(0, 600_000), wholeNumber(0, 600_000)])]),
    0,
  ),
  /** The rate limit. Default: none, and then no rate header is sent. */
  rateLimit: Schema.optional(RateLimitOptions),
  /** Largest page, in rows; 200 is what older versions of the API allow. Default: 1000. */
  maxPageSize: withDefault(wholeNumber(1, 100_000), 1000),
  /** Whether pages tell how many rows there are in all. Default: true. */
  totalEntries: withDefault(Schema.Boolean, true),
  /** Whether a missing `next` or `previous` is sent as null rather than left out. Default: false. */
  nullCursors: withDefault(Schema.Boolean, false),
  /** Whether counts are JSON numbers rather than strings; they are exact beyond 2^53 too. Default: false. */
  countsAsNumbers: withDefault(Schema.Boolean, false),
  /** `business`: believable figures; `huge`: figures around 2^53 and up to 2^63 − 1. Default: business. */
  counts: withDefault(Schema.Literals(["business", "huge"]), "business"),
  /** Days by which billing periods start after (or before) the first of the month. Default: 0. */
  periodOffsetDays: withDefault(wholeNumber(-27, 27), 0),
  /** `free` refuses the usage endpoints with a 403. Default: business. */
  plan: withDefault(Schema.Literals(["business", "free"]), "business"),
  /** Months kept beside the current one; older ones are gone. Default: all are kept. */
  retentionMonths: Schema.optional(wholeNumber(0, 1200)),
  /** How a month beyond the retention is answered. Default: `not-found`, a 404. */
  beyondRetention: withDefault(Schema.Literals(["not-found", "empty"]), "not-found"),
  /** Where the workspaces live, when it is not here: every request is then refused. Default: here. */
  region: Schema.optional(Schema.Literals(["us", "eu"])),
});

/** Options as a caller writes them: all may be left out. */
export type SimulatorOptions = typeof SimulatorConfig.Encoded;

/** Options with every default filled in. */
export type SimulatorConfig = typeof SimulatorConfig.Type;

/** A rate limit with every default filled in. */
export type RateLimitOptions = typeof RateLimitOptions.Type;

/** The token of the workspace at `index`, as configured or by default. */
export function tokenOf(config: SimulatorConfig, index: number): string {
  return config.workspaces[index]?.token ?? (index === 0 ? "simulator-token" : `simulator-token-${index + 1}`);
}

/**
 * Checks options and fills in the defaults.
 * Errors: `SimulatorError` that names the field; not retryable.
 */
export const resolveConfig = Effect.fnUntraced(function* (options: SimulatorOptions) {
  const config = yield* Schema.decodeUnknownEffect(SimulatorConfig, { onExcessProperty: "error" })(options).pipe(
    Effect.mapError((cause) => new SimulatorError({ operation: "configure", hint: cause.message, cause })),
  );
  const tokens = config.workspaces.flatMap((workspace, index) => [tokenOf(config, index), ...workspace.moreTokens]);
  if (new Set(tokens).size < tokens.length) {
    // The tokens themselves stay out of the message: it may be logged.
    return yield* new SimulatorError({
      operation: "configure",
      hint: "each token must belong to one workspace, once",
    });
  }
  const ids = config.workspaces.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (new Set(ids).size < ids.length) {
    return yield* new SimulatorError({
      operation: "configure",
      hint: "each workspace needs an id of its own",
    });
  }
  return config;
});
