/**
 * A restatement for people, in a line, and for programs, as JSON.
 */
import { Instant, Partition } from "@segmeter/domain";
import { differenceOf, type FigureChange, type Restatement } from "@segmeter/flow";

const figure = new Intl.NumberFormat("en-US");

/** Series that a line names; a program gets them all. */
const named = 3;

const units = { mtu: "MTU", "api-calls": "API calls" } as const;

/** Such as `31 rows corrected; MTU on 2024-01-31: 104,233 → 103,980 (-253)`. */
export const amountOf = ({ changes, corrected, measure, withdrawn }: Restatement): string => {
  const rows = [
    ...(corrected > 0 ? [`${figure.format(corrected)} rows corrected`] : []),
    ...(withdrawn > 0 ? [`${figure.format(withdrawn)} rows withdrawn`] : []),
  ].join(", ");
  if (changes.length === 0) return `${rows}; the latest figures stay`;
  const more = changes.length > named ? `, and of ${changes.length - named} more sources` : "";
  return `${rows}; ${units[measure]} ${changes.slice(0, named).map(changeOf).join(", ")}${more}`;
};

/** Such as `restated: workspace-mtu 2024-01 of workspace …: …`. */
export const sentenceOf = (restatement: Restatement): string =>
  `restated: ${Partition.label(restatement.partition)}: ${amountOf(restatement)}.`;

const changeOf = (change: FigureChange): string => {
  const { after, before, day, sourceId } = change;
  const source = sourceId === undefined ? "" : `of source ${sourceId} `;
  const difference = differenceOf(change);
  const signed = `${difference > 0n ? "+" : ""}${figure.format(difference)}`;
  const now = after === undefined ? "none" : figure.format(after);
  return `${source}on ${Instant.formatDay(day)}: ${figure.format(before)} → ${now} (${signed})`;
};

/** Counts of users and calls as decimal strings, exact at any size. */
export const restatedFields = ({ changes, corrected, measure, partition, withdrawn }: Restatement): object => ({
  workspaceId: partition.workspaceId,
  dataset: partition.dataset,
  usageMonth: partition.month,
  measure,
  corrected,
  withdrawn,
  changes: changes.map((change) => ({
    sourceId: change.sourceId ?? null,
    day: Instant.formatDay(change.day),
    before: String(change.before),
    after: change.after === undefined ? null : String(change.after),
    difference: String(differenceOf(change)),
  })),
});
