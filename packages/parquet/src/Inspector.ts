/**
 * What the parts of an inspection share: what it found so far, and how a file is looked at by itself.
 */
import type { Capture, Encoder, Fault } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { inspectFile } from "./FileInspection.ts";
import type { PlacedFile } from "./ParquetRevisions.ts";
import { setAside } from "./SetAside.ts";

export interface Inspector {
  readonly dataDir: string;
  readonly encoder: Encoder;
  readonly faults: Array<Fault>;
  readonly held: Array<Capture.Capture>;
  files: number;
  rows: number;
}

/**
 * One file by itself; what is wrong with it is a fault, which moves the file away when it is cleared, or does what is given
 * instead. Memory: its rows.
 */
export const inspectPlaced = Effect.fnUntraced(function* (
  inspector: Inspector,
  placed: PlacedFile,
  { clear = setAside(inspector.dataDir, placed.file.path), ...of }: Pick<Fault, "partition" | "clear"> = {},
) {
  const { path } = placed.file;
  const found = yield* inspectFile(placed);
  inspector.files += 1;
  inspector.rows += found.rows?.length ?? 0;
  if (found.fault !== undefined) {
    const { detail, isMovable, kind } = found.fault;
    inspector.faults.push({ sink: "parquet", kind, where: path, detail, ...of, ...(isMovable ? { clear } : {}) });
  }
  return found;
});
