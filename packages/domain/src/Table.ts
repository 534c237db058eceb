/**
 * The table contract: one description of every column, from which the Parquet schemas, the DuckDB definitions, the row types
 * and the documentation all follow.
 */
import { type DatasetName, datasetOf, type UsageTableName } from "./Dataset.ts";
import type { EpochDay, EpochMicros } from "./Instant.ts";

/** SQL name of a column's type. */
export type ColumnType = "VARCHAR" | "DATE" | "TIMESTAMP" | "BIGINT" | "BOOLEAN";

interface ColumnTypes {
  readonly VARCHAR: string;
  readonly DATE: EpochDay;
  readonly TIMESTAMP: EpochMicros;
  /** −2^63 to 2^63 − 1 */
  readonly BIGINT: bigint;
  readonly BOOLEAN: boolean;
}

export type Value = ColumnTypes[ColumnType] | null;

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable?: true;
  /** Meaning, shape and units, for the documentation. */
  readonly doc: string;
}

/** A row of any table, by column name. */
export type Row = Readonly<Record<string, Value>>;

type ValueOf<C extends Column> = C extends { readonly nullable: true }
  ? ColumnTypes[C["type"]] | null
  : ColumnTypes[C["type"]];

/** The row type that a list of columns describes. */
export type RowOf<Columns extends ReadonlyArray<Column>> = {
  readonly [C in Columns[number] as C["name"]]: ValueOf<C>;
};

/** Where the files of a table lie: by workspace and month, or by workspace alone. */
export type Partitioning = "workspace-month" | "workspace";

export interface Table<Name extends string = string> {
  readonly name: Name;
  readonly partitioning: Partitioning;
  /** Names of the columns, partition columns included, that no two rows share. */
  readonly key: ReadonlyArray<string>;
  /** The columns without the partition columns, in order. */
  readonly columns: ReadonlyArray<Column>;
}

const workspaceId = {
  name: "workspace_id",
  type: "VARCHAR",
  doc: "The workspace that the token belongs to.",
} as const satisfies Column;

const usageMonth = {
  name: "usage_month",
  type: "DATE",
  doc: "First day of the usage month that was asked for.",
} as const satisfies Column;

/** The columns that are in a file's path, and so not in the file. */
export const partitionColumns = (table: Table): ReadonlyArray<Column> =>
  table.partitioning === "workspace-month" ? [workspaceId, usageMonth] : [workspaceId];

/** All columns, partition columns first. */
export const allColumns = (table: Table): ReadonlyArray<Column> => [...partitionColumns(table), ...table.columns];

const count = <const Name extends string>(name: Name, doc: string) =>
  ({ name, type: "BIGINT", doc: `${doc} Cumulative within the period; never summed over days.` }) as const;

const day = { name: "day", type: "DATE", doc: "UTC day of the service's timestamp." } as const;
const sourceId = { name: "source_id", type: "VARCHAR", doc: "The source; it may be gone from `sources`." } as const;

const versions = [
  { name: "snapshot_at", type: "TIMESTAMP", doc: "The service's own timestamp of the figure." },
  { name: "observed_at", type: "TIMESTAMP", doc: "When a capture first saw this version of the row." },
] as const satisfies ReadonlyArray<Column>;

const mtu = [
  { name: "period_start", type: "TIMESTAMP", doc: "Start of the billing period, as the service reports it." },
  { name: "period_end", type: "TIMESTAMP", doc: "End of the billing period, as the service reports it." },
  count("anonymous", "Distinct anonymous ids."),
  count("anonymous_identified", "Anonymous ids that were later tied to a user id."),
  count("identified", "Distinct user ids."),
  count("never_identified", "Anonymous ids never tied to a user id."),
] as const;

const apiCalls = [count("api_calls", "API calls.")] as const;

const workspaceMtuColumns = [day, ...mtu, ...versions] as const;
const sourceMtuColumns = [day, sourceId, ...mtu, ...versions] as const;
const workspaceApiCallsColumns = [day, ...apiCalls, ...versions] as const;
const sourceApiCallsColumns = [day, sourceId, ...apiCalls, ...versions] as const;

export type WorkspaceMtuRow = RowOf<typeof workspaceMtuColumns>;
export type SourceMtuRow = RowOf<typeof sourceMtuColumns>;
export type WorkspaceApiCallsRow = RowOf<typeof workspaceApiCallsColumns>;
export type SourceApiCallsRow = RowOf<typeof sourceApiCallsColumns>;

/** A row of one of the four usage tables. */
export type UsageRow = WorkspaceMtuRow | SourceMtuRow | WorkspaceApiCallsRow | SourceApiCallsRow;

const mtuKey = ["workspace_id", "period_start", "day"];
const apiCallsKey = ["workspace_id", "usage_month", "day"];
const byMonth = { partitioning: "workspace-month" } as const;

export const usageTables: { readonly [Name in UsageTableName]: Table<Name> } = {
  workspace_mtu_daily: { ...byMonth, name: "workspace_mtu_daily", key: mtuKey, columns: workspaceMtuColumns },
  source_mtu_daily: {
    ...byMonth,
    name: "source_mtu_daily",
    key: [...mtuKey, "source_id"],
    columns: sourceMtuColumns,
  },
  workspace_api_calls_daily: {
    ...byMonth,
    name: "workspace_api_calls_daily",
    key: apiCallsKey,
    columns: workspaceApiCallsColumns,
  },
  source_api_calls_daily: {
    ...byMonth,
    name: "source_api_calls_daily",
    key: [...apiCallsKey, "source_id"],
    columns: sourceApiCallsColumns,
  },
};

const supersededAt = {
  name: "superseded_at",
  type: "TIMESTAMP",
  doc: "When a capture first no longer saw this version of the row: it was corrected or withdrawn.",
} as const satisfies Column;

