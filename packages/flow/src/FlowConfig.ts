/**
 * The settings of a run, with their units and defaults.
 */

export interface FlowConfig {
  /** Partitions captured side by side. */
  readonly concurrency: number;
  /** Days after the end of its period from which a capture is taken as final. */
  readonly settleDays: number;
  /** `fail`: a row that breaks the contract fails its partition; `quarantine`: it goes to the rejects, the rest is kept. */
  readonly badRows: "fail" | "quarantine";
  /** `warn`: a mismatch with `totalEntries` or with a row's own period is recorded, and passes. */
  readonly gates: "fail" | "warn";
  /** Whether settled months are read again. */
  readonly refresh: boolean;
  /** Walks of one partition, the first included, before a walk that does not add up is given up. */
  readonly maxWalks: number;
}

export const defaults: FlowConfig = {
  concurrency: 8,
  settleDays: 7,
  badRows: "fail",
  gates: "fail",
  refresh: false,
  maxWalks: 3,
};
