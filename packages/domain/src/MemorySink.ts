/**
 * A sink in memory: the shortest statement of the contract, for tests of what is above it.
 */
import * as Effect from "effect/Effect";
import { type Capture, type CapturedPartition, isHeld } from "./Capture.ts";
import { type Names, sourceRows, workspaceRow } from "./Name.ts";
import { label } from "./Partition.ts";
import type { Run } from "./Run.ts";
import type { Sink } from "./Sink.ts";
import type { SourceRow, WorkspaceRow } from "./Table.ts";

export interface MemorySink extends Sink {
  readonly partitions: Map<string, CapturedPartition>;
  readonly ledger: Map<string, Capture>;
  readonly workspaces: Map<string, WorkspaceRow>;
  readonly sources: Map<string, ReadonlyArray<SourceRow>>;
  readonly runs: Map<string, Run>;
}

export const makeMemorySink = (): MemorySink => {
  const partitions = new Map<string, CapturedPartition>();
  const ledger = new Map<string, Capture>();
  const workspaces = new Map<string, WorkspaceRow>();
  const sources = new Map<string, ReadonlyArray<SourceRow>>();
  const runs = new Map<string, Run>();
  return {
    name: "memory",
    partitions,
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
    replace: (captured) =>
      Effect.sync(() => {
        partitions.set(label(captured.capture.partition), captured);
        ledger.set(captured.capture.captureId, captured.capture);
      }),
    record: (capture) => Effect.sync(() => void ledger.set(capture.captureId, capture)),
    captures: (workspaceId) =>
      Effect.sync(() =>
        [...ledger.values()]
          .filter((capture) => workspaceId === undefined || capture.partition.workspaceId === workspaceId)
          .sort((a, b) => a.capturedAt - b.capturedAt),
      ),
    saveNames: (names: Names) =>
      Effect.sync(() => {
        const { id } = names.workspace;
        workspaces.set(id, workspaceRow(names, workspaces.get(id)));
        sources.set(id, sourceRows(names, sources.get(id) ?? []));
      }),
    saveRun: (run) => Effect.sync(() => void runs.set(run.runId, run)),
  };
};
