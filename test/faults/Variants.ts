/**
 * The ways in which the service can fail: every kind of fault of the simulator, in the forms that matter, each with its nature,
 * from which alone {@link expectation} says what a run is to make of it.
 */
import type { FaultRule } from "@segmeter/simulator";
import { token } from "./Canaries.ts";

/** A fault without the place and the number of times at which it strikes. */
export type Rule<R = FaultRule> = R extends FaultRule
  ? Omit<R, "path" | "month" | "workspaceId" | "page" | "times">
  : never;

export type Nature =
  /** The answer can be used as it is. */
  | "harmless"
  /** The request can be made again; `gate` when that never helps. */
  | "transient"
  /** The request is refused, and asking again would not help. */
  | "final"
  /** A 404: of the first page of a month, there is nothing; of a later page, it went away. */
  | "absence"
  /** The token is refused for everything. */
  | "refusal"
  /** The walk leaves a doubt, and is walked again. */
  | "doubt"
  /** A cursor that leads back. */
  | "loop"
  /** Rows that come twice, under a new cursor. */
  | "shift"
  /** What the page says cannot be kept. */
  | "contradiction";

export interface Variant {
  readonly rule: Rule;
  readonly nature: Nature;
  /** The reason by which a partition fails. */
  readonly gate: string;
  /** The figures that it can strike. */
  readonly only?: "sources" | "mtu";
  /** What a run needs for it: short time-outs, or a limit of its own. */
  readonly needs?: "time" | "limit";
  /** One of many alike: only the long version has it. */
  readonly isOfMany?: boolean;
}

const of =
  (nature: Nature, gate: string, more: Partial<Variant> = {}) =>
  (rule: Rule): Variant => ({ nature, gate, rule, ...more });

const status = (code: number, message?: string): Rule => ({
  kind: "status",
  status: code,
  ...(message === undefined ? {} : { message }),
});

/** A service that repeats what it was sent, as debugging proxies do. */
const echoes = (code: number): ReadonlyArray<Rule> =>
  [
    `Authorization: Bearer ${token}`,
    JSON.stringify({ authorization: `Bearer ${token}` }),
    `/?access_token=${encodeURIComponent(token)}`,
    Buffer.from(`Bearer ${token}`).toString("base64"),
  ].map((message) => status(code, message));

const badRows = [
  "decimal",
  "text",
  "negative",
  "null",
  "missing",
  "overflow",
  "bad-timestamp",
  "not-an-object",
] as const;

const redirects = [301, 302, 303, 307, 308];
const unusual = [204, 206, 300, 304, 402, 405, 406, 410, 418, 431, 451];
const down = [408, 425, 501, 502, 504, 599];

