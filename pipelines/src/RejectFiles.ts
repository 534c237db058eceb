/**
 * Rejected rows as files: `rejects/<dataset>/workspace_id=<id>/usage_month=<month>/<capture>.ndjson`, one JSON object a line.
 */
import { type Capture, fromSystemError, UsageMonth } from "@segmeter/domain";
import { Rejects } from "@segmeter/flow";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const directoryOf = (dataDir: string, { partition }: Capture.Capture): string =>
  join(
    dataDir,
    "rejects",
    partition.dataset,
    `workspace_id=${encodeURIComponent(partition.workspaceId)}`,
    `usage_month=${UsageMonth.toPeriod(partition.month)}`,
  );

/** What one partition had is replaced by what its newest capture has. */
export const rejectFiles = (dataDir: string): Layer.Layer<Rejects> =>
  Layer.succeed(Rejects, {
    replace: (capture, rejects) =>
      Effect.tryPromise({
        try: async () => {
          const directory = directoryOf(dataDir, capture);
          await rm(directory, { recursive: true, force: true });
          if (rejects.length === 0) return;
          await mkdir(directory, { recursive: true, mode: 0o700 });
          const lines = rejects.map((reject) => `${JSON.stringify({ captureId: capture.captureId, ...reject })}\n`);
          const path = join(directory, `${capture.captureId}.ndjson`);
          await writeFile(`${path}.tmp`, lines.join(""), { mode: 0o600, flush: true });
          await rename(`${path}.tmp`, path);
        },
        catch: (cause) => fromSystemError("set rejected rows aside", cause),
      }),
  });