/** A version of a row that a later capture corrected or withdrew: known from `observed_at` on, and until `superseded_at`. */
export type Revision = UsageRow & RowOf<readonly [typeof supersededAt]>;

const revisionsOf = <Name extends UsageTableName>({ columns, key, name }: Table<Name>): Table<`${Name}_revisions`> => ({
  ...byMonth,
  name: `${name}_revisions`,
  key: [...key, "observed_at"],
  columns: [...columns, supersededAt],
});

/** The versions of the rows of each usage table that no longer stand. */
export const revisionTables: { readonly [Name in UsageTableName]: Table<`${Name}_revisions`> } = {
  workspace_mtu_daily: revisionsOf(usageTables.workspace_mtu_daily),
  source_mtu_daily: revisionsOf(usageTables.source_mtu_daily),
  workspace_api_calls_daily: revisionsOf(usageTables.workspace_api_calls_daily),
  source_api_calls_daily: revisionsOf(usageTables.source_api_calls_daily),
};

/** The table that has the rows of a partition. */
export const usageTableOf = ({ dataset }: { readonly dataset: DatasetName }): Table =>
  usageTables[datasetOf(dataset).table];

/** The table that has its revisions. */
export const revisionTableOf = ({ dataset }: { readonly dataset: DatasetName }): Table =>
  revisionTables[datasetOf(dataset).table];

const workspaceColumns = [
  { name: "id", type: "VARCHAR", doc: "The workspace's id; `workspace_id` elsewhere." },
  { name: "slug", type: "VARCHAR", doc: "Short name, as in the web address." },
  { name: "name", type: "VARCHAR", doc: "Display name." },
  { name: "first_seen", type: "TIMESTAMP", doc: "First run that met it." },
  { name: "last_seen", type: "TIMESTAMP", doc: "Last run that met it." },
] as const satisfies ReadonlyArray<Column>;

const sourceColumns = [
  { name: "id", type: "VARCHAR", doc: "The source's id; `source_id` elsewhere." },
  { name: "slug", type: "VARCHAR", doc: "Short name, unique in the workspace." },
  { name: "name", type: "VARCHAR", doc: "Display name; the slug where the source has none." },
  { name: "type", type: "VARCHAR", doc: "Slug of the kind of source, such as `javascript`." },
  { name: "enabled", type: "BOOLEAN", doc: "Whether it takes data." },
  { name: "labels", type: "VARCHAR", doc: "Labels, a JSON array of `{key, value}`." },
  { name: "first_seen", type: "TIMESTAMP", doc: "First run that met it." },
  { name: "last_seen", type: "TIMESTAMP", doc: "Last run that met it; older than the newest run when it was deleted." },
] as const satisfies ReadonlyArray<Column>;

const captureColumns = [
  { name: "capture_id", type: "VARCHAR", doc: "Unique id of the capture." },
  { name: "dataset", type: "VARCHAR", doc: "The usage endpoint, such as `source-mtu`." },
  { name: "state", type: "VARCHAR", doc: "`open` or `settled`; settled months are not read again." },
  { name: "outcome", type: "VARCHAR", doc: "`captured`, `empty`, `absent`, `forbidden` or `failed`." },
  { name: "rows", type: "BIGINT", doc: "Rows kept." },
  { name: "pages", type: "BIGINT", doc: "Pages walked." },
  { name: "requests", type: "BIGINT", doc: "HTTP requests made, retries included." },
  { name: "retries", type: "BIGINT", doc: "HTTP requests that were tries after a failure." },
  {
    name: "warnings",
    type: "VARCHAR",
    doc: "JSON array of `{gate, message}`; of a failed capture, the failure first.",
  },
  { name: "captured_at", type: "TIMESTAMP", doc: "When the capture was made." },
  { name: "run_id", type: "VARCHAR", doc: "The run that made it." },
] as const satisfies ReadonlyArray<Column>;

const runColumns = [
  { name: "run_id", type: "VARCHAR", doc: "Unique id of the run." },
  { name: "command", type: "VARCHAR", doc: "The command, such as `backfill`." },
  { name: "arguments", type: "VARCHAR", doc: "Its arguments as a JSON object; never a secret." },
  { name: "version", type: "VARCHAR", doc: "Version of segmeter." },
  { name: "started", type: "TIMESTAMP", doc: "When it began." },
  { name: "ended", type: "TIMESTAMP", nullable: true, doc: "When it ended; null while it runs and after a kill." },
  { name: "exit", type: "BIGINT", nullable: true, doc: "Its exit code; null while it runs and after a kill." },
  { name: "totals", type: "VARCHAR", nullable: true, doc: "Its totals as a JSON object." },
] as const satisfies ReadonlyArray<Column>;

export type CaptureRow = RowOf<typeof captureColumns>;
export type RunRow = RowOf<typeof runColumns>;
export type WorkspaceRow = RowOf<typeof workspaceColumns>;
export type SourceRow = RowOf<typeof sourceColumns>;

/** The tables around the figures: what names them, and the ledger of how they came to be. */
export const bookTables = {
  workspaces: { name: "workspaces", partitioning: "workspace", key: ["id"], columns: workspaceColumns },
  sources: { name: "sources", partitioning: "workspace", key: ["workspace_id", "id"], columns: sourceColumns },
  captures: { name: "captures", partitioning: "workspace-month", key: ["capture_id"], columns: captureColumns },
  runs: { name: "runs", partitioning: "workspace", key: ["run_id"], columns: runColumns },
} as const satisfies Record<string, Table>;

/** Every table, in the order in which the documentation lists them. */
export const tables: ReadonlyArray<Table> = [
  ...Object.values(usageTables),
  ...Object.values(revisionTables),
  ...Object.values(bookTables),
];