/** `elsewhere`: where redirects lead. */
export const variantsFor = (elsewhere: string): ReadonlyArray<Variant> => [
  of("transient", "Unavailable")(status(500)),
  of("transient", "Unavailable")({ kind: "status", status: 503, body: "html" }),
  ...down.map((code) => of("transient", "Unavailable", { isOfMany: true })(status(code))),
  of("transient", "RateLimited", { needs: "limit" })(status(429)),
  of("transient", "UnexpectedBody")(status(200)),
  of("final", "UnexpectedStatus")(status(400)),
  of("final", "Forbidden")(status(403)),
  of("absence", "Vanished")(status(404)),
  of("final", "UnexpectedStatus")(status(409)),
  of("final", "TooLarge")(status(413)),
  of("final", "InvalidRequest")(status(422)),
  ...unusual.map((code) => of("final", "UnexpectedStatus", { isOfMany: true })(status(code))),
  of("refusal", "Unauthorized")(status(401)),
  of("refusal", "WrongRegion")(status(403, "Requests must be sent to Segment's EU-hosted API")),
  of("refusal", "Unauthorized")({ kind: "revoked-token" }),
  ...echoes(400).map(of("final", "UnexpectedStatus")),
  ...echoes(422).map(of("final", "InvalidRequest", { isOfMany: true })),
  ...echoes(500).map(of("transient", "Unavailable", { isOfMany: true })),
  ...redirects.map((code) =>
    of("final", "UnexpectedStatus", { isOfMany: code % 2 === 1 })({
      kind: "redirect",
      to: `${elsewhere}/?after=${code}`,
      status: code,
    }),
  ),
  of("transient", "RateLimited", { needs: "limit" })({ kind: "rate-limit-storm", waitMs: 1 }),
  of("transient", "RateLimited", { needs: "limit" })({
    kind: "rate-limit-storm",
    waitMs: 1,
    refusal: "ms-before-next",
  }),
  ...(["retry-after-seconds", "retry-after-date", "reset-header"] as const).map((refusal) =>
    of("transient", "RateLimited", { needs: "limit", isOfMany: true })({
      kind: "rate-limit-storm",
      waitMs: 1,
      refusal,
    }),
  ),
  of("transient", "Unavailable")({ kind: "html-502" }),
  of("transient", "Unreachable")({ kind: "reset" }),
  of("transient", "BrokenBody")({ kind: "reset-midway" }),
  of("transient", "BrokenBody", { isOfMany: true })({ kind: "reset-midway", keepPermille: 0 }),
  of("transient", "BrokenBody")({ kind: "truncated-body" }),
  of("transient", "BrokenBody", { isOfMany: true })({ kind: "truncated-body", keepPermille: 999 }),
  of("transient", "BrokenBody")({ kind: "not-json" }),
  of("transient", "BrokenBody")({ kind: "empty-body" }),
  of("transient", "UnexpectedBody")({ kind: "wrong-envelope" }),
  of("transient", "UnexpectedBody")({ kind: "errors-with-200" }),
  of("transient", "TimedOut", { needs: "time" })({ kind: "hang" }),
  of("transient", "TimedOut", { needs: "time" })({ kind: "slow-body", chunkBytes: 1, everyMs: 60_000 }),
  of("harmless", "")({ kind: "slow-body", chunkBytes: 200, everyMs: 1 }),
  of("final", "TooLarge")({ kind: "oversized-body", mebibytes: 2 }),
  of("harmless", "", { isOfMany: true })({ kind: "oversized-body", mebibytes: 1 }),
  of("transient", "UnexpectedBody")({ kind: "deep-body" }),
  of("harmless", "", { isOfMany: true })({ kind: "deep-body", levels: 20 }),
  of("loop", "RepeatedCursor")({ kind: "repeated-cursor" }),
  of("loop", "RepeatedCursor")({ kind: "repeated-cursor", to: "first" }),
  of("shift", "EndlessWalk")({ kind: "shifted-page" }),
  of("doubt", "TotalMismatch")({ kind: "dropped-rows" }),
  of("doubt", "TotalMismatch", { isOfMany: true })({ kind: "dropped-rows", rows: 50 }),
  of("doubt", "TotalMismatch")({ kind: "wrong-total" }),
  of("doubt", "TotalMismatch", { isOfMany: true })({ kind: "wrong-total", by: -1 }),
  of("doubt", "TotalMismatch")({ kind: "second-snapshot" }),
  of("doubt", "TotalMismatch", { isOfMany: true })({ kind: "second-snapshot", counted: "yes" }),
  of("harmless", "")({ kind: "unknown-field" }),
  of("contradiction", "ConflictingRows")({ kind: "conflicting-row" }),
  of("contradiction", "OutsidePeriod", { only: "mtu" })({ kind: "outside-period" }),
  ...badRows.map((variant) =>
    of("contradiction", "BadRow", { isOfMany: variant !== "decimal" })({ kind: "bad-row", variant }),
  ),
  of("contradiction", "BadRow", { only: "sources" })({ kind: "bad-row", variant: "empty-source-id" }),
];

/** As people read it. */
export const nameOf = ({ rule }: Pick<Variant, "rule">): string => JSON.stringify(rule).replaceAll('"', "");
