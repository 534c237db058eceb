/**
 * Faults of what a page holds: its rows, its total, its cursors. The answer around it is in order.
 *
 * Guarantees: rows that a fault does not name stay as they are; the rows given are never changed in place.
 */
import type { ArmedRule } from "./Fault.ts";
import { dayMs, formatInstant } from "./Month.ts";
import { type Cursor, firstCursor } from "./Query.ts";
import { largest } from "./Usage.ts";

const pageFaultKinds = [
  "repeated-cursor",
  "shifted-page",
  "dropped-rows",
  "wrong-total",
  "bad-row",
  "conflicting-row",
  "second-snapshot",
  "unknown-field",
  "outside-period",
] as const;

/** A fault of what a page holds. */
export type PageFault = Extract<ArmedRule, { readonly kind: (typeof pageFaultKinds)[number] }>;

/** A row, as far as faults look at it. */
export type FaultyRow = Readonly<Record<string, unknown>> | string;

/** A page before it is written. */
export interface Page {
  readonly rows: ReadonlyArray<FaultyRow>;
  readonly total: number;
  readonly cursor: Cursor;
  readonly next: Cursor | undefined;
  /** Rows of the walk by position, from the first up to but without the second. */
  readonly slice: (start: number, end: number) => ReadonlyArray<FaultyRow>;
  /** End of the billing period, in milliseconds since 1970; undefined where rows have none. */
  readonly periodEndMs: number | undefined;
  /** The fields that hold counts. */
  readonly counts: ReadonlyArray<string>;
}

/** Whether a rule is about what a page holds. */
export function isPageFault(rule: ArmedRule): rule is PageFault {
  return (pageFaultKinds as ReadonlyArray<string>).includes(rule.kind);
}

/** The page with one fault in it. */
export function spoilPage(page: Page, fault: PageFault): Page {
  const { rows } = page;
  switch (fault.kind) {
    case "repeated-cursor":
      return { ...page, next: fault.to === "first" ? firstCursor : page.cursor };
    case "shifted-page": {
      const shift = Math.min(fault.rows, page.cursor.offset);
      const start = page.cursor.offset - shift;
      const shifted = page.slice(start, start + rows.length);
      // The walk goes on behind what was sent, so that rows come twice but none is lost.
      const offset = start + shifted.length;
      return {
        ...page,
        rows: shifted,
        next: offset < page.total ? { page: page.cursor.page + 1, offset } : undefined,
      };
    }
    case "dropped-rows":
      return { ...page, rows: rows.slice(0, Math.max(0, rows.length - fault.rows)) };
    case "wrong-total":
      return { ...page, total: Math.max(0, page.total + fault.by) };
    case "unknown-field":
      return {
        ...page,
        rows: rows.map((row) => (typeof row === "string" ? row : { ...row, [fault.name]: "12.5" })),
      };
    case "bad-row":
      return spoilRow(page, fault.row, (row) => [badRow(row, fault.variant, fault.field ?? page.counts[0])]);
    case "outside-period":
      return spoilRow(page, fault.row, (row) => [
        { ...row, timestamp: formatInstant((page.periodEndMs ?? 0) + dayMs) },
      ]);
    case "conflicting-row":
      return spoilRow(page, fault.row, (row) => [row, raised(row, page.counts, fault.by)]);
    case "second-snapshot": {
      const counted = fault.counted === "yes" && rows.length > fault.row ? 1 : 0;
      return {
        ...spoilRow(page, fault.row, (row) => [
          row,
          {
            ...raised(row, page.counts, fault.by),
            timestamp: later(row["timestamp"], fault.minutes),
          },
        ]),
        total: page.total + counted,
      };
    }
  }
}

function spoilRow(
  page: Page,
  at: number,
  spoil: (row: Readonly<Record<string, unknown>>) => ReadonlyArray<FaultyRow>,
): Page {
  return {
    ...page,
    rows: page.rows.flatMap((row, index) => (index === at && typeof row === "object" ? spoil(row) : [row])),
  };
}

/** The row with its counts raised, so that sums within the row still hold. */
function raised(row: Readonly<Record<string, unknown>>, counts: ReadonlyArray<string>, by: number) {
  // `anonymous` is the sum of two others: one of them is raised with it, and the third stays.
  const grown = counts.filter((name) => name !== "anonymousIdentified");
  return {
    ...row,
    ...Object.fromEntries(grown.map((name) => [name, raisedCount(row[name], BigInt(by))])),
  };
}

function raisedCount(count: unknown, by: bigint): unknown {
  // Another fault may have spoiled the same row before.
  if (typeof count !== "string" || !/^\d+$/.test(count)) return count;
  const before = BigInt(count);
  return String(before + by > largest ? before - by : before + by);
}

function later(timestamp: unknown, minutes: number): unknown {
  const atMs = Date.parse(String(timestamp));
  return Number.isNaN(atMs) ? timestamp : formatInstant(atMs + minutes * 60_000);
}

const badCounts = {
  decimal: "12.7",
  text: "abc",
  negative: "-1",
  null: null,
  overflow: "9223372036854775808",
};

function badRow(
  row: Readonly<Record<string, unknown>>,
  variant: Extract<PageFault, { readonly kind: "bad-row" }>["variant"],
  field = "timestamp",
): FaultyRow {
  switch (variant) {
    case "missing":
      return Object.fromEntries(Object.entries(row).filter(([name]) => name !== field));
    case "bad-timestamp":
      return { ...row, timestamp: "2024-13-45T99:00:00Z" };
    case "empty-source-id":
      return { ...row, sourceId: "" };
    case "not-an-object":
      return "row";
    default:
      return { ...row, [field]: badCounts[variant] };
  }
}
