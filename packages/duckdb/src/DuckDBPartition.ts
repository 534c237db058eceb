/**
 * A partition in a DuckDB database: its rows, and the versions of them that no longer stand. Everything here is part of a
 * transaction of the caller's.
 */
import { type DuckDBConnection, DuckDBTimestampValue } from "@duckdb/node-api";
import {
  allColumns,
  areAscending,
  byVersion,
  type Capture,
  type Columns,
  columnsOf,
  type Partition,
  readerOf,
  type Revision,
  revisionTableOf,
  type Rows,
  type Table,
  type UsageRow,
  usageTableOf,
} from "@segmeter/domain";
import * as Ledger from "./DuckDBLedger.ts";
import { appendRows } from "./DuckDBRows.ts";
import { select } from "./DuckDBSession.ts";
import { runAgain } from "./DuckDBStatements.ts";

const ofPartition = "workspace_id = $1 AND usage_month = $2";

/** As they were appended, which is key order. */
export const readRows = async (
  connection: DuckDBConnection,
  partition: Partition.Partition,
): Promise<ReadonlyArray<UsageRow>> => {
  const { columns, name } = usageTableOf(partition);
  const from = `FROM ${name} WHERE ${ofPartition} ORDER BY rowid`;
  const rows = await select(connection, { columns, from, values: Ledger.keyOf(partition) });
  return rows as unknown as ReadonlyArray<UsageRow>;
};

/** In the order of `byVersion`. */
export const readRevisions = async (
  connection: DuckDBConnection,
  partition: Partition.Partition,
): Promise<ReadonlyArray<Revision>> => {
  const { columns, name } = revisionTableOf(partition);
  const from = `FROM ${name} WHERE ${ofPartition}`;
  const rows = await select(connection, { columns, from, values: Ledger.keyOf(partition) });
  return (rows as unknown as Array<Revision>).sort(byVersion);
};

export const writeRows = async (
  connection: DuckDBConnection,
  partition: Partition.Partition,
  rows: Columns,
): Promise<void> => {
  const table = usageTableOf(partition);
  await runAgain(connection, `DELETE FROM ${table.name} WHERE ${ofPartition}`, Ledger.keyOf(partition));
  await append(connection, table, partition, rows);
};

/** Does nothing, and that at no cost, where all revisions stay and none comes. */
export const writeRevisions = async (
  connection: DuckDBConnection,
  partition: Partition.Partition,
  { revisions, since }: Capture.Superseded,
): Promise<void> => {
  const table = revisionTableOf(partition);
  if (since < Number.MAX_SAFE_INTEGER) {
    const values = [...Ledger.keyOf(partition), new DuckDBTimestampValue(BigInt(since))];
    await runAgain(connection, `DELETE FROM ${table.name} WHERE ${ofPartition} AND superseded_at > $3`, values);
  }
  if (revisions.length > 0) await append(connection, table, partition, revisions);
};

const append = (
  connection: DuckDBConnection,
  table: Table,
  partition: Partition.Partition,
  rows: Rows,
): Promise<void> =>
  appendRows(connection, { table: table.name, columns: allColumns(table) }, rows, Ledger.constantsOf(partition));

/** The first key that two rows share, in words, or undefined. Memory: the keys. */
export const findRepeated = (table: Table, given: Rows): string | undefined => {
  const rows = columnsOf(table, given);
  if (areAscending(table, rows)) return undefined;
  const readers = table.columns.flatMap(({ name, type }, index) =>
    table.key.includes(name) ? [{ name, read: readerOf(type, rows.data[index]!) }] : [],
  );
  const seen = new Set<string>();
  for (let index = 0; index < rows.length; index++) {
    const key = readers.map(({ name, read }) => `${name} ${String(read(index))}`).join(", ");
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
};
