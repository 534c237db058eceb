/**
 * The capture: one complete, checked walk of all pages of one partition, and the ledger's entry about it.
 */
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import type { Columns } from "./Columns.ts";
import { type DatasetName, isDatasetName } from "./Dataset.ts";
import { type EpochMicros, microsPerDay } from "./Instant.ts";
import type { Partition } from "./Partition.ts";
import type { CaptureRow, Revision, UsageRow } from "./Table.ts";
import * as UsageMonth from "./UsageMonth.ts";

/** `captured`: rows; `empty`: 200 and no rows; `absent`: 404; `forbidden`: 403; `failed`: anything else. */
export type Outcome = "captured" | "empty" | "absent" | "forbidden" | "failed";

/** The outcomes that a sink holds: the service answered, and need not be asked again once the month is settled. */
export type HeldOutcome = Extract<Outcome, "captured" | "empty" | "absent">;

/** Settled: captured long enough after the period's end that the figures are taken as final. */
export type State = "open" | "settled";

/** Something a gate noticed and let pass, kept with the capture. */
export interface Warning {
  readonly gate: string;
  readonly message: string;
}

export interface Capture {
  readonly captureId: string;
  readonly runId: string;
  readonly partition: Partition;
  readonly state: State;
  readonly outcome: Outcome;
  /** Rows kept. */
  readonly rows: number;
  /** Pages of the walk that was kept. */
  readonly pages: number;
  /** HTTP requests, those of failed tries and discarded walks included. */
  readonly requests: number;
  /** HTTP requests that were tries after a failure. */
  readonly retries: number;
  readonly warnings: ReadonlyArray<Warning>;
  readonly capturedAt: EpochMicros;
}

/** A capture with the rows it found: what a sink replaces a partition by. Rows are unique by their table's key, in key order. */
export interface CapturedPartition {
  readonly capture: Capture;
  readonly rows: ReadonlyArray<UsageRow>;
}

/** The same, or with its rows by column: what a sink takes and gives. */
export interface Handed {
  readonly capture: Capture;
  readonly rows: ReadonlyArray<UsageRow> | Columns;
  /** Id of a capture of the partition that found the very same rows: a sink that holds it need not write them again. */
  readonly unchangedFrom?: string | undefined;
}

/** Everything that is known of a partition: what stands, and every version that no longer does. */
export interface History extends CapturedPartition {
  /** Unique by key and `observed_at`, in the order of `byVersion`; `observed_at` < `superseded_at` ≤ the capture's `capturedAt`. */
  readonly revisions: ReadonlyArray<Revision>;
}

/** What becomes of the revisions that a sink has when a capture takes a partition's place. */
export interface Superseded {
  /** Revisions superseded after this instant give way to `revisions`; the others stay. 0: all give way. */
  readonly since: EpochMicros;
  /** In the order of `byVersion`, each superseded after `since`. */
  readonly revisions: ReadonlyArray<Revision>;
  /** Captures of the partition, held ones, that led here and that the sink's ledger may lack. */
  readonly captures: ReadonlyArray<Capture>;
}

/** Nothing was superseded: the revisions stay as they are. */
export const nothingSuperseded: Superseded = { since: Number.MAX_SAFE_INTEGER, revisions: [], captures: [] };

/** The whole of a history: for a sink that has another, or none. */
export const wholly = ({ revisions }: History, captures: ReadonlyArray<Capture>): Superseded => ({
  since: 0,
  revisions,
  captures,
});

/** In the order in which they were made; those of one instant by id. */
export const byTime = (a: Capture, b: Capture): number =>
  a.capturedAt - b.capturedAt || (a.captureId < b.captureId ? -1 : a.captureId > b.captureId ? 1 : 0);

/** Whether a sink that has this capture holds the partition. */
export const isHeld = (capture: Capture): boolean =>
  capture.outcome === "captured" || capture.outcome === "empty" || capture.outcome === "absent";

/** `periodEnd`: the latest end that the rows name, or the calendar month's. */
export const stateAt = (capturedAt: EpochMicros, periodEnd: EpochMicros, settleDays: number): State =>
  capturedAt >= periodEnd + settleDays * microsPerDay ? "settled" : "open";

/** The capture as its row of the ledger table `captures`. */
export const toRow = (capture: Capture): CaptureRow => ({
  capture_id: capture.captureId,
  dataset: capture.partition.dataset,
  state: capture.state,
  outcome: capture.outcome,
  rows: BigInt(capture.rows),
  pages: BigInt(capture.pages),
  requests: BigInt(capture.requests),
  retries: BigInt(capture.retries),
  warnings: JSON.stringify(capture.warnings),
  captured_at: capture.capturedAt,
  run_id: capture.runId,
});

/** Reads a ledger row back. None: not a row that {@link toRow} made. */
export const fromRow = (workspaceId: string, period: string, row: CaptureRow): Option.Option<Capture> =>
  Option.gen(function* () {
    const month = yield* UsageMonth.fromPeriod(period);
    if (!isDatasetName(row.dataset) || !isState(row.state) || !isOutcome(row.outcome)) return yield* Option.none();
    const dataset: DatasetName = row.dataset;
    return {
      captureId: row.capture_id,
      runId: row.run_id,
      partition: { workspaceId, dataset, month },
      state: row.state,
      outcome: row.outcome,
      rows: Number(row.rows),
      pages: Number(row.pages),
      requests: Number(row.requests),
      retries: Number(row.retries),
      warnings: yield* parseWarnings(row.warnings),
      capturedAt: row.captured_at,
    };
  });

const isState = (text: string): text is State => text === "open" || text === "settled";

const outcomes: ReadonlyArray<string> = ["captured", "empty", "absent", "forbidden", "failed"] satisfies Array<Outcome>;
const isOutcome = (text: string): text is Outcome => outcomes.includes(text);

const parseWarnings: (text: string) => Option.Option<ReadonlyArray<Warning>> = Schema.decodeOption(
  Schema.fromJsonString(Schema.Array(Schema.Struct({ gate: Schema.String, message: Schema.String }))),
);
