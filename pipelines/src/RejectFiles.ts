/**
 * Rejected rows as files: `rejects/<dataset>/workspace_id=<id>/usage_month=<month>/<capture>.ndjson`, one JSON object a line.
 */
import { type Capture, type DatasetName, datasetNames, type SinkError, UsageMonth } from "@segmeter/domain";
import { type Reject, Rejects } from "@segmeter/flow";
import type * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { createInterface } from "node:readline/promises";
import { absent, attempt } from "./Attempt.ts";

/** A rejected row, and where it belongs. */
export interface StoredReject extends Reject {
  readonly captureId: string;
  readonly workspaceId: string;
  readonly dataset: DatasetName;
  readonly month: UsageMonth.UsageMonth;
}

const rootOf = (dataDir: string): string => join(dataDir, "rejects");

const directoryOf = (dataDir: string, { partition }: Capture.Capture): string =>
  join(
    rootOf(dataDir),
    partition.dataset,
    `workspace_id=${encodeURIComponent(partition.workspaceId)}`,
    `usage_month=${UsageMonth.toPeriod(partition.month)}`,
  );

const fileOf = (dataDir: string, capture: Capture.Capture): string =>
  join(directoryOf(dataDir, capture), `${capture.captureId}.ndjson`);

/** `sweeps`: whether the run knows all that is held; what another sink holds has its rejects here, too. */
export const rejectFiles = (dataDir: string, sweeps: boolean): Layer.Layer<Rejects> =>
  Layer.succeed(Rejects, {
    keep: (capture, rejects) =>
      attempt("set rejected rows aside", async () => {
        if (rejects.length === 0) return;
        const path = fileOf(dataDir, capture);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        {
          await using file = await open(`${path}.tmp`, "w", 0o600);
          for (const reject of rejects) {
            await file.appendFile(`${JSON.stringify({ captureId: capture.captureId, ...reject })}\n`);
          }
          await file.sync();
        }
        await rename(`${path}.tmp`, path);
      }),
    settle: (capture) =>
      attempt("clear rejected rows", async () => {
        const directory = directoryOf(dataDir, capture);
        const names = await readdir(directory).catch(absent);
        if (names === undefined) return;
        const old = names.filter((name) => name !== `${capture.captureId}.ndjson`);
        await Promise.all(old.map((name) => rm(join(directory, name), { force: true })));
        if (old.length === names.length) await removeEmpty(directory, rootOf(dataDir));
      }),
    sweep: (workspaceId, held) =>
      attempt("sweep rejected rows", async () => {
        if (!sweeps) return;
        const kept = new Set(held.map((capture) => fileOf(dataDir, capture)));
        const found = await Promise.all(datasetNames.map((dataset) => listWorkspace(dataDir, dataset, workspaceId)));
        for (const path of found.flat().filter((one) => !kept.has(one))) {
          await rm(path, { force: true });
          await removeEmpty(dirname(path), rootOf(dataDir));
        }
      }),
  });

const listWorkspace = (dataDir: string, dataset: DatasetName, workspaceId: string): Promise<ReadonlyArray<string>> =>
  filesBelow(join(rootOf(dataDir), dataset, `workspace_id=${encodeURIComponent(workspaceId)}`));

const filesBelow = async (directory: string): Promise<ReadonlyArray<string>> => {
  const entries = (await readdir(directory, { recursive: true, withFileTypes: true }).catch(absent)) ?? [];
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
};

/** Upwards to `root`, which goes too. */
const removeEmpty = async (directory: string, root: string): Promise<void> => {
  try {
    await rmdir(directory);
  } catch {
    return;
  }
  if (directory !== root) await removeEmpty(dirname(directory), root);
};

const pattern = /^([a-z-]+)\/workspace_id=([^/]+)\/usage_month=([\d-]+)\/([^/]+)\.ndjson$/;

/** Shape: by dataset, workspace, month; in a partition by page and position. Memory: all of them. */
export const readRejects = (dataDir: string): Effect.Effect<ReadonlyArray<StoredReject>, SinkError> =>
  attempt("read rejected rows", async () => {
    const root = rootOf(dataDir);
    const rejects: Array<StoredReject> = [];
    for (const path of (await filesBelow(root)).toSorted()) {
      const [, dataset, id, period] = pattern.exec(relative(root, path).replaceAll(sep, "/")) ?? [];
      const month = period === undefined ? undefined : Option.getOrUndefined(UsageMonth.fromPeriod(period));
      const known = datasetNames.find((name) => name === dataset);
      if (known === undefined || id === undefined || month === undefined) continue;
      for await (const line of createInterface({ input: createReadStream(path) })) {
        const reject = JSON.parse(line) as Reject & { readonly captureId: string };
        rejects.push({ ...reject, workspaceId: decodeURIComponent(id), dataset: known, month });
      }
    }
    return rejects;
  });
