/**
 * The schema version of a data directory's files as a whole, from the ones that are brought up last: the footers of `runs`.
 */
import { bookTables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { orUnreadable } from "./Attempt.ts";
import { withParquet } from "./ParquetColumns.ts";
import { filesOf } from "./ParquetLayout.ts";

/**
 * The newest version when any is newer than this segmeter knows, so that it can be refused; else the oldest. Undefined when no
 * run is recorded, or none can be read. Cost: one footer for each workspace.
 */
export const directoryVersion = Effect.fn("directoryVersion")(function* (dataDir: string, known: number) {
  const files = yield* filesOf(dataDir, bookTables.runs);
  const versions = yield* Effect.forEach(files, ({ path }) =>
    orUnreadable(
      withParquet(path, async ({ metadata }) => Number(metadata["segmeter.schema_version"])),
      undefined,
    ),
  );
  const read = versions.filter((version) => version !== undefined && Number.isInteger(version)) as Array<number>;
  if (read.length === 0) return undefined;
  return Math.max(...read) > known ? Math.max(...read) : Math.min(...read);
});
