/**
 * The ledger of a DuckDB database: its captures, and which of them each partition holds.
 *
 * The held capture of a partition is the one that replaced it last, whatever its `captured_at`: two captures may share a
 * microsecond when `SEGMETER_NOW` stops the clock, and an old one may be recorded again. `internal.held` says which it is, and is
 * written in the transaction that writes the rows, so that capture and rows always belong together.
 */
import { type DuckDBConnection, DuckDBDateValue, type DuckDBValue } from "@duckdb/node-api";
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
import { appendRows } from "./DuckDBRows.ts";
import { heldTable } from "./DuckDBSchema.ts";
import { select } from "./DuckDBSession.ts";

const { captures } = bookTables;

const joined = `FROM captures JOIN ${heldTable.name} USING (workspace_id, usage_month, dataset, capture_id)`;

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
  const where = "WHERE workspace_id = $1 AND usage_month = $2 AND dataset = $3";
  const [found] = await read(connection, path, `${joined} ${where}`, [...keyOf(partition), partition.dataset]);
  return found;
};

/** The whole ledger by `captured_at`; those of one microsecond as they were written. */
export const all = (connection: DuckDBConnection, path: string, workspaceId: string | undefined) =>
  workspaceId === undefined
    ? read(connection, path, "FROM captures ORDER BY captured_at, rowid", [])
    : read(connection, path, "FROM captures WHERE workspace_id = $1 ORDER BY captured_at, rowid", [workspaceId]);

/** Adds a capture, or replaces the entry of the same id: after a crash between two sinks a capture comes twice. */
export const write = async (connection: DuckDBConnection, capture: Capture.Capture): Promise<void> => {
  await connection.run("DELETE FROM captures WHERE capture_id = $1", [capture.captureId]);
  const target = { table: captures.name, columns: allColumns(captures) };
  await appendRows(connection, target, [Capture.toRow(capture)], constantsOf(capture.partition));
};

/** Makes a capture the one that its partition's rows belong to. */
export const hold = async (connection: DuckDBConnection, { captureId, partition }: Capture.Capture): Promise<void> => {
  const values = [...keyOf(partition), partition.dataset];
  const where = "workspace_id = $1 AND usage_month = $2 AND dataset = $3";
  await connection.run(`DELETE FROM ${heldTable.name} WHERE ${where}`, values);
  await connection.run(`INSERT INTO ${heldTable.name} VALUES ($1, $2, $3, $4)`, [...values, captureId]);
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
