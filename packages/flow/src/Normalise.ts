/**
 * Normalise: wire rows become typed rows of the dataset's table, or rejects with their reason. Pure.
 */
import {
  type Columns,
  columnsOf,
  datasetOf,
  type DatasetName,
  Instant,
  isColumns,
  type UsageRow,
  usageTableOf,
  type UsageTableName,
} from "@segmeter/domain";
import { decodeWireRow, type UsagePage, type WireRow } from "@segmeter/segment";
import * as Result from "effect/Result";
import type { Reject } from "./Rejects.ts";

/** A page, normalised. */
export interface NormalisedPage {
  readonly rows: Columns;
  readonly rejects: ReadonlyArray<Reject>;
  /** Names of fields that the documentation does not know. */
  readonly unknownFields: ReadonlySet<string>;
}

/**
 * `page` counts from 1. `observed_at` is zero: whether a version is new is known only later. What the client has read by column
 * breaks nothing, and has no field but the documented ones.
 */
export const normalise = (dataset: DatasetName): ((page: UsagePage, number: number) => NormalisedPage) => {
  const decode = decodeWireRow(dataset);
  const table = usageTableOf({ dataset });
  const toRow = rowMakers[datasetOf(dataset).table];
  return ({ rows: sent }, page) => {
    if (isColumns(sent)) return { rows: sent, rejects: [], unknownFields: new Set() };
    const rows: Array<UsageRow> = [];
    const rejects: Array<Reject> = [];
    const unknownFields = new Set<string>();
    for (const [index, row] of sent.entries()) {
      const decoded = decode(row);
      if (Result.isFailure(decoded)) {
        rejects.push({ page, position: index + 1, reason: decoded.failure, row });
      } else {
        rows.push(toRow(decoded.success));
        for (const field of decoded.success.unknownFields) unknownFields.add(field);
      }
    }
    return { rows: columnsOf(table, rows), rejects, unknownFields };
  };
};

/** Literals, in the order of the tables' columns: all rows of a table have one shape, which is what makes them quick to read. */
const rowMakers: { readonly [Name in UsageTableName]: (wire: WireRow) => UsageRow } = {
  workspace_mtu_daily: ({ counts, period, timestamp }) => ({
    day: Instant.dayOf(timestamp),
    period_start: period!.start,
    period_end: period!.end,
    anonymous: counts[0]!,
    anonymous_identified: counts[1]!,
    identified: counts[2]!,
    never_identified: counts[3]!,
    snapshot_at: timestamp,
    observed_at: 0,
  }),
  source_mtu_daily: ({ counts, period, sourceId, timestamp }) => ({
    day: Instant.dayOf(timestamp),
    source_id: sourceId!,
    period_start: period!.start,
    period_end: period!.end,
    anonymous: counts[0]!,
    anonymous_identified: counts[1]!,
    identified: counts[2]!,
    never_identified: counts[3]!,
    snapshot_at: timestamp,
    observed_at: 0,
  }),
  workspace_api_calls_daily: ({ counts, timestamp }) => ({
    day: Instant.dayOf(timestamp),
    api_calls: counts[0]!,
    snapshot_at: timestamp,
    observed_at: 0,
  }),
  source_api_calls_daily: ({ counts, sourceId, timestamp }) => ({
    day: Instant.dayOf(timestamp),
    source_id: sourceId!,
    api_calls: counts[0]!,
    snapshot_at: timestamp,
    observed_at: 0,
  }),
};
