/** The command lines that are measured. */
import type { Service } from "./Pages.ts";
import type { Task } from "./Walk.ts";

export const allDatasets = ["workspace-mtu", "source-mtu", "workspace-api-calls", "source-api-calls"];
export const now = "2024-02-20T06:00:00Z";

export const taskOf =
  ({ token, url }: Service, months: ReadonlyArray<string>, datasets: ReadonlyArray<string>) =>
  (dataDir: string): ReadonlyArray<string> => {
    const task: Task = { url, token, months, datasets, concurrency: 8, dataDir };
    return [JSON.stringify(task)];
  };

export const backfill =
  (months: ReadonlyArray<string>, datasets: ReadonlyArray<string>, ...flags: ReadonlyArray<string>) =>
  (dataDir: string): ReadonlyArray<string> => [
    "backfill",
    "--from",
    months[0]!,
    "--to",
    months.at(-1)!,
    "--data-dir",
    dataDir,
    "--concurrency",
    "8",
    ...flags,
    ...datasets.flatMap((dataset) => ["--dataset", dataset]),
  ];

export const clock = { SEGMETER_NOW: now };
