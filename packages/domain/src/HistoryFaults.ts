/**
 * What a history must keep to: each version of a row stood from one capture to a later one, and one version at a time. Pure, so
 * that every sink holds what it keeps against the same rule.
 */
import { type Capture, type History, isHeld } from "./Capture.ts";
import { type EpochMicros, format, formatDay } from "./Instant.ts";
import { equals } from "./Partition.ts";
import type { Revision, UsageRow } from "./Table.ts";
import { byVersion, keyOf, sourceOf } from "./UsageKey.ts";

/**
 * The rules that a history breaks, a sentence for each, with the first row that breaks it and the number of the others.
 * `captures`: the ledger; those of other partitions do not matter. Undefined: it is not known, and nothing is held against it.
 * Memory: one instant a key, and the revisions in order.
 */
export const historyFaults = (
  { capture, revisions, rows }: History,
  captures: ReadonlyArray<Capture> | undefined,
): ReadonlyArray<string> => {
  const found = makeFindings();
  const held = format(capture.capturedAt);
  // What the partition itself names stands, even while the ledger is behind.
  const made = captures && new Set([capture, ...captures.filter(isOf(capture))].map(({ capturedAt }) => capturedAt));
  const isMade = (instant: EpochMicros): boolean => made === undefined || made.has(instant);
  /** Until when the versions of a key that were met so far stood. */
  const until = new Map<string, EpochMicros>();
  for (const revision of revisions.toSorted(byVersion)) {
    const { observed_at: from, superseded_at: to } = revision;
    if (from >= to) found("was superseded before it was observed", revision);
    if (to > capture.capturedAt) found(`was superseded after the held capture of ${held}`, revision);
    if (!isMade(from)) found("was observed by no capture in the ledger", revision);
    if (!isMade(to)) found("was superseded by no capture in the ledger", revision);
    const key = keyOf(revision);
    const before = until.get(key) ?? 0;
    if (from < before) found("was observed while another version stood", revision);
    until.set(key, Math.max(before, to));
  }
  for (const row of rows) {
    const from = row.observed_at;
    if (from > capture.capturedAt) found(`was observed after the held capture of ${held}`, row);
    if (!isMade(from)) found("was observed by no capture in the ledger", row);
    if (from < (until.get(keyOf(row)) ?? 0)) found("was observed while an earlier version stood", row);
  }
  return found.sentences();
};

/** Held captures alone: nothing was observed by one that failed. */
const isOf =
  ({ partition }: Capture) =>
  (other: Capture) =>
    isHeld(other) && equals(other.partition, partition);

interface Findings {
  (what: string, row: UsageRow | Revision): void;
  readonly sentences: () => ReadonlyArray<string>;
}

const makeFindings = (): Findings => {
  const findings = new Map<string, { readonly first: UsageRow | Revision; count: number }>();
  const add = (what: string, row: UsageRow | Revision): void => {
    const rule = `${"superseded_at" in row ? "A revision" : "A row"} ${what}`;
    const finding = findings.get(rule) ?? { first: row, count: 0 };
    finding.count += 1;
    findings.set(rule, finding);
  };
  const sentences = () => [...findings].map(([rule, { count, first }]) => `${rule}: ${shown(first)}${others(count)}.`);
  return Object.assign(add, { sentences });
};

const shown = (row: UsageRow | Revision): string => {
  const source = sourceOf(row) === "" ? "" : ` of source ${sourceOf(row)}`;
  const until = "superseded_at" in row ? `, superseded ${format(row.superseded_at)}` : "";
  return `${formatDay(row.day)}${source}, observed ${format(row.observed_at)}${until}`;
};

const others = (count: number): string => (count === 1 ? "" : `, and ${count - 1} more`);
