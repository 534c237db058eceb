/**
 * Where files lie: `parquet/<table>/workspace_id=<id>/usage_month=2024-01-01/data.parquet`, or without the month for tables that
 * are kept by workspace. Part of the contract with users, whose queries name these paths.
 *
 * Ids are percent-encoded byte by byte, so that none can name a directory elsewhere or hold a wildcard, and so that Hive
 * partitioning decodes them to what they were.
 */
import { readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { type SinkError, sinkError, type Table, UsageMonth } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { attempt, orMissing } from "./Attempt.ts";

export interface TableFile {
  readonly path: string;
  readonly workspaceId: string;
  /** Undefined for tables that are kept by workspace. */
  readonly month: UsageMonth.UsageMonth | undefined;
}

export const fileName = "data.parquet";

export const parquetDirectory = (dataDir: string): string => join(dataDir, "parquet");

export const tableDirectory = (dataDir: string, table: Table): string => join(parquetDirectory(dataDir), table.name);

/** Values that readers of Hive partitions take for SQL's null, unless something in them is encoded. */
const nullWords = /^(?:null|__HIVE_DEFAULT_PARTITION__)$/i;

const encodeId = (id: string): string =>
  Array.from(Buffer.from(id), (byte, index) => {
    const character = String.fromCharCode(byte);
    const asIs = /[\w-]/.test(character) && !(index === 0 && nullWords.test(id));
    return asIs ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");

/** None unless {@link encodeId} made it. */
const decodeId = (encoded: string): Option.Option<string> =>
  Option.filter(Option.liftThrowable(decodeURIComponent)(encoded), (id) => id !== "" && encodeId(id) === encoded);

/** Bytes of a name that file systems take. */
const longestName = 255;

/** Fails with `Unrepresentable` for an id that has no path: an empty one, one that is not well-formed Unicode, or is too long. */
const workspaceDirectory = (workspaceId: string): Effect.Effect<string, SinkError> => {
  const name = `workspace_id=${encodeId(workspaceId)}`;
  if (workspaceId !== "" && workspaceId.isWellFormed() && name.length <= longestName) return Effect.succeed(name);
  const shown = JSON.stringify(workspaceId.slice(0, 80));
  return sinkError("find a file", "Unrepresentable", `${shown} cannot be the id of a workspace.`);
};

/** `month` for the tables that are kept by workspace and month, and only for those. */
export const fileOf = (
  dataDir: string,
  table: Table,
  workspaceId: string,
  month?: UsageMonth.UsageMonth,
): Effect.Effect<string, SinkError> =>
  Effect.map(workspaceDirectory(workspaceId), (workspace) =>
    month === undefined
      ? join(tableDirectory(dataDir, table), workspace, fileName)
      : join(tableDirectory(dataDir, table), workspace, `usage_month=${UsageMonth.toPeriod(month)}`, fileName),
  );

/**
 * The files that there are of a table, of one workspace or of all, ordered by path. Whatever else lies there is passed over.
 */
export const filesOf = Effect.fn("ParquetLayout.filesOf")(function* (
  dataDir: string,
  table: Table,
  workspaceId?: string,
) {
  const workspace = workspaceId === undefined ? "" : yield* workspaceDirectory(workspaceId);
  const root = tableDirectory(dataDir, table);
  const names = yield* listBelow(join(root, workspace));
  return names
    .map((name) => join(workspace, name))
    .toSorted()
    .flatMap((name) => Option.toArray(parseFile(root, table, name)));
});

/** Relative paths of everything below a directory; none when it is not there. */
export const listBelow = (directory: string): Effect.Effect<ReadonlyArray<string>, SinkError> =>
  orMissing(
    attempt(`list ${directory}`, () => readdir(directory, { recursive: true })),
    [],
  );

/** Whether files of the table may lie below a directory of this name, relative to the table's. */
export const isOnTheWay = (table: Table, name: string): boolean => {
  const month = table.partitioning === "workspace-month" ? "/usage_month=2024-01-01" : "";
  const steps = name.replaceAll(sep, "/").split("/");
  // A month of no matter which completes the path.
  const path = steps.length === 1 ? `${name}${month}` : steps.join("/");
  return Option.isSome(parseFile("", table, `${path}/${fileName}`));
};

const byMonth = /^workspace_id=([^/]+)\/usage_month=([^/]+)\/data\.parquet$/;
const byWorkspace = /^workspace_id=([^/]+)\/data\.parquet$/;

/** The file of a table by its path relative to the table's directory; none for what cannot be one. */
export const parseFile = (root: string, table: Table, name: string): Option.Option<TableFile> =>
  Option.gen(function* () {
    const monthly = table.partitioning === "workspace-month";
    const [, id, period] = yield* Option.fromNullishOr(
      (monthly ? byMonth : byWorkspace).exec(name.replaceAll(sep, "/")),
    );
    const workspaceId = yield* decodeId(id!);
    const month = monthly ? yield* UsageMonth.fromPeriod(period!) : undefined;
    return { path: join(root, name), workspaceId, month };
  });
