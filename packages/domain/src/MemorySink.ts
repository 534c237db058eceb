/**
 * A sink in memory: the shortest statement of the contract, for tests of what is above it.
 */
import * as Effect from "effect/Effect";
import { mergeCaptures } from "./Books.ts";
import { byTime, type Capture, type CapturedPartition, isHeld, nothingSuperseded } from "./Capture.ts";
import { rowsOf } from "./Columns.ts";
import { mergeRows, type Names, sourceRows, workspaceRow } from "./Name.ts";
import { label, type Partition } from "./Partition.ts";
import { byStart, toRow } from "./Run.ts";
import type { Sink } from "./Sink.ts";
import { type Revision, type RunRow, type SourceRow, type UsageRow, usageTableOf, type WorkspaceRow } from "./Table.ts";
import { byVersion } from "./UsageKey.ts";

export interface MemorySink extends Sink {
  readonly partitions: Map<string, CapturedPartition>;
  readonly superseded: Map<string, ReadonlyArray<Revision>>;
  readonly ledger: Map<string, Capture>;
  readonly workspaces: Map<string, WorkspaceRow>;
  readonly sources: Map<string, ReadonlyArray<SourceRow>>;
  /** By workspace, then by run. */
  readonly runs: Map<string, Map<string, RunRow>>;
}

export const makeMemorySink = (name: Sink["name"] = "memory"): MemorySink => {
  const partitions = new Map<string, CapturedPartition>();
  const superseded = new Map<string, ReadonlyArray<Revision>>();
  const ledger = new Map<string, Capture>();
  const workspaces = new Map<string, WorkspaceRow>();
  const sources = new Map<string, ReadonlyArray<SourceRow>>();
  const runs = new Map<string, Map<string, RunRow>>();
  const enter = (captures: ReadonlyArray<Capture>): void => {
    for (const capture of captures) ledger.set(capture.captureId, capture);
  };
  const saveRuns = (workspaceId: string, rows: ReadonlyArray<RunRow>): void => {
    runs.set(
      workspaceId,
      new Map([...(runs.get(workspaceId) ?? []), ...rows.map((row) => [row.run_id, row] as const)]),
    );
  };
  const capturesOf = (workspaceId?: string) =>
    [...ledger.values()]
      .filter((capture) => workspaceId === undefined || capture.partition.workspaceId === workspaceId)
      .sort(byTime);
  const revisionsOf = (partition: Partition) => superseded.get(label(partition)) ?? [];
  return {
    name,
    partitions,
    superseded,
    ledger,
    workspaces,
    sources,
    runs,
    held: (workspaceId) =>
      Effect.sync(() =>
        [...partitions.values()]
          .map(({ capture }) => capture)
          .filter((capture) => capture.partition.workspaceId === workspaceId && isHeld(capture)),
      ),
    read: (partition) => Effect.sync(() => partitions.get(label(partition))),
    revisions: (partition) => Effect.sync(() => revisionsOf(partition)),
    replace: ({ capture, rows }, { captures, revisions, since } = nothingSuperseded) =>
      Effect.sync(() => {
        const stay = revisionsOf(capture.partition).filter((revision) => revision.superseded_at <= since);
        const held = rowsOf(usageTableOf(capture.partition), rows) as unknown as ReadonlyArray<UsageRow>;
        partitions.set(label(capture.partition), { capture, rows: held });
        superseded.set(label(capture.partition), [...stay, ...revisions].sort(byVersion));
        enter([...captures, capture]);
      }),
    record: (capture) => Effect.sync(() => enter([capture])),
    captures: (workspaceId) => Effect.sync(() => capturesOf(workspaceId)),
    saveNames: (names: Names) =>
      Effect.sync(() => {
        const { id } = names.workspace;
        workspaces.set(id, workspaceRow(names, workspaces.get(id)));
        sources.set(id, sourceRows(names, sources.get(id) ?? []));
      }),
    saveRun: (run) => Effect.sync(() => saveRuns(run.workspaceId, [toRow(run)])),
    workspaceIds: Effect.sync(() => {
      const captured = [...ledger.values()].map(({ partition }) => partition.workspaceId);
      return [...new Set([...captured, ...workspaces.keys(), ...runs.keys()])].sort();
    }),
    books: (workspaceId) =>
      Effect.sync(() => ({
        captures: capturesOf(workspaceId),
        runs: [...(runs.get(workspaceId)?.values() ?? [])].sort(byStart),
        workspaces: [workspaces.get(workspaceId) ?? []].flat(),
        sources: sources.get(workspaceId) ?? [],
      })),
    addBooks: (workspaceId, books) =>
      Effect.sync(() => {
        enter(mergeCaptures(capturesOf(workspaceId), books.captures));
        saveRuns(workspaceId, books.runs);
        for (const row of books.workspaces) workspaces.set(workspaceId, row);
        sources.set(workspaceId, mergeRows(books.sources, sources.get(workspaceId) ?? []));
      }),
    inspect: Effect.sync(() => ({
      faults: [],
      held: [...partitions.values()].map(({ capture }) => capture),
      files: 0,
      rows: [...partitions.values()].reduce((sum, { rows }) => sum + rows.length, 0),
    })),
  };
};
