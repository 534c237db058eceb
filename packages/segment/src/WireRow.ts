/**
 * A row of usage as sent, decoded: strings become bigint, never a float. What breaks the contract is refused with its reason.
 */
import { type DatasetName, datasetOf, Instant } from "@segmeter/domain";
import * as Option from "effect/Option";
import * as Predicate from "effect/Predicate";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import * as SchemaTransformation from "effect/SchemaTransformation";
import { usageOperations } from "./Wire.ts";

/** A count: whole, not negative, at most 2^63 − 1, which is what a BIGINT column holds. */
const Count = Schema.String.check(
  Schema.isPattern(/^\d{1,40}$/, { message: "a count that is no whole number in a string" }),
).pipe(
  Schema.decodeTo(
    Schema.BigInt.check(
      Schema.isLessThanOrEqualToBigInt(2n ** 63n - 1n, {
        message: "a count beyond 2^63 − 1, which cannot be kept exactly",
      }),
    ),
    SchemaTransformation.bigintFromString,
  ),
);

/** Of a period, since 1970. */
export const lastSecond = 9_000_000_000;

/** Unix seconds. Decoded to microseconds. */
const Seconds = Schema.Int.check(
  Schema.isBetween(
    { minimum: 0, maximum: lastSecond },
    { message: "a period that is no number of seconds since 1970" },
  ),
);

const SourceId = Schema.String.check(
  Schema.makeFilter((text: string) => text !== "" && text.length <= 200, {
    message: "a source id that is empty or too long",
  }),
  Schema.makeFilter((text: string) => text.isWellFormed(), {
    message: "a source id that is no text: it has half a character",
  }),
);

const mtu = {
  periodStart: Seconds,
  periodEnd: Seconds,
  anonymous: Count,
  anonymousIdentified: Count,
  identified: Count,
  neverIdentified: Count,
  timestamp: Schema.String,
};
const apiCalls = { apiCalls: Count, timestamp: Schema.String };

const MtuRow = Schema.Struct(mtu);
const SourceMtuRow = Schema.Struct({ sourceId: SourceId, ...mtu });
const ApiCallsRow = Schema.Struct(apiCalls);
const SourceApiCallsRow = Schema.Struct({ sourceId: SourceId, ...apiCalls });

/** A decoded row of usage; `sourceId` and the period only where the operation has them. Counts are cumulative in the period. */
export interface WireRow {
  readonly sourceId: string | undefined;
  readonly period: { readonly start: Instant.EpochMicros; readonly end: Instant.EpochMicros } | undefined;
  /** In the order of {@link usageOperations}. */
  readonly counts: ReadonlyArray<bigint>;
  readonly timestamp: Instant.EpochMicros;
  /** Fields that the documentation does not know. */
  readonly unknownFields: ReadonlyArray<string>;
}

type Decoded = Partial<typeof SourceMtuRow.Type & typeof SourceApiCallsRow.Type> & { readonly timestamp: string };

const schemas: { readonly [Name in DatasetName]: Schema.Codec<Decoded, unknown> } = {
  "workspace-mtu": MtuRow,
  "source-mtu": SourceMtuRow,
  "workspace-api-calls": ApiCallsRow,
  "source-api-calls": SourceApiCallsRow,
};

const none: ReadonlyArray<string> = [];

/** Fails with the reason, in words, for a row that breaks the contract. */
export const decodeWireRow = (dataset: DatasetName): ((row: unknown) => Result.Result<WireRow, string>) => {
  const decode = Schema.decodeUnknownResult(schemas[dataset]);
  const { counts, fields } = usageOperations[dataset];
  const known = new Set(fields);
  const unknownFieldsOf = (row: unknown): ReadonlyArray<string> => {
    const keys = Object.keys(row as object);
    return keys.length === fields.length ? none : keys.filter((key) => !known.has(key));
  };
  const { level, measure } = datasetOf(dataset);
  const instantOf = remembered(Instant.parse);
  const figuresOf = plainFigures(dataset);
  return (row) => {
    let figures = figuresOf(row);
    if (figures === undefined) {
      const decoded = decode(row);
      if (Result.isFailure(decoded)) {
        return Result.fail(`${decoded.failure.message.replaceAll(/\s+/g, " ")}${quoted(row)}`);
      }
      figures = counts.map((name) => decoded.success[name as "apiCalls"]!);
    }
    const { periodEnd, periodStart, sourceId, timestamp } = row as Sent;
    const instant = instantOf(timestamp);
    if (Option.isNone(instant)) {
      return Result.fail(
        `a timestamp that is no ISO-8601 instant to the microsecond (${JSON.stringify(timestamp.slice(0, 80))})`,
      );
    }
    return Result.succeed({
      sourceId: level === "source" ? sourceId : undefined,
      period:
        measure === "mtu"
          ? { start: periodStart * Instant.microsPerSecond, end: periodEnd * Instant.microsPerSecond }
          : undefined,
      counts: figures,
      timestamp: instant.value,
      unknownFields: unknownFieldsOf(row),
    });
  };
};

/** A row that was found to keep to its schema; fields that its operation does not have may hold anything. */
interface Sent {
  readonly sourceId: string;
  readonly periodStart: number;
  readonly periodEnd: number;
  readonly timestamp: string;
}

/** A number holds any count of so many digits exactly. */
export const mostPlainDigits = 15;

/**
 * The counts of a row as nearly all are: every field of its documented type, counts of at most 15 digits. Undefined: another row,
 * for the schema to judge. What it takes the schema takes too, to the same counts, at a tenth of the cost.
 */
const plainFigures = (dataset: DatasetName): ((row: unknown) => ReadonlyArray<bigint> | undefined) => {
  const { counts } = usageOperations[dataset];
  const { level, measure } = datasetOf(dataset);
  return (row) => {
    if (!Predicate.isObject(row)) return undefined;
    const sent = row as Record<string, unknown>;
    if (typeof sent["timestamp"] !== "string") return undefined;
    if (level === "source" && !isSourceId(sent["sourceId"])) return undefined;
    if (measure === "mtu" && !(isSeconds(sent["periodStart"]) && isSeconds(sent["periodEnd"]))) return undefined;
    const figures: Array<bigint> = [];
    for (const name of counts) {
      const count = plainCount(sent[name]);
      if (count < 0) return undefined;
      figures.push(BigInt(count));
    }
    return figures;
  };
};

/** What `SourceId` takes. */
export const isSourceId = (value: unknown): boolean =>
  typeof value === "string" && value !== "" && value.length <= 200 && value.isWellFormed();

const isSeconds = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= lastSecond;

/** −1 for anything but a plain count in a text. */
const plainCount = (value: unknown): number => {
  if (typeof value !== "string" || value.length === 0 || value.length > mostPlainDigits) return -1;
  let count = 0;
  for (let index = 0; index < value.length; index++) {
    const digit = value.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return -1;
    count = count * 10 + digit;
  }
  return count;
};

/** A month of rows has some thirty timestamps, each on every source. */
const remembered = <A>(parse: (text: string) => A): ((text: string) => A) => {
  const known = new Map<string, A>();
  return (text) => {
    const held = known.get(text);
    if (held !== undefined) return held;
    const parsed = parse(text);
    if (known.size < 1_000) known.set(text, parsed);
    return parsed;
  };
};

const quoted = (row: unknown): string => (Predicate.isObject(row) ? "" : ` (${JSON.stringify(row)?.slice(0, 80)})`);
