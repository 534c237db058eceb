/**
 * Usage as rows of the wire, by position, so that a page can be made without making the whole month.
 *
 * Guarantees: rows come day by day, and within a day in the order of the workspace's sources; the row at a position
 * depends on the usage alone. Rows of later days follow those of earlier days, so a new day only adds to the end.
 */
import { type Dataset, datasets } from "./Dataset.ts";
import { dayMs, type DayNumber, formatDay } from "./Month.ts";
import { type Figures, type MonthUsage, width } from "./Usage.ts";

/**
 * Monthly tracked users of the workspace, counted so far in the period, as of one UTC day.
 * Units: period bounds in seconds since 1970; counts in people, a bigint in a decimal string.
 * Source: GET /usage/mtu/daily
 */
export interface MtuRow {
  readonly periodStart: number;
  readonly periodEnd: number;
  readonly anonymous: string;
  readonly anonymousIdentified: string;
  readonly identified: string;
  readonly neverIdentified: string;
  readonly timestamp: string;
}

/** The same for one source. Source: GET /usage/mtu/sources/daily */
export interface SourceMtuRow extends MtuRow {
  readonly sourceId: string;
}

/**
 * API calls of the workspace, counted so far in the period, as of one UTC day.
 * Units: calls, a bigint in a decimal string.
 * Source: GET /usage/api-calls/daily
 */
export interface ApiCallsRow {
  readonly apiCalls: string;
  readonly timestamp: string;
}

/** The same for one source. Source: GET /usage/api-calls/sources/daily */
export interface SourceApiCallsRow extends ApiCallsRow {
  readonly sourceId: string;
}

/** The row of each dataset. */
export interface RowOf {
  readonly "workspace-mtu": MtuRow;
  readonly "source-mtu": SourceMtuRow;
  readonly "workspace-api-calls": ApiCallsRow;
  readonly "source-api-calls": SourceApiCallsRow;
}

/** A row of any dataset. */
export type UsageRow = RowOf[Dataset];

/** How many rows a dataset has in a month. */
export function countRows(usage: MonthUsage, dataset: Dataset): number {
  if (!datasets[dataset].perSource) return daysWithRows(usage);
  return usage.series.reduce((sum, { firstDay }) => sum + Math.max(0, usage.lastDay - firstDay + 1), 0);
}

/**
 * Rows from position `start` on, up to but without `end`.
 * Shape: fewer when there are no more.
 */
export function sliceRows(usage: MonthUsage, dataset: Dataset, start: number, end: number): Array<UsageRow> {
  const rows: Array<UsageRow> = [];
  let position = 0;
  for (let day = usage.period.first; day <= usage.lastDay && position < end; day++) {
    if (!datasets[dataset].perSource) {
      if (usage.series.length > 0 && position >= start) rows.push(row(usage, dataset, day, usage.workspace));
      if (usage.series.length > 0) position++;
      continue;
    }
    for (const { source, firstDay, figures } of usage.series) {
      if (firstDay > day) continue;
      if (position >= start && position < end) rows.push(row(usage, dataset, day, figures, source.id));
      position++;
    }
  }
  return rows;
}

function daysWithRows(usage: MonthUsage): number {
  return usage.series.length === 0 ? 0 : Math.max(0, usage.lastDay - usage.period.first + 1);
}

function row(usage: MonthUsage, dataset: Dataset, day: DayNumber, figures: Figures, sourceId?: string): UsageRow {
  const at = (day - usage.period.first) * width;
  const timestamp = formatDay(day);
  const owner = sourceId === undefined ? {} : { sourceId };
  if (dataset.endsWith("api-calls")) return { ...owner, apiCalls: String(figures[at + 3]), timestamp };
  const never = figures[at] as bigint;
  const tied = figures[at + 1] as bigint;
  return {
    ...owner,
    periodStart: (usage.period.first * dayMs) / 1000,
    periodEnd: (usage.period.end * dayMs) / 1000,
    anonymous: String(never + tied),
    anonymousIdentified: String(tied),
    identified: String(figures[at + 2]),
    neverIdentified: String(never),
    timestamp,
  };
}
