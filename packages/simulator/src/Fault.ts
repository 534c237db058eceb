/**
 * What can be made to go wrong, as data: rules that say which requests are hit, how often, and with what.
 *
 * Guarantees: a rule read here is complete and within bounds; unknown kinds and parameters are refused.
 */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import { Month, RefusalStyle, wholeNumber, withDefault } from "./SimulatorConfig.ts";

const where = {
  /** Path hit, such as `/usage/mtu/daily`, `/sources` or `/`. Default: any. */
  path: Schema.optional(Schema.String.check(Schema.isStartingWith("/"))),
  /** Usage month hit, `YYYY-MM`. Default: any. */
  month: Schema.optional(Month),
  /** Workspace hit, by id. Default: any. */
  workspaceId: Schema.optional(Schema.String),
  /** Page hit, 0 for the first of a walk, or `last`. Default: any. */
  page: Schema.optional(Schema.Union([wholeNumber(0, 1_000_000), Schema.Literal("last")])),
  /** How often it fires; Infinity is allowed. Default: 1. */
  times: withDefault(
    Schema.Number.check(
      Schema.makeFilter(
        (times: number) =>
          (times >= 1 && (times === Infinity || Number.isSafeInteger(times))) || "a whole number from 1, or Infinity",
      ),
    ),
    1,
  ),
  /** Share of the hit requests on which it fires, from 0 to 1, drawn from the seed. Default: 1. */
  probability: Schema.optional(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }, { expected: "a number from 0 to 1" })),
  ),
};

const rule = <const Kind extends string, Fields extends Schema.Struct.Fields>(kind: Kind, fields: Fields) =>
  Schema.Struct({ kind: Schema.Literal(kind), ...where, ...fields });

const rowAt = withDefault(wholeNumber(0, 1_000_000), 0);
const rowCount = withDefault(wholeNumber(1, 1_000_000), 1);
const keepPermille = withDefault(wholeNumber(0, 999), 500);

/** What a bad row is bad in. */
const BadRowVariant = Schema.Literals([
  "decimal",
  "text",
  "negative",
  "null",
  "missing",
  "overflow",
  "bad-timestamp",
  "empty-source-id",
  "not-an-object",
]);

const rules = [
  rule("status", {
    status: withDefault(wholeNumber(200, 599), 500),
    body: withDefault(Schema.Literals(["json", "html"]), "json"),
    message: withDefault(Schema.String, "Something went wrong"),
  }),
  rule("rate-limit-storm", {
    waitMs: withDefault(wholeNumber(1, 86_400_000), 1000),
    refusal: withDefault(RefusalStyle, "all"),
  }),
  rule("html-502", {}),
  rule("reset", {}),
  rule("reset-midway", { keepPermille }),
  rule("truncated-body", { keepPermille }),
  rule("not-json", {}),
  rule("hang", {}),
  rule("slow-body", {
    chunkBytes: withDefault(wholeNumber(1, 1_000_000), 64),
    everyMs: withDefault(wholeNumber(1, 60_000), 20),
  }),
  rule("oversized-body", { mebibytes: withDefault(wholeNumber(1, 1_000), 20) }),
  rule("deep-body", { levels: withDefault(wholeNumber(1, 1_000_000), 100_000) }),
  rule("repeated-cursor", { to: withDefault(Schema.Literals(["current", "first"]), "current") }),
  rule("shifted-page", { rows: rowCount }),
  rule("dropped-rows", { rows: rowCount }),
  rule("wrong-total", { by: withDefault(wholeNumber(-1_000_000, 1_000_000), 1) }),
  rule("bad-row", {
    variant: withDefault(BadRowVariant, "decimal"),
    row: rowAt,
    field: Schema.optional(Schema.NonEmptyString),
  }),
  rule("conflicting-row", { row: rowAt, by: withDefault(wholeNumber(1, 1_000_000), 1) }),
  rule("second-snapshot", {
    row: rowAt,
    by: withDefault(wholeNumber(0, 1_000_000), 1),
    minutes: withDefault(wholeNumber(1, 1439), 360),
    counted: withDefault(Schema.Literals(["yes", "no"]), "no"),
  }),
  rule("unknown-field", { name: withDefault(Schema.NonEmptyString, "estimatedCost") }),
  rule("outside-period", { row: rowAt }),
  rule("empty-body", {}),
  rule("wrong-envelope", {}),
  rule("errors-with-200", {}),
  rule("revoked-token", {}),
  rule("redirect", { to: Schema.NonEmptyString, status: withDefault(wholeNumber(300, 399), 302) }),
] as const;

