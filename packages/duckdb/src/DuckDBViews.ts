/**
 * The views: what is derived from the stored figures and never stored itself. The same SQL stands over the tables of a DuckDB
 * database and over Parquet files.
 *
 * - `workspace_mtu`, `source_mtu`, `workspace_api_calls`, `source_api_calls`: every day, with the total and its daily growth
 * - the same with `_monthly`: the latest day of each billing period (of each usage month, for API calls)
 *
 * Units: totals and growth are HUGEINT, so that neither a sum nor a difference of two 64-bit counts can overflow.
 */
import { type Dataset, datasets, type Table, usageTables } from "@segmeter/domain";
import { quoteName } from "./Quote.ts";

export interface View {
  readonly name: string;
  /** The SELECT behind it. */
  readonly query: string;
}

/** The total of a measure, as SQL over the columns of its table. A monthly tracked user is one that is known, or was never. */
const totals = {
  mtu: { name: "mtu", sql: "CAST(identified AS HUGEINT) + never_identified" },
  "api-calls": { name: "api_calls", sql: "CAST(api_calls AS HUGEINT)" },
} as const;

/**
 * Every day with its growth: the difference to the day before within the same period. The first day of a period counts from
 * zero, and a day after a gap since the last day that is known, so that growth adds up to the period's latest total.
 * `from`: the rows, with the columns of the dataset's table.
 */
export function dailyQuery(dataset: Dataset, from: string = dataset.table): string {
  const table: Table = usageTables[dataset.table];
  const { name, sql } = totals[dataset.measure];
  const growth = `${sql} - coalesce(lag(${sql}) OVER (PARTITION BY ${periodOf(table, "u")} ORDER BY u.day), 0)`;
  const figures = figuresOf(table).flatMap((column) => (column === name ? [] : [`u.${column}`]));
  const columns = [
    ...["workspace_id", "usage_month", "day"].map((column) => `u.${column}`),
    ...nameColumns(dataset),
    ...figures,
    `${dataset.measure === "mtu" ? sql : `u.${name}`} AS ${name}`,
    `${growth} AS ${name}_growth`,
    "u.snapshot_at",
    "u.observed_at",
  ];
  return select(dataset, columns, from);
}

const dailyView = (dataset: Dataset): View => ({
  name: dataset.table.replace("_daily", ""),
  query: dailyQuery(dataset),
});

/** The latest row of each period. Figures are cumulative: the latest stands for the period, and a sum over days for nothing. */
function monthlyView(dataset: Dataset): View {
  const table: Table = usageTables[dataset.table];
  const { name, sql } = totals[dataset.measure];
  const key = keyWithoutDay(table);
  const latest = ["usage_month", ...figuresOf(table), "snapshot_at", "observed_at"]
    .filter((column) => !key.includes(column))
    .map((column) => `arg_max(${column}, day) AS ${column}`);
  const rows = `SELECT ${key.join(", ")}, max(day) AS day, ${latest.join(", ")} FROM ${table.name} GROUP BY ${key.join(", ")}`;
  return {
    name: dataset.table.replace("_daily", "_monthly"),
    query: select(
      dataset,
      [
        ...["workspace_id", "usage_month", "day"].map((column) => `u.${column}`),
        ...nameColumns(dataset),
        ...figuresOf(table).map((column) => `u.${column}`),
        ...(dataset.measure === "mtu" ? [`${sql} AS ${name}`] : []),
        "u.snapshot_at",
        "u.observed_at",
      ],
      `(${rows})`,
    ),
  };
}

const select = (dataset: Dataset, columns: ReadonlyArray<string>, from: string): string => {
  // LEFT JOIN: figures stay when their source is gone, or when the names could not be read.
  const names =
    dataset.level === "source"
      ? " LEFT JOIN sources AS s ON s.workspace_id = u.workspace_id AND s.id = u.source_id"
      : "";
  return `SELECT ${columns.join(", ")} FROM ${from} AS u${names}`;
};

const nameColumns = (dataset: Dataset): ReadonlyArray<string> =>
  dataset.level === "source" ? ["u.source_id", "s.slug AS source_slug", "s.name AS source_name"] : [];

/** Period bounds and counts, in the table's order. */
const figuresOf = (table: Table): ReadonlyArray<string> =>
  table.columns
    .map(({ name }) => name)
    .filter((name) => !["day", "source_id", "snapshot_at", "observed_at"].includes(name));

const keyWithoutDay = (table: Table): ReadonlyArray<string> => table.key.filter((column) => column !== "day");

const periodOf = (table: Table, alias: string): string =>
  keyWithoutDay(table)
    .map((column) => `${alias}.${column}`)
    .join(", ");

/** All views, daily before monthly. */
export const views: ReadonlyArray<View> = [...datasets.map(dailyView), ...datasets.map(monthlyView)];

/** Defines the views, over tables of the names that `tables` has; replaces those of an earlier version. */
export const viewStatements = (): ReadonlyArray<string> =>
  views.map(({ name, query }) => `CREATE OR REPLACE VIEW ${quoteName(name)} AS ${query}`);
