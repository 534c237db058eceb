/**
 * The partition: (workspace, dataset, usage month). The unit of work, of atomicity and of resuming.
 */
import type { DatasetName } from "./Dataset.ts";
import type { UsageMonth } from "./UsageMonth.ts";

export interface Partition {
  readonly workspaceId: string;
  readonly dataset: DatasetName;
  readonly month: UsageMonth;
}

/** A text that no two partitions share; what messages call it. */
export const label = (partition: Partition): string =>
  `${partition.dataset} ${partition.month} of workspace ${partition.workspaceId}`;

export const equals = (a: Partition, b: Partition): boolean =>
  a.dataset === b.dataset && a.month === b.month && a.workspaceId === b.workspaceId;
