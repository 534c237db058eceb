/** What the programs here are asked to read, and the walk over it in the obvious order. */
export interface Task {
  readonly url: string;
  readonly token: string;
  readonly months: ReadonlyArray<string>;
  readonly datasets: ReadonlyArray<string>;
  readonly concurrency: number;
  /** Where to write, for those that do. */
  readonly dataDir: string;
}

/** From the command line, as JSON. */
export const task = (): Task => JSON.parse(process.argv[2]!) as Task;

export const paths: Readonly<Record<string, readonly [path: string, list: string]>> = {
  "workspace-mtu": ["/usage/mtu/daily", "dailyWorkspaceMTUUsage"],
  "source-mtu": ["/usage/mtu/sources/daily", "dailyPerSourceMTUUsage"],
  "workspace-api-calls": ["/usage/api-calls/daily", "dailyWorkspaceAPICallsUsage"],
  "source-api-calls": ["/usage/api-calls/sources/daily", "dailyPerSourceAPICallsUsage"],
};

/** Every month of every dataset. */
export const partitions = ({ datasets, months }: Task): ReadonlyArray<readonly [dataset: string, month: string]> =>
  months.flatMap((month) => datasets.map((dataset) => [dataset, month] as const));
