/**
 * Brings a data directory of an earlier version to this one: every file is written anew with the same rows and a footer that says
 * so. One file after the other, each atomically: a migration that was cut off goes on where it ended, and meanwhile both versions
 * are read.
 */
import { type Encoder, type Table, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { orUnreadable } from "./Attempt.ts";
import { publishFile } from "./ParquetFile.ts";
import { fileMetadata, isFirstVersion, type Metadata } from "./ParquetFooter.ts";
import { filesOf, type TableFile } from "./ParquetLayout.ts";
import { readFile, readMetadata } from "./ParquetReader.ts";

/**
 * Returns the number of files that were written anew; `runs` comes last, and so tells of a migration that is complete. Reads the footer of every file. A file that cannot be read stays as it is,
 * for whatever needs it to name. Memory: one file's rows.
 */
export const migrateFiles = Effect.fn("ParquetMigration.migrateFiles")(function* (dataDir: string, encoder: Encoder) {
  let migrated = 0;
  for (const table of tables) {
    for (const file of yield* filesOf(dataDir, table)) {
      const metadata = yield* orUnreadable(readMetadata(table, file), undefined);
      if (metadata === undefined || !isFirstVersion(metadata)) continue;
      if (yield* migrate(encoder, table, file)) migrated += 1;
    }
  }
  return migrated;
});

const migrate = Effect.fnUntraced(function* (encoder: Encoder, table: Table, file: TableFile) {
  const found = yield* orUnreadable(readFile(table, file), undefined);
  if (found === undefined) return false;
  const { rows } = found;
  const metadata = { ...fileMetadata(table, file, rows), ...kept(found.metadata) };
  yield* publishFile(encoder, { table, rows, metadata, path: file.path });
  return true;
});

/** What the footer said, but for its version and for the notes of the encoder that wrote it. */
const kept = (metadata: Metadata): Metadata =>
  Object.fromEntries(
    Object.entries(metadata).filter(([key]) => key.startsWith("segmeter.") && key !== "segmeter.schema_version"),
  );
