/**
 * The books: what stands around the figures of one workspace, and says how they came to be. Every sink keeps its own; two that
 * were asked for together are brought to say the same.
 */
import { byTime, type Capture } from "./Capture.ts";
import { mergeRows } from "./Name.ts";
import { byStart } from "./Run.ts";
import type { RunRow, SourceRow, WorkspaceRow } from "./Table.ts";

export interface Books {
  /** The ledger, unique by id, in the order of `byTime`. */
  readonly captures: ReadonlyArray<Capture>;
  /** Unique by `run_id`, in the order of `started`. */
  readonly runs: ReadonlyArray<RunRow>;
  /** One, or none when no run got so far. */
  readonly workspaces: ReadonlyArray<WorkspaceRow>;
  /** Unique by `id`, ascending. */
  readonly sources: ReadonlyArray<SourceRow>;
}

export const empty: Books = { captures: [], runs: [], workspaces: [], sources: [] };

/** What either has. Of two versions of a run the one that has ended stands; of captures with one id, either: they are equal. */
export const merge = (a: Books, b: Books): Books => ({
  captures: mergeCaptures(a.captures, b.captures),
  runs: mergeRuns(a.runs, b.runs),
  workspaces: mergeRows(a.workspaces, b.workspaces),
  sources: mergeRows(a.sources, b.sources),
});

/** Both ledgers as one, unique by id, in the order of `byTime`. */
export const mergeCaptures = (a: ReadonlyArray<Capture>, b: ReadonlyArray<Capture>): ReadonlyArray<Capture> =>
  [...new Map([...a, ...b].map((capture) => [capture.captureId, capture])).values()].toSorted(byTime);

const mergeRuns = (a: ReadonlyArray<RunRow>, b: ReadonlyArray<RunRow>): ReadonlyArray<RunRow> => {
  const rows = new Map(a.map((row) => [row.run_id, row]));
  for (const row of b) if (row.ended !== null || !rows.has(row.run_id)) rows.set(row.run_id, row);
  return [...rows.values()].toSorted(byStart);
};
