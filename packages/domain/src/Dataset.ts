/**
 * The datasets: one per usage endpoint of the Segment Public API, as data. A further endpoint is a further entry.
 */

/** What the rows count. */
export type Measure = "mtu" | "api-calls";

/** What a row stands for: the whole workspace, or one source of it. */
export type Level = "workspace" | "source";

export interface Dataset {
  readonly name: DatasetName;
  readonly measure: Measure;
  readonly level: Level;
  /** The table that holds its rows. */
  readonly table: UsageTableName;
}

export type DatasetName = "workspace-mtu" | "source-mtu" | "workspace-api-calls" | "source-api-calls";

export type UsageTableName =
  | "workspace_mtu_daily"
  | "source_mtu_daily"
  | "workspace_api_calls_daily"
  | "source_api_calls_daily";

/** In the order in which they are captured: a workspace's figures before those of its sources, which are held against them. */
export const datasets: ReadonlyArray<Dataset> = [
  { name: "workspace-mtu", measure: "mtu", level: "workspace", table: "workspace_mtu_daily" },
  { name: "workspace-api-calls", measure: "api-calls", level: "workspace", table: "workspace_api_calls_daily" },
  { name: "source-mtu", measure: "mtu", level: "source", table: "source_mtu_daily" },
  { name: "source-api-calls", measure: "api-calls", level: "source", table: "source_api_calls_daily" },
];

export const datasetNames: ReadonlyArray<DatasetName> = datasets.map((dataset) => dataset.name);

export const isDatasetName = (name: string): name is DatasetName => datasets.some((dataset) => dataset.name === name);

export const datasetOf = (name: DatasetName): Dataset => datasets.find((dataset) => dataset.name === name)!;

/** The workspace-level dataset of the same measure, for one on the level of sources. */
export const companionOf = (name: DatasetName): DatasetName | undefined => {
  const { level, measure } = datasetOf(name);
  return level === "workspace"
    ? undefined
    : datasets.find((dataset) => dataset.level === "workspace" && dataset.measure === measure)?.name;
};
