/**
 * What each sink of a data directory holds, read by DuckDB's own client, and the truth of the service in the same form: rows as
 * text, by table and by partition, so that two states are held against each other row for row.
 */
import type { Simulator } from "@segmeter/simulator";
import { contentsOf, filesBelow, type PlainRow, tableOf, truthOf, without } from "../../pipelines/test/Held.ts";
import { type Place, type Sinks, workspaceOf } from "./Setting.ts";

export interface Holding {
  readonly sink: string;
  /** Figures without the moment at which they were seen, ascending. */
  readonly figures: (place: Place) => ReadonlyArray<string>;
  /** Versions that were corrected or withdrawn, without the moments. */
  readonly revisions: (place: Place) => ReadonlyArray<string>;
  /** Of the newest entry in the ledger, undefined when there is none. */
  readonly outcome: (place: Place) => unknown;
  /** Shape: by id. */
  readonly sources: ReadonlyArray<PlainRow>;
  /** Everything, to tell whether anything changed. */
  readonly all: string;
}

export const keyOf = ({ dataset, month }: Place): string => `${dataset} ${month}`;

const asText = (row: PlainRow): string =>
  JSON.stringify(
    Object.entries(without(row, "observed_at", "superseded_at")).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );

const monthOf = (row: PlainRow): string => String(row["usage_month"]).slice(0, 7);

export const truthAt = (simulator: Simulator, { dataset, month }: Place): ReadonlyArray<string> =>
  truthOf(simulator, workspaceOf(simulator), dataset, [month]).map(asText).toSorted();

/** One for each of the sinks. */
export const holdings = async (dataDir: string, sinks: Sinks): Promise<ReadonlyArray<Holding>> => {
  const contents = await contentsOf(dataDir);
  return sinks.map((sink): Holding => {
    const rowsOf = (table: string): ReadonlyArray<PlainRow> =>
      (contents[sink][table] ?? []).map((text) => Object.fromEntries(JSON.parse(text) as Array<[string, unknown]>));
    const byPlace = (suffix: string) => {
      const rows = new Map<string, Array<string>>();
      for (const [dataset, table] of Object.entries(tableOf)) {
        for (const row of rowsOf(table + suffix)) {
          const key = `${dataset} ${monthOf(row)}`;
          rows.set(key, [...(rows.get(key) ?? []), asText(row)]);
        }
      }
      return (place: Place) => (rows.get(keyOf(place)) ?? []).toSorted();
    };
    const newest = new Map<string, PlainRow>();
    for (const row of rowsOf("captures")) {
      const key = `${String(row["dataset"])} ${monthOf(row)}`;
      const before = newest.get(key);
      if (before === undefined || String(before["captured_at"]) < String(row["captured_at"])) newest.set(key, row);
    }
    return {
      sink,
      figures: byPlace(""),
      revisions: byPlace("_revisions"),
      outcome: (place) => newest.get(keyOf(place))?.["outcome"],
      sources: rowsOf("sources").toSorted((a, b) => (String(a["id"]) < String(b["id"]) ? -1 : 1)),
      all: JSON.stringify(contents[sink]),
    };
  });
};

const ours = /^(segmeter\.duckdb|parquet\/.+\/data\.parquet)$/;

/** Files that a run has no business leaving behind. */
export const leftovers = async (dataDir: string): Promise<ReadonlyArray<string>> =>
  (await filesBelow(dataDir)).filter((name) => !ours.test(name)).map((name) => `${name} is left over`);

/** Whether two lists of rows are the same, and if not, how they differ. */
export const difference = (found: ReadonlyArray<string>, expected: ReadonlyArray<string>): string | undefined => {
  if (found.length === expected.length && found.every((row, index) => row === expected[index])) return undefined;
  const [more, less] = [found.find((row) => !expected.includes(row)), expected.find((row) => !found.includes(row))];
  return `${found.length} rows where ${expected.length} are due; too many: ${more ?? "none"}; missing: ${less ?? "none"}`;
};
