/**
 * Plan: which partitions a run has to do, and which way. Pure: what is aimed at, less what every asked-for sink already holds
 * settled. The sinks are the ledger.
 */
import { type Capture, Partition, type SinkName } from "@segmeter/domain";
import type { Target } from "./Target.ts";

/** A partition to be captured from the service. */
export interface CaptureTask {
  readonly _tag: "Capture";
  readonly partition: Partition.Partition;
  /** The newest capture that a sink holds of it. */
  readonly held: { readonly sink: SinkName; readonly capture: Capture.Capture } | undefined;
  /** Whether the sinks hold different captures, and are to be brought to one first. */
  readonly isUneven: boolean;
}

/** A partition that one sink holds settled and others lack: copied from the one, without a call. */
export interface CatchUpTask {
  readonly _tag: "CatchUp";
  readonly partition: Partition.Partition;
  readonly from: SinkName;
  readonly to: ReadonlyArray<SinkName>;
}

export type Task = CaptureTask | CatchUpTask;

export interface Plan {
  readonly tasks: ReadonlyArray<Task>;
  /** Partitions that need nothing. */
  readonly skipped: number;
  /** Requests for usage that the service cannot be asked fewer of, if it has what it had before. */
  readonly leastRequests: number;
}

export interface PlanRequest {
  readonly workspaceId: string;
  /** In the order in which they are to be done: workspace figures before those of sources, which are held against them. */
  readonly targets: ReadonlyArray<Target>;
  /** What each sink holds, in the sinks' order. */
  readonly holdings: ReadonlyArray<{ readonly sink: SinkName; readonly held: ReadonlyArray<Capture.Capture> }>;
  readonly pageSize: number;
}

/** Shape: tasks in the order of the targets. */
export const plan = (request: PlanRequest): Plan => {
  const { holdings, targets, workspaceId } = request;
  const held = holdings.map(({ held: captures, sink }) => ({
    sink,
    captures: new Map(captures.map((capture) => [Partition.label(capture.partition), capture])),
  }));
  const tasks: Array<Task> = [];
  let skipped = 0;
  for (const { dataset, month, refresh } of targets) {
    const partition = { workspaceId, dataset, month };
    const versions = held.flatMap(({ captures, sink }) => {
      const capture = captures.get(Partition.label(partition));
      return capture === undefined ? [] : [{ sink, capture }];
    });
    const newest = newestOf(versions);
    const current = versions.filter(({ capture }) => capture.captureId === newest?.capture.captureId);
    const to = held.map(({ sink }) => sink).filter((name) => !current.some(({ sink }) => sink === name));
    if (newest === undefined || newest.capture.state === "open" || refresh) {
      tasks.push({ _tag: "Capture", partition, held: newest, isUneven: newest !== undefined && to.length > 0 });
    } else if (to.length > 0) {
      tasks.push({ _tag: "CatchUp", partition, from: newest.sink, to });
    } else {
      skipped++;
    }
  }
  return {
    tasks,
    skipped,
    leastRequests: tasks.reduce((sum, task) => sum + leastRequestsOf(task, request.pageSize), 0),
  };
};

interface Version {
  readonly sink: SinkName;
  readonly capture: Capture.Capture;
}

/** Of captures made in the same instant the first sink's stands: it is written first. */
const newestOf = (versions: ReadonlyArray<Version>): Version | undefined =>
  versions.reduce<Version | undefined>(
    (newest, version) =>
      newest === undefined || version.capture.capturedAt > newest.capture.capturedAt ? version : newest,
    undefined,
  );

const leastRequestsOf = (task: Task, pageSize: number): number =>
  task._tag === "CatchUp" ? 0 : Math.max(1, Math.ceil((task.held?.capture.rows ?? 0) / pageSize));
