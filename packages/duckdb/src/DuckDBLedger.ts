/**
 * The ledger of a DuckDB database: its captures, and which of them each partition holds.
 *
 * The held capture of a partition is the one that replaced it last, whatever its `captured_at`: an old one may be recorded again,
 * and a newer one be in the books of another sink alone. `internal.held_captures` says which it is, and is written in the
 * transaction that writes the rows, so that capture and rows always belong together.
 */
import { type DuckDBConnection, DuckDBDateValue, type DuckDBValue, listValue } from "@duckdb/node-api";
import {
  allColumns,
  bookTables,
  Capture,
  type CaptureRow,
  Instant,
  type Partition,
  type Row,
  sinkError,
  UsageMonth,
} from "@segmeter/domain";
import * as Option from "effect/Option";
import { appendRows, insertRow } from "./DuckDBRows.ts";
import { heldTable } from "./DuckDBSchema.ts";
import { select } from "./DuckDBSession.ts";
import { runAgain } from "./DuckDBStatements.ts";

const { captures } = bookTables;

// By the session's name for it, which stands for that of either version.
const joined = `FROM captures JOIN held_captures USING (workspace_id, usage_month, dataset, capture_id)`;

const ofPartition = "workspace_id = $1 AND usage_month = $2 AND dataset = $3";

/** The partition columns as bound values: workspace, month. */
export const keyOf = (partition: Partition.Partition): Array<DuckDBValue> => [
  partition.workspaceId,
  new DuckDBDateValue(UsageMonth.firstDay(partition.month)),
];

/** The partition columns as they stand in every row. */
export const constantsOf = (partition: Partition.Partition): Row => ({
  workspace_id: partition.workspaceId,
  usage_month: UsageMonth.firstDay(partition.month),
});

/** The held captures of a workspace, in no order. */
export const held = async (connection: DuckDBConnection, path: string, workspaceId: string) => {
  const found = await read(connection, path, `${joined} WHERE workspace_id = $1`, [workspaceId]);
  return found.filter(Capture.isHeld);
};

/** The held capture of a partition, or undefined. */
export const heldOf = async (connection: DuckDBConnection, path: string, partition: Partition.Partition) => {
  const values = [...keyOf(partition), partition.dataset];
  const [found] = await read(connection, path, `${joined} WHERE ${ofPartition}`, values);
  return found;
};

/** The ledger in the order of `byTime`: of one workspace, or of all. */
export const all = async (connection: DuckDBConnection, path: string, workspaceId: string | undefined) => {
  const found =
    workspaceId === undefined
      ? await read(connection, path, "FROM captures", [])
      : await read(connection, path, "FROM captures WHERE workspace_id = $1", [workspaceId]);
  // Not by SQL, whose order of texts is another one.
  return found.sort(Capture.byTime);
};

/** The ledger's captures of a partition in the order of `byTime`, failed ones included. */
export const allOf = async (connection: DuckDBConnection, path: string, partition: Partition.Partition) => {
  const values = [...keyOf(partition), partition.dataset];
  return (await read(connection, path, `FROM captures WHERE ${ofPartition}`, values)).sort(Capture.byTime);
};

/** A capture as its whole row, partition columns included. */
export const entryOf = (capture: Capture.Capture): Row => ({
  ...constantsOf(capture.partition),
  ...Capture.toRow(capture),
});

/** Adds captures, or replaces the entries of the same ids: after a crash between two sinks a capture comes twice. */
export const write = async (connection: DuckDBConnection, given: ReadonlyArray<Capture.Capture>): Promise<void> => {
  const unique = new Map(given.map((capture) => [capture.captureId, capture]));
  if (unique.size === 0) return;
  const ids = listValue([...unique.keys()]);
  await runAgain(connection, "DELETE FROM captures WHERE capture_id IN (SELECT unnest($1::VARCHAR[]))", [ids]);
  const target = { table: captures.name, columns: allColumns(captures) };
  const entries = [...unique.values()].map(entryOf);
  // An appender costs several times what it takes to insert the one row that nearly every capture is.
  if (entries.length === 1) await insertRow(connection, target, entries[0]!);
  else await appendRows(connection, target, entries);
};

/** Makes a capture the one that its partition's rows belong to. */
export const hold = async (connection: DuckDBConnection, { captureId, partition }: Capture.Capture): Promise<void> => {
  const values = [...keyOf(partition), partition.dataset];
  await runAgain(connection, `DELETE FROM ${heldTable.name} WHERE ${ofPartition}`, values);
  await runAgain(connection, `INSERT INTO ${heldTable.name} VALUES ($1, $2, $3, $4)`, [...values, captureId]);
};

const read = async (
  connection: DuckDBConnection,
  path: string,
  from: string,
  values: Array<DuckDBValue>,
): Promise<Array<Capture.Capture>> => {
  const rows = await select(connection, { columns: allColumns(captures), from, values });
  return rows.map((row) => {
    const period = Instant.formatDay(row["usage_month"] as number);
    const capture = Capture.fromRow(row["workspace_id"] as string, period, row as unknown as CaptureRow);
    if (Option.isSome(capture)) return capture.value;
    const detail = `${path}: the capture ${String(row["capture_id"])} in its ledger is not as segmeter writes them.`;
    throw sinkError("read the ledger", "Damaged", detail);
  });
};