const AnyRule = Schema.Union(rules);

/** A rule as a caller writes it: only `kind` is needed, and `to` for a redirect. */
export type FaultRule = typeof AnyRule.Encoded;

/** A rule with every default filled in. */
export type ArmedRule = typeof AnyRule.Type;

/** The name of a fault. */
export type FaultKind = ArmedRule["kind"];

const descriptions: Readonly<Record<FaultKind, string>> = {
  status: "any status (status=500) with a JSON or HTML body (body=json|html, message=…)",
  "rate-limit-storm": "429 whatever the limit, telling to wait (waitMs=1000, refusal=all); times says how many",
  "html-502": "502 with a proxy's HTML page",
  reset: "the connection is reset before any header",
  "reset-midway": "the connection breaks off within the body (keepPermille=500)",
  "truncated-body": "the body is cut, with a Content-Length to match (keepPermille=500)",
  "not-json": "200 with an HTML page",
  hang: "no answer at all",
  "slow-body": "the body comes in drips (chunkBytes=64, everyMs=20)",
  "oversized-body": "a body that is right, with blanks up to a size (mebibytes=20)",
  "deep-body": "the first row has a field with lists in lists (levels=100000)",
  "repeated-cursor": "next is a cursor already given (to=current|first)",
  "shifted-page": "a page after the first starts early, so that rows come twice (rows=1)",
  "dropped-rows": "a page lacks its last rows (rows=1)",
  "wrong-total": "totalEntries is off (by=1)",
  "bad-row":
    "a row breaks the contract (variant=decimal|text|negative|null|missing|overflow|bad-timestamp|empty-source-id|not-an-object, row=0, field=…)",
  "conflicting-row": "a row comes a second time with other counts (row=0, by=1)",
  "second-snapshot":
    "a row comes a second time with a later time of its day (row=0, by=1, minutes=360, counted=yes|no: in totalEntries)",
  "unknown-field": "rows have a field that is not documented (name=estimatedCost)",
  "outside-period": "a row's timestamp lies after the period that it names (row=0)",
  "empty-body": "200 with no body",
  "wrong-envelope": "data without its list",
  "errors-with-200": "200 with errors in place of data",
  "revoked-token": "401 for this token from now on, until the faults are cleared",
  redirect: "a redirect to another URL (to=…, status=302)",
};

/** Every kind with one line on what it does and on its parameters, for help texts. */
export const faultKinds: ReadonlyArray<{ readonly kind: FaultKind; readonly description: string }> = rules.map(
  ({ fields }) => ({
    kind: fields.kind.literal,
    description: descriptions[fields.kind.literal],
  }),
);

/** A fault that could not be read. Not retryable. */
export class FaultSyntaxError extends Schema.TaggedError<FaultSyntaxError>()("FaultSyntaxError", {
  /** The text, or the kind, that was read. */
  text: Schema.String,
  /** What is wrong with it. */
  hint: Schema.String,
}) {
  override get message(): string {
    return `fault "${this.text}": ${this.hint}`;
  }
}

/** Checks a rule and fills in its defaults. */
export function armRule(rule: unknown, text: string): Result.Result<ArmedRule, FaultSyntaxError> {
  return Schema.decodeUnknownResult(AnyRule, { onExcessProperty: "error" })(rule).pipe(
    Result.mapError((cause) => new FaultSyntaxError({ text, hint: cause.message.replace(/\s*\n\s*/g, " ") })),
  );
}

/**
 * Reads a fault as it is written on a command line: `html-502:path=/usage/mtu/daily,page=1,times=3`.
 * Shape: a kind; then, after a colon, parameters with commas between them. `times=Infinity` is allowed.
 */
export function parseFault(text: string): Result.Result<FaultRule, FaultSyntaxError> {
  const [kind = "", parameters = ""] = text.trim().split(/:(.*)/s);
  if (!faultKinds.some((known) => known.kind === kind)) {
    const known = faultKinds.map((one) => one.kind).join(", ");
    return Result.fail(new FaultSyntaxError({ text, hint: `no such kind; the kinds are ${known}` }));
  }
  const rule: Record<string, unknown> = { kind };
  for (const parameter of parameters.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", value] = parameter.trim().split(/=(.*)/s);
    if (value === undefined) return Result.fail(new FaultSyntaxError({ text, hint: `"${name}" lacks "=value"` }));
    if (name in rule) return Result.fail(new FaultSyntaxError({ text, hint: `"${name}" is given twice` }));
    rule[name] = /^(-?\d+(\.\d+)?|Infinity)$/.test(value) ? Number(value) : value;
  }
  return armRule(rule, text);
}
