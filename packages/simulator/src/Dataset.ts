/**
 * The usage endpoints, by dataset: where each is asked for and under which key its rows come.
 * Source: the Segment Public API, operations of "Monthly Tracked Users" and "API Calls".
 */

/** One usage endpoint. */
export type Dataset = "workspace-mtu" | "source-mtu" | "workspace-api-calls" | "source-api-calls";

/** How one usage endpoint looks on the wire. */
export interface DatasetShape {
  /** Path below the host, without a query. */
  readonly path: string;
  /** Key of the list inside `data`. */
  readonly listKey: string;
  /** Whether rows are of one source each, or of the whole workspace. */
  readonly perSource: boolean;
  /** Fields that hold counts, in the order of the wire. */
  readonly counts: ReadonlyArray<string>;
}

const mtuCounts = ["anonymous", "anonymousIdentified", "identified", "neverIdentified"];
const apiCallsCounts = ["apiCalls"];

/** The four usage endpoints. */
export const datasets: Readonly<Record<Dataset, DatasetShape>> = {
  "workspace-mtu": {
    path: "/usage/mtu/daily",
    listKey: "dailyWorkspaceMTUUsage",
    perSource: false,
    counts: mtuCounts,
  },
  "source-mtu": {
    path: "/usage/mtu/sources/daily",
    listKey: "dailyPerSourceMTUUsage",
    perSource: true,
    counts: mtuCounts,
  },
  "workspace-api-calls": {
    path: "/usage/api-calls/daily",
    listKey: "dailyWorkspaceAPICallsUsage",
    perSource: false,
    counts: apiCallsCounts,
  },
  "source-api-calls": {
    path: "/usage/api-calls/sources/daily",
    listKey: "dailyPerSourceAPICallsUsage",
    perSource: true,
    counts: apiCallsCounts,
  },
};

/** The names of the four datasets, in the order of the documentation. */
export const datasetNames = Object.keys(datasets) as ReadonlyArray<Dataset>;

/** The dataset that a path asks for, or undefined. */
export function datasetAt(path: string): Dataset | undefined {
  return datasetNames.find((name) => datasets[name].path === path);
}
