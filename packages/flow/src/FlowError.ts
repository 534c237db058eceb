/**
 * The one error of the flow's own: a gate that did not let a capture pass.
 */
import * as Schema from "effect/Schema";

/**
 * - `RepeatedCursor`: the service gave a cursor twice in one walk
 * - `EndlessWalk`: the pages begin with the same row again and again, under ever new cursors
 * - `ConflictingRows`: one timestamp of a key with two different values
 * - `TotalMismatch`: rows ≠ `totalEntries`, walk after walk
 * - `ShortPage`: a page before the last was cut short
 * - `OutsidePeriod`: a row outside the period that it names itself
 * - `BadRow`: a row that breaks the contract
 * - `Vanished`: 404 on a page after the first
 */
export const GateReason = Schema.Literals([
  "RepeatedCursor",
  "EndlessWalk",
  "ConflictingRows",
  "TotalMismatch",
  "ShortPage",
  "OutsidePeriod",
  "BadRow",
  "Vanished",
]);
export type GateReason = typeof GateReason.Type;

export class FlowError extends Schema.TaggedError<FlowError>()("FlowError", {
  /** What was being done, such as `capture source-mtu 2024-01`. */
  operation: Schema.String,
  reason: GateReason,
  /** What did not add up, in a sentence. */
  detail: Schema.String,
  /** What the user can do. */
  hint: Schema.String,
}) {
  override get message(): string {
    return `${this.operation}: ${this.detail} ${this.hint}`;
  }
}

const again = "Run the command again; nothing was stored for this partition.";

const hints: { readonly [Reason in GateReason]: string } = {
  RepeatedCursor: again,
  EndlessWalk: again,
  ConflictingRows: `The service contradicts itself. ${again}`,
  TotalMismatch: `${again} If it stays, the service may be wrong about itself: --gates warn records it and goes on.`,
  ShortPage: again,
  OutsidePeriod: `${again} If it stays, --gates warn records it and goes on.`,
  BadRow: "With --bad-rows quarantine the row is set aside, and the others are kept.",
  Vanished: again,
};

export const flowError = (operation: string, reason: GateReason, detail: string): FlowError =>
  new FlowError({ operation, reason, detail, hint: hints[reason] });
