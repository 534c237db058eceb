/**
 * Normalise: wire rows become typed rows of the dataset's table, or rejects with their reason. Pure.
 */
import { datasetOf, type DatasetName, Instant, type UsageRow, usageTables } from "@segmeter/domain";
import { decodeWireRow, type UsagePage, usageOperations, type WireRow } from "@segmeter/segment";
import * as Result from "effect/Result";
import type { Reject } from "./Rejects.ts";

/** A page, normalised. */
export interface NormalisedPage {
  readonly rows: ReadonlyArray<UsageRow>;
  readonly rejects: ReadonlyArray<Reject>;
  /** Names of fields that the documentation does not know. */
  readonly unknownFields: ReadonlySet<string>;
}

/** `page` counts from 1. `observed_at` is zero: whether a version is new is known only later. */
export const normalise = (dataset: DatasetName): ((page: UsagePage, number: number) => NormalisedPage) => {
  const decode = decodeWireRow(dataset);
  const toRow = rowMaker(dataset);
  return ({ rows: wireRows }, page) => {
    const rows: Array<UsageRow> = [];
    const rejects: Array<Reject> = [];
    const unknownFields = new Set<string>();
    for (const [index, row] of wireRows.entries()) {
      const decoded = decode(row);
      if (Result.isFailure(decoded)) {
        rejects.push({ page, position: index + 1, reason: decoded.failure, row });
      } else {
        rows.push(toRow(decoded.success));
        for (const field of decoded.success.unknownFields) unknownFields.add(field);
      }
    }
    return { rows, rejects, unknownFields };
  };
};

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Rows get their properties in the order of the table's columns, so that all rows of a table have one hidden class. */
const rowMaker = (dataset: DatasetName): ((wire: WireRow) => UsageRow) => {
  const { table } = datasetOf(dataset);
  const countIndex = new Map(usageOperations[dataset].counts.map((name, index) => [snake(name), index]));
  const readers = usageTables[table].columns.map(({ name }): readonly [string, (wire: WireRow) => unknown] => {
    const count = countIndex.get(name);
    if (count !== undefined) return [name, (wire) => wire.counts[count]];
    switch (name) {
      case "day":
        return [name, (wire) => Instant.dayOf(wire.timestamp)];
      case "source_id":
        return [name, (wire) => wire.sourceId];
      case "period_start":
        return [name, (wire) => wire.period?.start];
      case "period_end":
        return [name, (wire) => wire.period?.end];
      case "snapshot_at":
        return [name, (wire) => wire.timestamp];
      default:
        return [name, () => 0];
    }
  });
  return (wire) => {
    const row: Record<string, unknown> = {};
    for (const [name, read] of readers) row[name] = read(wire);
    return row as unknown as UsageRow;
  };
};
