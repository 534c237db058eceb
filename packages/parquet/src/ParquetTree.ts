/**
 * Everything that lies below `parquet/`, told apart: the files of the tables, what killed processes left, and what is not ours.
 * A directory that may not be listed is named, and keeps no other from being.
 */
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type SinkError, type Table, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { attempt, orMissing } from "./Attempt.ts";
import { isLeftover, isTemporary } from "./ParquetFile.ts";
import { fileName, isOnTheWay, parquetDirectory, parseFile, type TableFile } from "./ParquetLayout.ts";
import { isOfRevisions, type PlacedFile } from "./ParquetRevisions.ts";
import { isPrevious } from "./PreviousRevisions.ts";

export interface ParquetTree {
  readonly files: Array<PlacedFile>;
  /** Copies of revisions files that a capture was about to replace, with the file's place. */
  readonly kept: Array<PlacedFile & { readonly copy: string }>;
  /** Temporary files that nobody writes any more. */
  readonly leftovers: Array<string>;
  /** Files and directories that are not ours; of a directory only itself. */
  readonly strangers: Array<{ readonly path: string; readonly isFile: boolean }>;
  /** Directories that could not be listed. */
  readonly closed: Array<readonly [path: string, error: SinkError]>;
}

/** Memory: the paths of all files. */
export const readTree = Effect.fn("ParquetTree.readTree")(function* (dataDir: string) {
  const tree: ParquetTree = { files: [], kept: [], leftovers: [], strangers: [], closed: [] };
  const root = parquetDirectory(dataDir);
  for (const entry of yield* list(tree, root)) {
    const table = tables.find(({ name }) => name === entry.name);
    if (table === undefined || !entry.isDirectory())
      tree.strangers.push({ path: join(root, entry.name), isFile: entry.isFile() });
    else yield* walk(tree, table, join(root, entry.name), "");
  }
  return tree;
});

const list = (tree: ParquetTree, directory: string) =>
  Effect.catch(
    orMissing(
      attempt(`list ${directory}`, async () =>
        (await readdir(directory, { withFileTypes: true })).filter(isOfInterest),
      ),
      [],
    ),
    (error) => {
      tree.closed.push([directory, error]);
      return Effect.succeed([]);
    },
  );

/** macOS leaves its notes wherever a window was opened, and nobody means anything by them. */
const isOfInterest = ({ name }: { readonly name: string }): boolean => name !== ".DS_Store";

/** `name`: of the directory, relative to the table's. */
const walk: (tree: ParquetTree, table: Table, root: string, name: string) => Effect.Effect<void> = Effect.fnUntraced(
  function* (tree, table, root, name) {
    const entries = yield* list(tree, join(root, name));
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = join(name, entry.name);
      if (entry.isDirectory() && isOnTheWay(table, inside)) yield* walk(tree, table, root, inside);
      else place(tree, table, join(root, inside), entry, parseFile(root, table, join(name, fileName)));
    }
  },
);

/** `file`: the one that belongs in this directory, if any does. */
const place = (tree: ParquetTree, table: Table, path: string, entry: Dirent, file: Option.Option<TableFile>): void => {
  const { name } = entry;
  if (Option.isNone(file)) tree.strangers.push({ path, isFile: entry.isFile() });
  else if (name === fileName) tree.files.push({ table, file: file.value });
  else if (isPrevious(name) && isOfRevisions(table)) tree.kept.push({ table, file: file.value, copy: path });
  else if (!isTemporary(name)) tree.strangers.push({ path, isFile: entry.isFile() });
  // The one of a process that lives is neither ours to judge nor a stranger.
  else if (isLeftover(name)) tree.leftovers.push(path);
};
