/**
 * Reconcile: the gates that one whole walk must pass before anything of it is published. Pure.
 *
 * The result says whether the walk may be kept, must be walked again (the service changed under it, or contradicts its own
 * totals), or is refused.
 */
import {
  byKey,
  type Capture,
  type Columns,
  concatenated,
  inKeyOrder,
  Instant,
  keyOf,
  sameFigures,
  type Table,
  toColumns,
  usageColumns,
  type UsageRow,
  usageRowsOf,
} from "@segmeter/domain";
import { areWithinPeriods, isWithinPeriod } from "./Figure.ts";
import type { FlowConfig } from "./FlowConfig.ts";
import type { GateReason } from "./FlowError.ts";
import type { NormalisedPage } from "./Normalise.ts";
import type { Reject } from "./Rejects.ts";

/** A page of a walk with what the service said around it. */
export interface WalkedPage extends NormalisedPage {
  /** Rows that were sent. */
  readonly sent: number;
  /** Rows that were asked for. */
  readonly pageSize: number;
  readonly isLast: boolean;
  readonly totalEntries: number | undefined;
}

export interface Reconciled {
  /** Unique by key, in key order. */
  readonly rows: Columns;
  readonly rejects: ReadonlyArray<Reject>;
  readonly warnings: ReadonlyArray<Capture.Warning>;
  /** Names of fields that the documentation does not know, ascending. */
  readonly unknownFields: ReadonlyArray<string>;
}

export type Verdict =
  | { readonly _tag: "Kept"; readonly kept: Reconciled }
  | { readonly _tag: "Refused"; readonly reason: GateReason; readonly detail: string }
  /** `kept`: what may stand if walking again tells nothing new. */
  | { readonly _tag: "Doubtful"; readonly reason: GateReason; readonly detail: string; readonly kept: Reconciled };

/** `table`: of the dataset that was walked. */
export const reconcile = (table: Table, pages: ReadonlyArray<WalkedPage>, config: FlowConfig): Verdict => {
  const rejects = pages.flatMap((page) => page.rejects);
  const [reject] = rejects;
  if (reject !== undefined && config.badRows === "fail") {
    const more = rejects.length === 1 ? "" : ` (and ${rejects.length - 1} more)`;
    return refused("BadRow", `Page ${reject.page}, row ${reject.position}: ${reject.reason}${more}.`);
  }

  const folded = fold(table, pages);
  if ("conflict" in folded) return refused("ConflictingRows", folded.conflict);
  const outside = outsidePeriod(table, folded.rows);
  if (outside.length > 0 && config.gates === "fail") return refused("OutsidePeriod", outside[0]!.message);

  const unknownFields = [...new Set(pages.flatMap((page) => [...page.unknownFields]))].sort();
  const warnings = [
    ...unknownFieldWarning(unknownFields),
    ...outside,
    ...folded.warnings,
    ...(rejects.length === 0 ? [] : [{ gate: "bad-row", message: `${rejects.length} rows were set aside.` }]),
  ];
  const kept = { rows: folded.rows, rejects, warnings, unknownFields };
  const doubt = doubtOf(pages, folded.distinct + rejects.length, folded.repeated);
  return doubt === undefined ? { _tag: "Kept", kept } : { _tag: "Doubtful", ...doubt, kept };
};

const refused = (reason: GateReason, detail: string): Verdict => ({ _tag: "Refused", reason, detail });

interface Folded {
  readonly rows: Columns;
  /** Different (key, timestamp) pairs: what `totalEntries` counts. */
  readonly distinct: number;
  /** Rows that repeated one, equal in everything. */
  readonly repeated: number;
  readonly warnings: ReadonlyArray<Capture.Warning>;
}

