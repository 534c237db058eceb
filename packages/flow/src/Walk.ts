/**
 * Walk: all pages of a partition, gathered and reconciled; and walked again where one walk leaves a doubt, for a day may have
 * arrived in the middle of it.
 */
import { areSameFigures, type Columns, type Partition, type Table, usageTableOf } from "@segmeter/domain";
import type { SegmentClient, SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { tell } from "./Event.ts";
import { extract } from "./Extract.ts";
import type { FlowConfig } from "./FlowConfig.ts";
import { type FlowError, flowError } from "./FlowError.ts";
import { normalise } from "./Normalise.ts";
import { isEvenlyPaged, reconcile, type Reconciled, type Verdict, type WalkedPage } from "./Reconcile.ts";

export interface Walked extends Reconciled {
  /** Pages of the walk that was kept. */
  readonly pages: number;
}

/** Memory: the partition's rows. Errors: the client's, and those of the gates. */
export const walk = Effect.fn("Flow.walk")(function* (
  partition: Partition.Partition,
  config: FlowConfig,
): Effect.fn.Return<Walked, SegmentError | FlowError, SegmentClient> {
  const operation = `capture ${partition.dataset} ${partition.month}`;
  const table = usageTableOf(partition);
  let previous: Reconciled | undefined;
  for (let walks = 1; ; walks++) {
    const pages = yield* walkOnce(partition);
    const verdict = reconcile(table, pages, config);
    if (verdict._tag === "Refused") return yield* flowError(operation, verdict.reason, verdict.detail);
    if (verdict._tag === "Kept") return finish(verdict.kept, pages, walks);
    if (isConfirmed(table, verdict, previous, pages)) return finish(withDoubt(verdict), pages, walks);
    if (walks >= config.maxWalks) {
      if (verdict.reason === "TotalMismatch" && config.gates === "warn")
        return finish(withDoubt(verdict), pages, walks);
      return yield* flowError(operation, verdict.reason, `${verdict.detail} ${walks} walks did not agree.`);
    }
    yield* tell({ _tag: "WalkDiscarded", partition, why: verdict.detail });
    previous = verdict.kept;
  }
});

const walkOnce = (
  partition: Partition.Partition,
): Effect.Effect<ReadonlyArray<WalkedPage>, SegmentError | FlowError, SegmentClient> => {
  const toRows = normalise(partition.dataset);
  return extract(partition).pipe(
    Stream.zipWithIndex,
    Stream.map(([page, index]): WalkedPage => ({
      ...toRows(page, index + 1),
      sent: page.rows.length,
      pageSize: page.pageSize,
      isLast: page.next === undefined,
      totalEntries: page.totalEntries,
    })),
    Stream.runCollect,
  );
};

/**
 * Without totals, the same picture twice is taken for the service's way, not for an accident: pages that are evenly smaller than
 * asked for, or rows that it repeats. Totals that contradict the rows are never confirmed so.
 */
const isConfirmed = (
  table: Table,
  doubt: Extract<Verdict, { _tag: "Doubtful" }>,
  previous: Reconciled | undefined,
  pages: ReadonlyArray<WalkedPage>,
): boolean =>
  previous !== undefined &&
  pages.every(({ totalEntries }) => totalEntries === undefined) &&
  (doubt.reason !== "ShortPage" || isEvenlyPaged(pages)) &&
  saysTheSame(table, previous.rows, doubt.kept.rows);

const saysTheSame = (table: Table, a: Columns, b: Columns): boolean => {
  if (a.length !== b.length) return false;
  const places = Array.from({ length: a.length }, (_, place) => place);
  return areSameFigures(table, a, places, b, places).every((same) => same === 1);
};

const withDoubt = ({ detail, kept, reason }: Extract<Verdict, { _tag: "Doubtful" }>): Reconciled => ({
  ...kept,
  warnings: [{ gate: reason === "ShortPage" ? "short-page" : "total-entries", message: detail }, ...kept.warnings],
});

const finish = (kept: Reconciled, pages: ReadonlyArray<WalkedPage>, walks: number): Walked => ({
  ...kept,
  warnings:
    walks === 1 ? kept.warnings : [...kept.warnings, { gate: "walked-again", message: `It took ${walks} walks.` }],
  pages: pages.length,
});
