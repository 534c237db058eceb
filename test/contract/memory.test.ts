import {
  allColumns,
  Capture,
  makeMemorySink,
  type MemorySink,
  type Row,
  type Table,
  UsageMonth,
  datasetOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { sinkContract } from "./SinkContract.ts";

// Memory survives being opened again as long as the test keeps it.
const sinks = new Map<string, MemorySink>();

const sinkAt = (dataDir: string): MemorySink => {
  const sink = sinks.get(dataDir) ?? makeMemorySink();
  sinks.set(dataDir, sink);
  return sink;
};

const rowsOf = (sink: MemorySink, table: Table): ReadonlyArray<Row> => {
  switch (table.name) {
    case "workspaces":
      return [...sink.workspaces.values()].map((row) => ({ workspace_id: row.id, ...row }));
    case "sources":
      return [...sink.sources].flatMap(([id, rows]) => rows.map((row) => ({ workspace_id: id, ...row })));
    case "runs":
      return [...sink.runs].flatMap(([id, rows]) => [...rows.values()].map((row) => ({ workspace_id: id, ...row })));
    case "captures":
      return [...sink.ledger.values()].map((capture) => ({ ...pathOf(capture), ...Capture.toRow(capture) }));
    default:
      return [...sink.partitions].flatMap(([label, { capture, rows }]) => {
        const name = datasetOf(capture.partition.dataset).table;
        const superseded = sink.superseded.get(label) ?? [];
        const own = table.name === name ? rows : table.name === `${name}_revisions` ? superseded : [];
        return own.map((row) => ({ ...pathOf(capture), ...row }));
      });
  }
};

const pathOf = ({ partition }: Capture.Capture): Row => ({
  workspace_id: partition.workspaceId,
  usage_month: UsageMonth.firstDay(partition.month),
});

const inColumnOrder = (table: Table, row: Row): Row =>
  Object.fromEntries(allColumns(table).map(({ name }) => [name, row[name]!]));

sinkContract("memory", (dataDir) => Effect.sync(() => sinkAt(dataDir)), {
  rowsOf: async (dataDir, table) => rowsOf(sinkAt(dataDir), table).map((row) => inColumnOrder(table, row)),
  boundless: true,
});
