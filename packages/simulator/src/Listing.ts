/**
 * The lists that can be walked page by page: usage rows and sources.
 *
 * Guarantees: a list is a view of one instant; rows are made only when a page asks for them.
 */
import { type Dataset, datasets } from "./Dataset.ts";
import { dayAt, dayMs, type MonthNumber } from "./Month.ts";
import type { FaultyRow } from "./PageFault.ts";
import { countRows, sliceRows } from "./UsageRows.ts";
import { rowTexts } from "./Wire.ts";
import { listedSources, type Workspace } from "./Workspace.ts";
import type { World } from "./World.ts";

/** A list that can be walked. */
export interface Listing {
  /** Key of the list inside `data`. */
  readonly listKey: string;
  /** Rows in all. */
  readonly total: number;
  /** Rows by position, from the first up to but without the second. */
  readonly slice: (start: number, end: number) => ReadonlyArray<FaultyRow>;
  /** Rows as JSON texts. */
  readonly texts: (rows: ReadonlyArray<FaultyRow>) => ReadonlyArray<string>;
  /** The fields that hold counts. */
  readonly counts: ReadonlyArray<string>;
  /** Undefined for sources. */
  readonly month: MonthNumber | undefined;
  /** End of the billing period, in milliseconds since 1970; undefined for sources. */
  readonly periodEndMs: number | undefined;
  /** Names the state of the list: two lists of one workspace, path and version are equal. */
  readonly version: string;
}

/** The sources that a workspace has at an instant. */
export function listSources(workspace: Workspace, atMs: number): Listing {
  const today = dayAt(atMs);
  const sources = listedSources(workspace, today).map((source): FaultyRow => ({ ...source }));
  return {
    listKey: "sources",
    total: sources.length,
    slice: (start, end) => sources.slice(start, end),
    texts: (rows) => rows.map((row) => JSON.stringify(row)),
    counts: [],
    month: undefined,
    periodEndMs: undefined,
    version: String(today),
  };
}

/** The rows that a dataset has for a month at an instant; `asNumbers` writes counts as JSON numbers. */
export function listUsage(
  world: World,
  workspace: Workspace,
  dataset: Dataset,
  month: MonthNumber,
  atMs: number,
  asNumbers: boolean,
): Listing {
  const usage = world.usage(workspace, month, atMs);
  const { listKey, counts } = datasets[dataset];
  return {
    listKey,
    total: countRows(usage, dataset),
    slice: (start, end) => sliceRows(usage, dataset, start, end).map((row): FaultyRow => ({ ...row })),
    texts: (rows) => rowTexts(dataset, rows, asNumbers),
    counts,
    month,
    periodEndMs: usage.period.end * dayMs,
    version: `${month} ${world.version} ${usage.lastDay}`,
  };
}