/** One row a key: equal repetitions are folded, of two snapshots the later stands. */
const fold = (table: Table, pages: ReadonlyArray<WalkedPage>): Folded | { readonly conflict: string } => {
  const all = concatenated(
    table,
    pages.map(({ rows }) => rows),
  );
  // What most walks are: every key once.
  const ordered = inKeyOrder(table, all);
  if (ordered !== undefined) return { rows: ordered, distinct: all.length, repeated: 0, warnings: [] };
  const byTime = new Map<string, UsageRow>();
  const latest = new Map<string, UsageRow>();
  let repeated = 0;
  let snapshots = 0;
  for (const row of usageRowsOf(table, all)) {
    const key = keyOf(row);
    const held = latest.get(key);
    if (held === undefined) {
      latest.set(key, row);
      continue;
    }
    // Only keys that come twice are looked at by timestamp; they are few.
    const timed = (of: UsageRow) => `${key}@${of.snapshot_at}`;
    if (!byTime.has(timed(held))) byTime.set(timed(held), held);
    const twin = byTime.get(timed(row));
    if (twin === undefined) {
      snapshots++;
      byTime.set(timed(row), row);
      if (row.snapshot_at > held.snapshot_at) latest.set(key, row);
    } else if (sameFigures(twin, row)) {
      repeated++;
    } else {
      return { conflict: `Two different figures for ${describe(row)}, both of ${Instant.format(row.snapshot_at)}.` };
    }
  }
  const warnings: Array<Capture.Warning> = [];
  if (repeated > 0)
    warnings.push({ gate: "repeated-row", message: `${repeated} equal rows came twice, and were folded.` });
  if (snapshots > 0) {
    warnings.push({
      gate: "second-snapshot",
      message: `${snapshots} earlier snapshots of a day gave way to later ones.`,
    });
  }
  return {
    rows: toColumns(table, [...latest.values()].sort(byKey)),
    distinct: latest.size + snapshots,
    repeated,
    warnings,
  };
};

const describe = (row: UsageRow): string =>
  `${"source_id" in row ? `source ${row.source_id} on ` : ""}${Instant.formatDay(row.day)}`;

const outsidePeriod = (table: Table, rows: Columns): ReadonlyArray<Capture.Warning> => {
  if (areWithinPeriods(usageColumns(table, rows))) return [];
  const outside = usageRowsOf(table, rows).filter((row) => !isWithinPeriod(row));
  const [first] = outside;
  if (first === undefined) return [];
  const more = outside.length === 1 ? "" : `, and ${outside.length - 1} more`;
  return [
    {
      gate: "outside-period",
      message: `The figure of ${describe(first)} lies outside the period that it names${more}.`,
    },
  ];
};

const unknownFieldWarning = (names: ReadonlyArray<string>): ReadonlyArray<Capture.Warning> =>
  names.length === 0
    ? []
    : [{ gate: "unknown-field", message: `Fields that segmeter does not know: ${names.join(", ")}.` }];

/** What speaks against the walk being one consistent picture. With totals, they decide; without, its shape must do. */
const doubtOf = (
  pages: ReadonlyArray<WalkedPage>,
  distinct: number,
  repeated: number,
): { readonly reason: GateReason; readonly detail: string } | undefined => {
  const totals = new Set(pages.flatMap(({ totalEntries }) => (totalEntries === undefined ? [] : [totalEntries])));
  if (totals.size > 1) {
    return {
      reason: "TotalMismatch",
      detail: `The total changed during the walk: ${[...totals].join(", then ")} rows.`,
    };
  }
  const [total] = totals;
  if (total !== undefined) {
    return total === distinct
      ? undefined
      : { reason: "TotalMismatch", detail: `The service speaks of ${total} rows, and sent ${distinct}.` };
  }
  if (repeated > 0) return { reason: "TotalMismatch", detail: `${repeated} rows came twice: the pages shifted.` };
  const full = pages[0]?.sent ?? 0;
  const short = pages.findIndex((page) => !page.isLast && page.sent < Math.max(full, page.pageSize));
  return short < 0
    ? undefined
    : {
        reason: "ShortPage",
        detail: `Page ${short + 1} has ${pages[short]!.sent} rows of ${pages[short]!.pageSize}, and is not the last.`,
      };
};

/** Whether all pages but the last have one length: a service that gives smaller pages than asked for, not a page cut short. */
export const isEvenlyPaged = (pages: ReadonlyArray<Pick<WalkedPage, "sent" | "isLast">>): boolean => {
  const full = pages[0]?.sent ?? 0;
  return pages.every((page) => (page.isLast ? page.sent <= full : page.sent === full));
};
