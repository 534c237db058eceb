/**
 * The wire format: what the bodies of the six operations look like. Fields that are not listed are let through untouched.
 */
import type { DatasetName } from "@segmeter/domain";
import * as Schema from "effect/Schema";

/** A usage operation: its path, the key of its list, and the fields of its rows. */
export interface UsageOperation {
  readonly path: string;
  readonly listKey: string;
  /** Fields that hold a count: a bigint in a decimal string, cumulative within the period. */
  readonly counts: ReadonlyArray<string>;
  /** All documented fields of a row. */
  readonly fields: ReadonlyArray<string>;
}

const mtuCounts = ["anonymous", "anonymousIdentified", "identified", "neverIdentified"];
const period = ["periodStart", "periodEnd"];

/** Source: the API's documentation, and its official clients. */
export const usageOperations: { readonly [Name in DatasetName]: UsageOperation } = {
  "workspace-mtu": {
    path: "/usage/mtu/daily",
    listKey: "dailyWorkspaceMTUUsage",
    counts: mtuCounts,
    fields: [...period, ...mtuCounts, "timestamp"],
  },
  "source-mtu": {
    path: "/usage/mtu/sources/daily",
    listKey: "dailyPerSourceMTUUsage",
    counts: mtuCounts,
    fields: ["sourceId", ...period, ...mtuCounts, "timestamp"],
  },
  "workspace-api-calls": {
    path: "/usage/api-calls/daily",
    listKey: "dailyWorkspaceAPICallsUsage",
    counts: ["apiCalls"],
    fields: ["apiCalls", "timestamp"],
  },
  "source-api-calls": {
    path: "/usage/api-calls/sources/daily",
    listKey: "dailyPerSourceAPICallsUsage",
    counts: ["apiCalls"],
    fields: ["sourceId", "apiCalls", "timestamp"],
  },
};

/** UTF-8 has no form for half a character: it can be neither kept nor sent back, and two texts that differ in one alone would become the same. */
const WholeText = Schema.String.check(Schema.makeFilter((text: string) => text.isWellFormed()));

/** `pagination`, inside `data`. Cursors are opaque; the last page has no `next`. */
const Pagination = Schema.Struct({
  next: Schema.optionalKey(Schema.NullOr(WholeText)),
  totalEntries: Schema.optionalKey(Schema.NullOr(Schema.Int)),
});

/** What `data` holds under a list key, and its pagination. */
export const pageOf = <Row extends Schema.Top>(row: Row) =>
  Schema.Struct({ rows: Schema.Array(row), pagination: Pagination });

/** Picks the two from `{ data: { [listKey]: rows, pagination } }`; what is not there stays undefined, and fails the decoding. */
export const pickPage = (body: unknown, listKey: string): { readonly rows: unknown; readonly pagination: unknown } => {
  const data = (body as { readonly data?: Record<string, unknown> } | null)?.data;
  return { rows: data?.[listKey], pagination: data?.["pagination"] };
};

const Id = WholeText.check(Schema.isNonEmpty());

/** Only what names a source: write keys and settings are not even read. Source: GET /sources */
export const WireSource = Schema.Struct({
  id: Id,
  slug: Schema.String,
  name: Schema.optionalKey(Schema.NullOr(Schema.String)),
  enabled: Schema.Boolean,
  metadata: Schema.optionalKey(Schema.NullOr(Schema.Struct({ slug: Schema.optionalKey(Schema.String) }))),
  labels: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.String })))),
});

/** Source: GET / */
export const WorkspaceBody = Schema.Struct({
  data: Schema.Struct({
    workspace: Schema.Struct({ id: Id, slug: Schema.String, name: Schema.String }),
  }),
});

const ErrorEntry = Schema.Struct({
  type: Schema.optionalKey(Schema.Unknown),
  message: Schema.optionalKey(Schema.Unknown),
  field: Schema.optionalKey(Schema.Unknown),
  data: Schema.optionalKey(Schema.Unknown),
});

/** `{ errors: [{ type, message?, field?, data?, status? }] }`; `type` is an open set. */
export const ErrorBody = Schema.Struct({ errors: Schema.NonEmptyArray(ErrorEntry) });

/** `errors[0].data` of a 429. */
export const RateLimitData = Schema.Struct({ msBeforeNext: Schema.Finite });
